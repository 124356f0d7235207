"""The main job, as a person does it: the real `inv`, a real PostgreSQL, a real browser, real HTTP."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sandbox import envfile, lab
from sandbox.lab import access
from tests.support import REPOSITORY, document, ops, run

pytestmark = pytest.mark.conformance
Digest = dict[str, str]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, dolibarr: Path | None) -> Iterator[Path]:
    """An ops repository with a lab that runs; it must stop without a trace."""
    folder = ops(tmp_path_factory.mktemp("cycle"))
    made = run(folder, "lab.up", "--json", *(["--dolibarr", str(dolibarr)] if dolibarr else []))
    assert made.returncode == 0, made.stderr
    yield folder
    assert run(folder, "lab.down").returncode == 0
    assert [process for process in psutil.process_iter(["cmdline"]) if str(folder) in _words(process)] == []


def _words(process: psutil.Process) -> str:
    return " ".join(process.info["cmdline"] or [])


def content(folder: Path) -> Digest:
    """What a person could lose: every file that is not the servers' own, and both databases, dumped."""
    files = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {"postgres", "__pycache__"} & set(path.parts) and path.suffix != ".log"
    }
    return files | {side: _dump(folder, side) for side in ("prod", "sandbox")}


def _dump(folder: Path, side: str) -> str:
    settings = lab.configuration(folder)
    assert settings is not None
    where = settings["database"] if side == "sandbox" else settings["prod"]["database"]
    words = [f"{settings['postgres']['programs']}/pg_dump", "--no-owner", "--restrict-key=same"]
    words += ["-h", where["host"], "-p", str(where["port"]), "-U", where["user"], "-d", where["name"]]
    done = run(
        folder,
        "-c",
        "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)",
        *words,
        program=(),
        PGPASSFILE=settings["postgres"]["passwords"],
    )
    assert done.returncode == 0, done.stderr
    return hashlib.sha256(done.stdout.encode()).hexdigest()


def armed(folder: Path) -> tuple[int, str | None]:
    """Exit code and reason of `inv status --json`."""
    done = run(folder, "status", "--json")
    return done.returncode, document(done)["reason"]


def test_refusals_and_dry_runs_change_nothing_anywhere(root: Path) -> None:
    before = content(root)
    for words in (["refresh"], ["reset"], ["reset", "--headless"]):
        done = run(root, *words)
        assert done.returncode == 3
        assert "dolibarr_sandbox" in done.stderr
    for words in (
        ["reset", "--yes", "--headless"],
        ["refresh", "--yes"],
        ["provision", "--headless"],
        ["recover"],
    ):
        done = run(root, "--dry", *words)
        assert done.returncode == 0, done.stderr
    done = run(root, "--dry", "--echo", "refresh", "--yes", "--json")
    assert document(done)["dry"] is True
    assert "pg_restore" in done.stderr  # the commands are for people
    assert content(root) == before
    assert not (root / ".sandbox").exists()


def test_the_whole_cycle(root: Path) -> None:
    assert armed(root) == (4, "no_key")
    done = run(root, "reset", "--yes", "--headless")
    assert done.returncode == 0, done.stderr
    assert armed(root) == (0, None)

    key_file, env = root / "test/.ai_agent_sandbox.key", root / "dolibarr-sandbox-write/.env"
    key = envfile.read_secret(key_file)
    assert key is not None
    assert {stat.S_IMODE(path.stat().st_mode) for path in (key_file, env)} == {0o600}
    assert envfile.read_values(env)["DOLIBARR_API_KEY"] == key
    assert key not in done.stdout + done.stderr

    rehearsal = ("-m", "sandbox.lab.rehearsal")
    done = run(root, program=rehearsal)
    assert done.returncode == 0, done.stderr
    customer = done.stdout.partition("customer ")[2].split()[0]
    assert "HTTP 200" in run(root, "--look", customer, program=rehearsal).stdout

    done = run(root, "refresh", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert document(done)["strategy"] == "swap"
    assert armed(root) == (4, "key_refused")
    assert run(root, "relink-env").returncode == 1

    done = run(root, "provision", "--headless", "--json")
    assert done.returncode == 0, done.stderr
    assert document(done)["created"] is True
    assert armed(root) == (0, None)
    assert "HTTP 404" in run(root, "--look", customer, program=rehearsal).stdout
    assert envfile.read_secret(key_file) != key


def test_a_provision_again_reuses_the_agent_with_a_new_key(root: Path) -> None:
    before = envfile.read_secret(root / "test/.ai_agent_sandbox.key")
    done = run(root, "provision", "--headless", "--json")
    assert done.returncode == 0, done.stderr
    assert document(done)["created"] is False
    assert document(done)["rights_granted"] == []
    assert envfile.read_secret(root / "test/.ai_agent_sandbox.key") != before
    assert armed(root) == (0, None)


def test_a_rehearsal_is_shown_and_rewound(root: Path) -> None:
    rehearsal = ("-m", "sandbox.lab.rehearsal")
    for words in (["save", "--yes"], ["diff", "--check"]):
        done = run(root, *words)
        assert done.returncode == 0, done.stderr
    done = run(root, program=rehearsal)
    assert done.returncode == 0, done.stderr
    customer = done.stdout.partition("customer ")[2].split()[0]
    done = run(root, "diff", "--check", "--json")
    assert done.returncode == 8, done.stderr
    assert {"llx_societe", "llx_facture", "llx_facturedet"} <= set(re.findall(r"llx_\w+", done.stdout))
    assert run(root, "rewind").returncode == 3
    done = run(root, "rewind", "--yes")
    assert done.returncode == 0, done.stderr
    assert "HTTP 404" in run(root, "--look", customer, program=rehearsal).stdout
    assert armed(root) == (0, None)
    assert run(root, "diff", "--check").returncode == 0


def test_a_sandbox_that_a_team_refreshed_itself_is_proven_by_its_pages_alone(
    root: Path, tmp_path: Path
) -> None:
    script = tmp_path / "refresh.sh"
    script.write_text("#!/bin/sh\necho refreshed by us\n")
    script.chmod(0o755)
    before = document(run(root, "status", "--json"))
    done = run(root, "refresh", "--yes", "--json", INVOKE_SANDBOX_REFRESH_SCRIPT=str(script))
    assert done.returncode == 0, done.stderr
    seen = document(run(root, "status", "--json"))
    assert (seen["proven"], before["proven"]) == (True, True)
    assert seen["last_refresh"]["run"] != before["last_refresh"]["run"]
    done = run(root, "relink-env", "--json")
    assert (done.returncode, document(done)["proven"]) == (0, True)


def test_a_sandbox_whose_pages_lost_the_mark_is_not_proven(root: Path) -> None:
    where = lab.configuration(root)
    assert where is not None
    head = "name = 'MAIN_HTML_HEADER' AND value LIKE '%dolibarr-sandbox%'"
    with access.connected(
        Path(where["postgres"]["passwords"]), where["database"]["port"], access.SANDBOX, access.SANDBOX
    ) as session:
        session.execute(f"UPDATE llx_const SET value = replace(value, 'dolibarr-sandbox', 'x') WHERE {head}")
    seen = document(done := run(root, "status", "--json"))
    assert (done.returncode, seen["proven"], seen["reason"]) == (4, False, "another_database")
    assert document(run(root, "relink-env", "--json"))["proven"]  # it writes a mark of its own, and looks


def test_arcodange_drives_the_same_lab(root: Path, tmp_path: Path) -> None:
    words = ("sandbox", "checkpoint", "status", "--json")
    done = run(tmp_path, *words, program=("-m", "sandbox.program"), ARCO_ROOT=str(root))
    assert done.returncode == 0
    assert document(done) | {"latency_ms": 0} == document(run(root, "status", "--json")) | {"latency_ms": 0}


@pytest.mark.slow
def test_two_sandboxes_live_side_by_side_in_the_example(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ops"
    shutil.copytree(REPOSITORY / "examples/ops", folder, ignore=shutil.ignore_patterns("__pycache__"))
    settings = lab.configuration(root)
    assert settings is not None
    files = {"credentials": str(root / "test/.env.sandbox"), "key": "test/.staging.key"}
    training = {"url": "http://127.0.0.1:9", "postgres": settings["postgres"]}
    here = ("-f", "here.json")
    (folder / here[1]).write_text(json.dumps({"staging": {**settings, "files": files}, "training": training}))

    listed = run(folder, "--list").stdout
    assert "staging.reset" in listed
    assert "training.reset" in listed
    assert run(folder, *here, "staging.status").returncode == 4
    assert run(folder, *here, "training.status").returncode == 5
    done = run(folder, *here, "staging.reset", "--yes", "--headless")
    assert done.returncode == 0, done.stderr
    assert run(folder, *here, "staging.status").returncode == 0
    assert run(folder, *here, "training.refresh").returncode == 3
    done = run(folder, *here, "morning")
    assert done.returncode == 5
    assert "armed" in done.stdout
    assert [path.name for path in (folder / ".sandbox").iterdir()] == ["staging"]
