"""Two checkouts with one sandbox: who comes second is told so, and nothing that could hurt the first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.errors import Busy
from sandbox.lifecycle.checkpoint import save
from sandbox.lifecycle.checkpoints import forget
from sandbox.lifecycle.progress import Silent
from sandbox.lifecycle.recover import recover
from sandbox.lifecycle.rewind import rewind
from tests.incremental import left
from tests.support import slow_but
from tests.worlds import World, context, same

CASES = [
    *(("swap", stage) for stage in ("look", "copy", "documents", "neutralize", "swap", "clean")),
    *(("in-place", stage) for stage in ("documents", "copy", "clean")),
]
QUICK = {("swap", "copy"), ("in-place", "documents")}


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(lab_root, tmp_path_factory.mktemp("two")).make()
    save(made.settings(), context(), "baseline", yes=True)
    yield made
    made.drop()


@pytest.fixture
def other(world: World) -> World:
    """The same sandbox from another checkout: with a state folder of its own."""
    return replace(world, overlay={"files": {"state": str(world.folder / "other" / "state")}})


class Stops(Silent):
    """Waits when a stage begins."""

    def __init__(self, stage: str) -> None:
        self._stage, self.there, self.go = stage, threading.Event(), threading.Event()

    def stage(self, name: str) -> None:
        if name == self._stage:
            self.there.set()
            assert self.go.wait(60)


@contextmanager
def going_on(world: World, stage: str) -> Iterator[None]:
    """A refresh of all of prod that stands still at this stage; it ends well, whatever happened meanwhile."""
    told = Stops(stage)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(world.refresh, progress=told, full=True)
        try:
            assert told.there.wait(60)
            yield
        finally:
            told.go.set()
        assert first.result().tables == 4


@pytest.mark.parametrize(
    ("strategy", "stage"), slow_but({("swap", "copy"), ("in-place", "documents")}, CASES)
)
def test_the_second_run_is_busy_and_the_first_goes_on(
    world: World, other: World, strategy: str, stage: str
) -> None:
    world.overlay = {"refresh": {"strategy": strategy}}
    settings = other.settings()
    with going_on(world, stage):
        for run in (
            other.refresh,
            lambda: save(settings, context(), "second", yes=True),
            lambda: rewind(settings, context(), "baseline", yes=True),
            lambda: forget(settings, context(), "baseline", yes=True),
            lambda: recover(settings, context()),
        ):
            with pytest.raises(Busy, match=f"another run holds the database {world.sandbox}: 2") as caught:
                run()
            assert caught.value.next_step.startswith("wait until it ends; it was started from another folder")
    same(world)
    assert left(world) == []
    assert not recover(settings, context()).found  # nobody holds it any more


@pytest.mark.parametrize("number", slow_but({1, 2}, range(1, 9)))
def test_of_two_runs_that_begin_at_once_one_ends_well(world: World, other: World, number: int) -> None:
    world.overlay = {}

    def ended(one: World) -> int:
        try:
            one.refresh(full=number % 2 == 0)
        except Busy as error:
            return int(error.code)
        return 0

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(ended, (world, other))) == [0, 6]
    same(world)
    assert left(world) == []


def test_a_dead_run_of_another_folder_is_put_right(world: World, other: World) -> None:
    world.overlay = {}
    process = world.start("before", "5")
    process.communicate(timeout=60)
    assert "_sbx__next" in world.databases()
    assert other.refresh().tables == 4
    assert set(left(world)) <= {"journal.json", "lock"}
    assert recover(world.settings(), context()).found
    same(world)
    assert left(world) == []
