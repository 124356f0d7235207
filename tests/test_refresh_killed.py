"""A refresh killed at any moment leaves the old sandbox or the new one, and the next one converges."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from sandbox.engines import engine_for
from sandbox.errors import Busy, Failed
from sandbox.lab.access import SANDBOX
from sandbox.lifecycle import journal
from sandbox.lifecycle.recover import recover
from sandbox.shell import RUN_VARIABLE, OfRun, temporary
from tests.support import slow_but
from tests.worlds import PRODS, SCHEMA, World, context

# enough that a kill 60 ms into the copy hits the copy
LARGER = "INSERT INTO llx_societe (nom) SELECT repeat(md5(i::text), 4) FROM generate_series(1, 60000) i;"
SWAP_COMMANDS = 8  # that change something; then it is done
IN_PLACE_COMMANDS = 7


@pytest.fixture(scope="module")
def shared(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(lab_root, tmp_path_factory.mktemp("killed")).make()
    yield made
    made.drop()


@pytest.fixture(scope="module")
def larger(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(lab_root, tmp_path_factory.mktemp("larger")).make(prods=SCHEMA + PRODS + LARGER)
    yield made
    made.drop()


@pytest.fixture
def world(shared: World) -> World:
    """The same world each time, made old again by a rehearsal."""
    shared.overlay = {}
    return shared


def dirty(world: World) -> None:
    """A rehearsal, and what shows that the application runs."""
    world.fill(world.sandbox, SANDBOX, "CREATE TABLE IF NOT EXISTS rehearsed (a integer)")
    (world.documents / "rehearsed.pdf").write_text("rehearsed")
    (world.folder / "running").touch()


def state_of(world: World) -> tuple[str, str]:
    """Whether the database, and the documents, are the old or the new ones; fails when they are neither."""
    tables = {row[0] for row in world.rows(world.sandbox, "SELECT relname FROM pg_class WHERE relkind = 'r'")}
    database = "old" if "rehearsed" in tables else "new"
    keys = world.rows(world.sandbox, "SELECT count(*) FROM llx_user WHERE api_key = 'prods-own-key'")
    assert keys == [(0,)]
    files = set(world.files()) - {"mycompany/logos/logo.png"}
    return database, "old" if "rehearsed.pdf" in files else "new"


def killed(world: World, *words: str) -> None:
    process = world.start(*words)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, said


def converges(world: World) -> None:
    report = world.refresh()
    assert state_of(world) == ("new", "new")
    assert world.leftovers() == []
    assert journal.interrupted(world.settings()) is None
    assert (world.folder / "running").exists()
    prod = world.content(world.prod)
    sandbox = world.content(world.sandbox)
    assert {name for name in prod if prod[name] != sandbox[name]} <= {
        "public.llx_const",
        "public.llx_const_rowid_seq",
        "public.llx_user",
    }
    assert report.tables == 4


@pytest.mark.parametrize("number", slow_but({4, 7}, range(1, SWAP_COMMANDS + 1)))
def test_swap_killed_before_a_command_is_told_and_put_right(world: World, number: int) -> None:
    dirty(world)
    killed(world, "before", str(number))
    left = journal.interrupted(world.settings())
    assert left is not None
    assert left.strategy == "swap"
    told = journal.look(world.settings())
    assert told.running is None
    assert told.interrupted is not None
    assert told.interrupted["run"] == left.run
    # the database's swap is the 6th command; the documents follow it
    state = state_of(world)
    assert state == (("old", "old") if number <= 6 else ("new", "old") if number == 7 else ("new", "new"))
    if number % 2:
        report = recover(world.settings(), context())
        assert report.found
        assert report.outcome == ("rolled back" if number <= 6 else "rolled forward")
        assert state_of(world) == (("old", "old") if number <= 6 else ("new", "new"))
        assert world.leftovers() == []
        assert not recover(world.settings(), context()).found
    else:
        converges(world)


@pytest.mark.parametrize("number", slow_but({3, 4}, range(1, IN_PLACE_COMMANDS + 1)))
def test_in_place_killed_before_a_command_is_told_and_put_right(world: World, number: int) -> None:
    in_place(world)
    dirty(world)
    killed(world, "before", str(number))
    left = journal.interrupted(world.settings())
    assert left is not None
    assert state_of(world)[0] == ("old" if number <= 3 else "new")
    if number % 2:
        report = recover(world.settings(), context())
        assert report.outcome == ("rolled back" if number <= 3 else "rolled forward")
        assert state_of(world) == (("old", "old") if number <= 3 else ("new", "new"))
        assert (world.folder / "running").exists()
        assert world.leftovers() == []
    else:
        converges(world)


def in_place(world: World) -> None:
    running = world.folder / "running"
    world.overlay = {
        "refresh": {"strategy": "in-place"},
        "application": {"pause": f"rm '{running}'", "resume": f"touch '{running}'"},
    }


@pytest.mark.parametrize(("strategy", "number"), [("swap", 1), ("swap", 6), ("in-place", 3)])
def test_a_kill_in_the_middle_of_a_command_ends_what_it_left_running(
    larger: World, strategy: str, number: int
) -> None:
    world = larger
    world.overlay = {}
    if strategy == "in-place":
        in_place(world)
    dirty(world)
    killed(world, "during", str(number))
    assert journal.interrupted(world.settings()) is not None
    before = state_of(world) if strategy == "swap" else None  # in-place holds locks until it is ended
    report = recover(world.settings(), context())
    assert state_of(world) in {("old", "old"), ("new", "new")}
    assert before is None or before[0] == "old" or report.outcome == "rolled forward"
    assert world.leftovers() == []
    converges(world)


def test_what_a_dead_run_left_running_is_found_by_its_id(world: World) -> None:
    engine = engine_for(world.settings(), "recovering")
    env = {**os.environ, RUN_VARIABLE: "dead-run"}
    crowd = [subprocess.Popen(["sleep", "60"], env=one) for one in (env, {**env, RUN_VARIABLE: "dead-ru"})]
    runner = OfRun(context(), "dead-run")
    with ThreadPoolExecutor() as pool:
        shell = pool.submit(runner.run, "sleep 60\necho went on", hide=True, warn=True, in_stream=False)
        until = time.monotonic() + 30
        while len(psutil.Process().children(recursive=True)) < 4 and time.monotonic() < until:
            time.sleep(0.01)
        assert engine.end_processes("dead-run") == 3  # the shell, and its child
        assert shell.result(5).exited == -signal.SIGKILL
    assert crowd[0].wait(5) == -signal.SIGKILL
    assert crowd[1].poll() is None
    crowd[1].kill()
    crowd[1].wait()


def test_the_temporary_files_of_a_dead_run_are_found_by_its_id(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for run in ("dead-run", "dead-run-2"):
        for folder in (True, False):
            path = subprocess.check_output(["sh", "-c", f"echo {temporary(run, folder=folder)}"], text=True)
            assert stat.S_IMODE(Path(path.strip()).stat().st_mode) == (0o700 if folder else 0o600)
    others = set(tmp_path.glob("*dead-run-2.*"))
    assert len(others) == len(set(tmp_path.iterdir()) - others) == 2
    engine_for(world.settings(), "recovering").end_processes("dead-run")
    assert set(tmp_path.iterdir()) == others


@pytest.mark.parametrize("program", ["mkfifo", "rm -rf", "awk"])
def test_a_shell_killed_beside_its_temporary_files_leaves_none(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """The program kills the shell that called it, before it did anything."""
    temporary_files, programs = tmp_path / "temporary", tmp_path / "programs"
    temporary_files.mkdir()
    programs.mkdir()
    name, _, option = program.partition(" ")
    real = shutil.which(name)
    text = f"""#!/bin/sh
case "$*" in "{option}"*{temporary_files}/*) touch '{tmp_path}/struck'; kill -9 $PPID; exit 1 ;; esac
exec {real} "$@"
"""
    (programs / name).write_text(text)
    (programs / name).chmod(0o755)
    dirty(world)
    monkeypatch.setenv("TMPDIR", str(temporary_files))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with pytest.raises(Failed):
        world.refresh(full=True)
    assert (tmp_path / "struck").exists()
    assert list(temporary_files.iterdir()) == []
    assert state_of(world) == ("old", "old")
    monkeypatch.undo()
    converges(world)


def test_a_run_of_a_lost_journal_is_recognised_by_its_claim(world: World) -> None:
    dirty(world)
    killed(world, "before", "5")
    (world.state / journal.JOURNAL).unlink()
    assert "_sbx__next" in world.databases()
    converges(world)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_ctrl_c_and_sigterm_put_everything_back(larger: World, strategy: str, number: signal.Signals) -> None:
    world = larger
    world.overlay = {}
    if strategy == "in-place":
        in_place(world)
    dirty(world)
    before = world.dump(world.sandbox)
    process = world.start("run")
    assert process.stdout is not None
    for line in process.stdout:
        if "copy" in line:
            break
    copying = "SELECT 1 FROM pg_stat_progress_copy WHERE starts_with(datname, %s)"
    with world.session("postgres") as session:
        while process.poll() is None and not session.execute(copying, [world.name]).fetchall():
            time.sleep(0.005)
    process.send_signal(number)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 1, said
    assert "interrupted" in said
    assert world.dump(world.sandbox) == before
    assert state_of(world) == ("old", "old")
    assert (world.folder / "running").exists()
    assert world.leftovers() == []


def test_a_second_run_meanwhile_is_refused_and_named(world: World) -> None:
    dirty(world)
    with journal.held(world.state, "the-first"):
        with pytest.raises(Busy, match="process"):
            world.refresh()
        assert journal.look(world.settings()).running is not None
    converges(world)
