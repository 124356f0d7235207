"""A run whose journal is damaged or gone: what carries its mark is put right, all else is left alone."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.errors import Busy, Interrupted, Refused
from sandbox.guard import MARK, Mark
from sandbox.lifecycle import journal
from sandbox.lifecycle.recover import recover
from tests.worlds import World, context, same

RUN = "20261128T010203-a1b2c3"
NEW = {"mycompany/logos/logo.png": "prod's", "prod only.pdf": "prod's"}


@pytest.fixture(scope="module")
def shared(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(lab_root, tmp_path_factory.mktemp("stray")).make()
    yield made
    made.drop()


@pytest.fixture
def world(shared: World) -> World:
    shared.overlay = {"refresh": {"strategy": "in-place"}}
    return shared


def killed(world: World, number: int) -> Path:
    """Kill a refresh in place before its command of that number; its journal."""
    process = world.start("before", str(number))
    said, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, said
    return world.state / journal.JOURNAL


@pytest.mark.parametrize(
    ("number", "outcome"), [(2, "rolled back"), (3, "rolled forward"), (5, "rolled forward")]
)
def test_a_damaged_journal_of_a_refresh_in_place_is_set_aside_and_the_rest_put_back(
    world: World, number: int, outcome: str
) -> None:
    (world.documents / "rehearsed.pdf").write_text("rehearsed")
    path = killed(world, number)
    path.write_text(path.read_text()[:40])
    with pytest.raises(Interrupted) as told:
        world.refresh()
    aside, _, then = told.value.next_step.rpartition(": ")[2].partition(" && ")
    assert then == "inv recover"
    subprocess.run(shlex.split(aside), check=True)
    report = recover(world.settings(), context())
    assert (report.found, report.outcome) == (True, outcome)
    assert ("rehearsed.pdf" in world.files()) == (outcome == "rolled back")
    Path(f"{path}.damaged").unlink()
    assert world.leftovers() == []
    world.refresh()
    same(world)
    assert world.files() == NEW


def test_documents_that_were_set_aside_come_back_without_a_journal(world: World) -> None:
    killed(world, 3).unlink()
    shutil.move(world.documents, f"{world.documents}__old")  # a kill between the two renames of the swap
    assert recover(world.settings(), context()).outcome == "rolled forward"
    assert world.files() == NEW
    assert world.leftovers() == []
    shutil.move(world.documents, f"{world.documents}__old")  # and somebody removed the copy
    recover(world.settings(), context())
    assert world.files() == NEW
    assert world.leftovers() == []


def test_a_copy_of_another_machines_run_is_left_until_a_person_removes_it(world: World) -> None:
    copy = Path(f"{world.documents}__next")
    copy.mkdir()
    (copy / "a.pdf").write_text("copied")
    (copy / MARK).write_text(Mark(world.sandbox, RUN, "elsewhere", 1).text())
    for task in (world.refresh, lambda: recover(world.settings(), context())):
        with pytest.raises(
            Busy, match=r"__next belong.* not known to be dead: \?@elsewhere, process 1"
        ) as told:
            task()
        assert (copy / "a.pdf").exists()
    subprocess.run(told.value.next_step.partition("remove it: ")[2], shell=True, check=True)
    world.refresh()
    assert world.leftovers() == []


@pytest.mark.parametrize("mark", ["", "[1]", json.dumps({"database": "another", "run": RUN})])
def test_a_copy_that_carries_no_mark_of_this_sandbox_is_left_alone(world: World, mark: str) -> None:
    theirs = Path(f"{world.documents}__next")
    theirs.mkdir()
    (theirs / "a.pdf").write_text("theirs")
    (theirs / MARK).write_text(mark)
    assert not recover(world.settings(), context()).found
    with pytest.raises(Refused, match="no run of ours is known to have made it") as told:
        world.refresh()
    assert (theirs / "a.pdf").read_text() == "theirs"
    subprocess.run(told.value.next_step.partition("sudo ")[2], shell=True, check=True)
    world.refresh()
