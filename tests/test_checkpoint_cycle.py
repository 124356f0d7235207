"""The loop as a person or an agent plays it: reset, rehearse, diff, rewind, armed; through the real `inv`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import envfile
from tests.conftest import renew_sandbox
from tests.support import document, ops, run

REHEARSAL = ("-m", "sandbox.lab.rehearsal")


@pytest.fixture(scope="module")
def root(lab_root: Path) -> Iterator[Path]:
    """A repository with a lab whose sandbox was reset, and so saved."""
    folder = ops(lab_root)
    done = run(folder, "reset", "--yes", "--headless")
    assert done.returncode == 0, done.stderr
    assert "saved baseline" in done.stdout
    yield folder
    assert document(run(folder, "rewind", "--yes", "--json"))["armed"] is True
    for name in names(folder):
        assert run(folder, "forget", "--name", name, "--yes").returncode == 0
    assert names(folder) == []
    renew_sandbox(folder)


def names(folder: Path) -> list[str]:
    return [one["name"] for one in document(run(folder, "checkpoints", "--json"))["checkpoints"]]


def test_a_reset_ends_with_a_checkpoint_of_an_armed_sandbox(root: Path) -> None:
    (one,) = document(run(root, "checkpoints", "--json"))["checkpoints"]
    assert (one["name"], one["armed"], one["of_this_refresh"]) == ("baseline", True, True)
    assert one["refreshed"] is not None
    assert one["dolibarr"]
    assert "armed, Dolibarr" in run(root, "checkpoints").stdout
    assert run(root, "diff", "--check").returncode == 0


@pytest.mark.slow
def test_rehearse_diff_rewind_armed_again_and_again(root: Path) -> None:
    unavailable = []
    for _ in range(2):
        rehearsed = run(root, program=REHEARSAL)
        assert rehearsed.returncode == 0, rehearsed.stderr
        customer = rehearsed.stdout.partition("customer ")[2].split()[0]

        seen = run(root, "diff", "--rows", "--check", "--json", "--html", "diff.html")
        assert seen.returncode == 8
        found = {table["table"]: table for table in document(seen)["tables"]}
        assert {"llx_societe", "llx_facture", "llx_facturedet"} <= found.keys()
        assert found["llx_societe"]["rows"][0]["after"]["nom"] == "Rehearsal & Sons"
        assert "Rehearsal &amp; Sons" in (root / "diff.html").read_text()
        assert document(seen)["compared"]["read"] < 10

        done = run(root, "rewind", "--yes", "--json")
        assert done.returncode == 0, done.stderr
        assert document(done)["armed"] is True
        unavailable.append(document(done)["unavailable_ms"])
        assert "HTTP 404" in run(root, "--look", customer, program=REHEARSAL).stdout
        assert run(root, "diff", "--check").returncode == 0
        assert run(root, "status").returncode == 0
    (root / "diff.html").unlink()
    assert min(unavailable) < 300  # whatever else the machine does can only make it longer


@pytest.mark.slow
def test_a_reset_that_another_task_calls_cleans_first_and_saves_then(root: Path) -> None:
    tasks = root / "tasks.py"
    text = tasks.read_text()
    tasks.write_text(
        "from invoke import task\n" + text + "\n@task\ndef nightly(c):\n"
        '    ns.tasks["reset"](c, yes=True, headless=True)\n\nns.add_task(nightly)\n'
    )
    try:
        rehearsed = run(root, program=REHEARSAL)
        customer = rehearsed.stdout.partition("customer ")[2].split()[0]
        done = run(root, "nightly")
        assert done.returncode == 0, done.stderr
        assert "saved baseline" in done.stdout
    finally:
        tasks.write_text(text)
    assert "HTTP 404" in run(root, "--look", customer, program=REHEARSAL).stdout
    assert run(root, "diff", "--check").returncode == 0
    (one,) = document(run(root, "checkpoints", "--json"))["checkpoints"]
    assert (one["armed"], one["of_this_refresh"]) == (True, True)


def test_the_key_is_in_nothing_that_is_said_or_kept(root: Path) -> None:
    key = envfile.read_secret(root / "test/.ai_agent_sandbox.key")
    assert key is not None
    said = ""
    for words in (
        ["save", "--name", "secret"],
        ["diff", "--rows"],
        ["rewind", "--yes"],
        ["forget", "--name", "secret", "--yes"],
    ):
        done = run(root, "--echo", *words)
        assert done.returncode == 0, done.stderr
        said += done.stdout + done.stderr
    assert key not in said
    state = [path.read_bytes() for path in (root / ".sandbox").rglob("*") if path.is_file()]
    assert not [text for text in state if key.encode() in text]


@pytest.mark.slow
def test_a_checkpoint_with_another_key_says_so_and_how_to_mend_it(root: Path) -> None:
    file = root / "test/.ai_agent_sandbox.key"
    key = envfile.read_secret(file)
    assert key is not None
    envfile.write_secret(file, "a-key-that-a-later-provision-made\n")
    try:
        done = run(root, "rewind", "--yes", "--json")
        assert done.returncode == 4
        assert document(done)["armed"] is False
        assert "another key" in document(done)["next_step"]
        assert "inv provision" in document(done)["next_step"]
        assert run(root, "rewind", "--yes").returncode == 4
    finally:
        envfile.write_secret(file, f"{key}\n")
    assert run(root, "rewind", "--yes").returncode == 0


def test_refusals_end_with_their_codes(root: Path) -> None:
    refused = run(root, "rewind", "--json")
    assert refused.returncode == 3
    assert "everything since the checkpoint baseline" in document(refused)["error"]
    (one,) = document(run(root, "checkpoints", "--json"))["checkpoints"]
    for words in (["save", "--json"], ["forget", "--name", "baseline", "--json"]):
        refused = run(root, *words)
        assert refused.returncode == 3
        assert f"baseline, saved {one['saved']}" in document(refused)["error"]
    assert document(run(root, "checkpoints", "--json"))["checkpoints"][0]["saved"] == one["saved"]
    for words, code in (
        (["rewind", "--name", "other", "--yes"], 1),
        (["diff", "--name", "other"], 1),
        (["forget", "--name", "other"], 1),
        (["forget"], 2),
        (["save", "--name", "No Name; DROP"], 2),
        (["save", "--name", "x'; DROP DATABASE postgres; --"], 2),
        (["save", "baseline"], 1),  # Invoke's own: a bare word is a task
    ):
        done = run(root, *words)
        assert done.returncode == code, (words, done.stderr)
        assert "Traceback" not in done.stderr
    assert names(root) == ["baseline"]


def test_core_flags_after_a_task_are_still_invokes_own(root: Path) -> None:
    before = document(run(root, "checkpoints", "--json"))["checkpoints"][0]["saved"]
    for words in (
        ["save", "--yes", "--dry"],
        ["rewind", "--yes", "--dry"],
        ["forget", "--name", "baseline", "--yes", "--dry"],
    ):
        done = run(root, *words)
        assert done.returncode == 0, done.stderr
    assert document(run(root, "checkpoints", "--json"))["checkpoints"][0]["saved"] == before


def test_a_reset_without_save_leaves_the_checkpoint_alone(root: Path) -> None:
    help_text = run(root, "--help", "reset").stdout
    assert "--[no-]save" in help_text
    done = run(root, "--dry", "reset", "--yes", "--headless", "--no-save")
    assert done.returncode == 0, done.stderr
    assert "__cp_baseline__next" not in done.stdout


def test_a_diff_works_from_the_arcodange_program(root: Path, tmp_path: Path) -> None:
    words = ("sandbox", "checkpoint", "diff", "--json")
    done = run(tmp_path, *words, program=("-m", "sandbox.program"), ARCO_ROOT=str(root))
    assert done.returncode == 0
    assert document(done)["different"] is False


def test_nothing_of_ours_runs_on(root: Path) -> None:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in listed.splitlines() if "psql" in line and str(root) in line]
