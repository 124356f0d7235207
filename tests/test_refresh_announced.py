"""A refresh that finds an interrupted one says so before it puts anything back."""

from __future__ import annotations

import getpass
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.lifecycle import journal
from sandbox.lifecycle.progress import Silent
from tests.worlds import World


class Notes(Silent):
    """What people are told, with the databases that were there when they were told."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.told: list[tuple[str, list[str]]] = []

    def stage(self, name: str) -> None:
        self._note(f"stage {name}")

    def note(self, text: str) -> None:
        self._note(text)

    def _note(self, text: str) -> None:
        names = "SELECT datname FROM pg_database WHERE datname LIKE '%__next'"
        self.told.append((text, [row[0] for row in self._world.rows(self._world.sandbox, names)]))


@pytest.fixture
def world(lab_root: Path, tmp_path: Path) -> Iterator[World]:
    made = World(lab_root, tmp_path).make()
    yield made
    made.drop()


def test_what_was_interrupted_is_announced_before_it_is_put_back(world: World) -> None:
    process = world.start("stage", "verify")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, said
    left = journal.interrupted(world.settings())
    assert left is not None
    notes = Notes(world)
    report = world.refresh(progress=notes)
    first, databases = notes.told[0]
    assert first.startswith(f"a refresh was interrupted: run {left.run} of {getpass.getuser()}@")
    assert f"since {left.holder.since}, in phase copy" in first
    assert f"the databases {left.next} and {left.old}" in first
    assert str(world.documents) in first
    assert left.next in databases  # nothing was put back by then
    assert report.recovered[0] == first
    assert f"dropped {left.next}" in report.recovered
    assert world.refresh().recovered == ()
