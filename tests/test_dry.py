"""`inv --dry` of every task of both collections changes no file, no database and no process."""

from __future__ import annotations

import hashlib
import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox import lab
from sandbox.lab.access import connected
from sandbox.lab.facts import contents
from sandbox.lab.folder import Folder
from sandbox.lab.server import SUPERUSER
from sandbox.session import SandboxTask
from sandbox.tasks import collection, lab_collection
from tests.conftest import renew_sandbox
from tests.support import document, ops, run

TASKS: dict[str, SandboxTask] = {
    **collection().tasks,
    **{f"lab.{name}": task for name, task in lab_collection().tasks.items()},
}
VALUES = {"name": "baseline", "into": "skills", "html": "diff.html", "svg": "demo.svg"}
LEFT_OUT = {"json", "detach", "rows", "check", "full", "size", "dolibarr"}  # change nothing of what is done
ENDS = {"status": 4, "relink-env": 0}  # the sandbox of a lab has no agent yet
SAYS = {  # of the others: what they would do
    **dict.fromkeys(("status", "diff", "checkpoints"), ""),  # what they always do
    "recover": "nothing to do",
    "skill": "would install skills",
    "save": "would save baseline",
    "rewind": "would rewind to baseline",
    "forget": "would forget baseline",
    "reset": "would save the checkpoint baseline",
    "lab.up": "nothing would be done",
    "lab.down": "would stop PostgreSQL",
    "lab.demo": "would run: inv reset --yes --headless",
}
SKIPPED = {"postgres", "__pycache__"}  # the server's own; the interpreter's
World = dict[str, Any]


def words(task: SandboxTask) -> list[str]:
    """All the flags that could make the task do more."""
    given = []
    for name in list(inspect.signature(task.body).parameters)[1:]:
        if name in VALUES:
            given += [f"--{name}", VALUES[name]]
        elif name != "save" and name not in LEFT_OUT:
            given.append(f"--{name.replace('_', '-')}")
    return given


def seen(root: Path) -> World:
    """Every file, every database and every process of a lab."""
    found: World = {}
    for path in sorted(root.rglob("*")):
        if SKIPPED & set(path.relative_to(root).parts) or path.suffix == ".log":
            continue
        told = path.lstat()
        text = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = (oct(told.st_mode), told.st_uid, told.st_mtime_ns, text)
    for process in psutil.process_iter(["pid", "cmdline"]):
        if any(str(root) in word for word in process.info["cmdline"] or ()):
            found[f"process {process.info['pid']}"] = process.info["cmdline"]
    folder = Folder(root)
    state = folder.state()
    if state and f"{state['database_port']}" and any(name.startswith("process") for name in found):
        found |= databases(folder, state["database_port"])
    return found


def databases(folder: Folder, port: int) -> World:
    query = "SELECT datname, oid::bigint, shobj_description(oid, 'pg_database') FROM pg_database"
    with connected(folder.passwords, port, SUPERUSER, "postgres") as session:
        found: World = {f"database {name}": (oid, told) for name, oid, told in session.execute(query)}
    for name in list(found):
        if name.startswith("database dolibarr"):
            with connected(folder.passwords, port, SUPERUSER, name.split()[1]) as session:
                found[f"content of {name}"] = contents(session)
    return found


def dry(root: Path, name: str) -> str:
    """A dry run of a task with all its flags; what it said."""
    done = run(root, "--dry", name, *words(TASKS[name]), PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == ENDS.get(name, 0), done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def root(lab_root: Path) -> Iterator[Path]:
    """A lab that runs, whose sandbox was saved and changed since; shared."""
    folder = ops(lab_root)
    assert run(folder, "save").returncode == 0
    given = lab.configuration(folder)
    assert given is not None
    (Path(given["documents"]) / "rehearsed.pdf").write_text("rehearsed")
    yield folder
    assert run(folder, "forget", "--name", "baseline", "--yes").returncode == 0
    renew_sandbox(folder)


@pytest.fixture(scope="module")
def before(root: Path) -> World:
    """What each dry run must leave as it is."""
    return seen(root)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_dry_run_of_a_task_changes_nothing_and_says_what_it_would(
    root: Path, before: World, name: str
) -> None:
    assert SAYS.get(name, "would ") in dry(root, name)
    assert seen(root) == before


def test_a_dry_refresh_prints_a_plan_and_with_echo_its_commands(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")  # names and folders are as long as they are
    done = run(root, "--dry", "refresh", "--yes")
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert len(lines) < 14
    given = lab.configuration(root)
    assert given is not None
    name, prods = given["database"]["name"], given["prod"]["database"]["name"]
    for label, wanted in {
        "from": f"prod's database {prods}@",
        "to": f"sandbox's database {name}@",
        "strategy": f"swap: made as {name}__next, verified and muted; then both are renamed at once",
        "carried": "only what differs from the checkpoint baseline",
        "documents": f"{given['prod']['documents']} to {given['documents']}",
        "lost": f"the database {name}@",
        "muted": "",
        "paused": "nothing: the sandbox answers meanwhile",
    }.items():
        assert [words[1] for words in lines if words[0] == label and words[1].startswith(wanted)]
    assert "psql" not in done.stdout + done.stderr
    echoed = run(root, "--dry", "--echo", "refresh", "--yes", "--full", "--db-only", "--json")
    assert document(echoed)["plan"]["documents"] == "left as they are, as asked"
    assert document(echoed)["plan"]["carried"] == "all of prod: as asked"
    assert "pg_restore" in echoed.stderr


def test_the_labs_tasks_tell_programs_what_they_would_do(root: Path) -> None:
    assert document(run(root, "--dry", "lab.up", "--json")) == {"would": [], "dry": True}


def test_a_dry_run_makes_and_starts_no_lab(tmp_path: Path) -> None:
    folder = ops(tmp_path / "none")
    before = seen(folder)
    assert "would make a lab" in dry(folder, "lab.up")
    assert "nothing would be done" in dry(folder, "lab.down")
    assert seen(folder) == before


def test_a_dry_run_does_not_start_a_lab_that_is_stopped(lab_root: Path, tmp_path: Path) -> None:
    folder = ops(tmp_path / "stopped")
    shutil.copytree(Folder(lab_root).path, Folder(folder).path, ignore=shutil.ignore_patterns("postgres"))
    before = seen(folder)
    said = dry(folder, "lab.up")
    assert "would start PostgreSQL" in said
    assert "would start the ERP" in said
    assert "nothing would be done" in dry(folder, "lab.down")
    assert seen(folder) == before
