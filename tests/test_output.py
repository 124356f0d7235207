"""Output that breaks, and signals that are ignored, change nothing of what is done."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.lab.demo import TASKS
from tests.support import slow_but
from tests.worlds import World

INV = ("-m", "invoke")
ARCODANGE = ("-m", "sandbox.program", "sandbox", "checkpoint")
TASK = {"status": 5, "refresh": 0, "save": 0, "diff": 0}  # nothing listens at the sandbox's URL
BREAKS = {  # shell text around a program, by how its output breaks
    "the pipe's reader ends": '"$@" | :; exit "${PIPESTATUS[0]}"',
    "closed": '"$@" >&-',
    "closed error": '"$@" 2>&-',
    "both closed": '"$@" >&- 2>&-',
    "a full disk": '"$@" >/dev/full',
    "a full disk for errors": '"$@" 2>/dev/full',
    "the terminal closes": "",
}


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A small one, in whose folder are our tasks."""
    made = World(lab_root, tmp_path_factory.mktemp("output")).make()
    (made.folder / "tasks.py").write_text(TASKS)
    settings = json.dumps({"sandbox": made.base})
    (made.folder / "invoke.yaml").write_text(settings)
    yield made
    made.drop()


def words(folder: Path, program: tuple[str, ...], *task: str) -> tuple[list[str], dict[str, str]]:
    """A command line and its environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARCO_", "INVOKE_"))}
    return [sys.executable, *program, *task], {**kept, "ARCO_ROOT": str(folder)}


def broken(world: World, how: str, program: tuple[str, ...], *task: str) -> tuple[int, str]:
    """Run a task whose output breaks: its exit code, and what it said on standard error."""
    command, env = words(world.folder, program, *task)
    if how == "the terminal closes":
        person, terminal = pty.openpty()
        process = subprocess.Popen(
            command, cwd=world.folder, env=env, stdin=terminal, stdout=terminal, stderr=terminal
        )
        os.close(terminal)
        os.close(person)
        return process.wait(120), ""
    text = BREAKS[how]
    done = subprocess.run(
        ["bash", "-c", text, "bash", *command],
        cwd=world.folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr


CASES = [
    (how, program, as_json) for how in BREAKS for program in (INV, ARCODANGE) for as_json in (False, True)
]


@pytest.mark.parametrize(("how", "program", "as_json"), slow_but(CASES[::3], CASES))
def test_a_task_ends_as_it_does_whatever_becomes_of_its_output(
    world: World, how: str, program: tuple[str, ...], as_json: bool
) -> None:
    for task, code in TASK.items():
        flags = [*(["--yes"] if task in {"refresh", "save"} else []), *(["--json"] if as_json else [])]
        before = dict(world.rows("postgres", "SELECT datname, oid FROM pg_database"))
        ended, said = broken(world, how, program, task, *flags)
        assert ended == (1 if how == "a full disk" else code), said
        assert "Traceback" not in said
        assert "Exception ignored" not in said
        assert said.count("standard output could not be written: No space left") == (how == "a full disk")
        after = dict(world.rows("postgres", "SELECT datname, oid FROM pg_database"))
        changed = {name for name in after if before.get(name) != after[name]}
        kept = {"refresh": {world.sandbox}, "save": {f"{world.sandbox}__cp_baseline"}}
        assert changed & set().union(*kept.values()) == kept.get(task, set())
    assert world.leftovers() == ["_sbx__cp_baseline", "sandbox documents__cp"]


def test_a_task_goes_on_after_a_signal_that_was_ignored_when_it_began(world: World) -> None:
    command, env = words(world.folder, INV, "refresh", "--yes", "--full")
    ignoring = 'trap "" HUP INT; exec "$@"'
    with subprocess.Popen(
        ["bash", "-c", ignoring, "bash", *command],
        cwd=world.folder,
        env=env,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "copying prod" in line:
                for _ in range(20):
                    for number in (signal.SIGHUP, signal.SIGINT):
                        with suppress(ProcessLookupError):
                            os.killpg(process.pid, number)
                    time.sleep(0.05)
        assert process.wait(60) == 0
    assert world.files()["prod only.pdf"] == "prod's"
