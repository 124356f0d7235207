"""Somebody who locks a table of the sandbox is named, and keeps no task waiting for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import Failed
from tests.checkpoint_world import Shelved

WITHIN = 20.0  # seconds: a wait of five, and a slow machine


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelved]:
    made = Shelved(lab_root, tmp_path_factory.mktemp("locked"))
    made.make()
    made.refresh(db_only=True)
    made.save()
    yield made
    made.drop()


@pytest.mark.parametrize(
    "task", [Shelved.diff, pytest.param(Shelved.save, marks=pytest.mark.slow)], ids=["diff", "save"]
)
def test_who_locks_a_table_of_the_sandbox_is_named(world: Shelved, task: Callable[[Shelved], Any]) -> None:
    before = world.databases()
    with world.session(world.sandbox) as somebody, somebody.transaction():
        somebody.execute("SET application_name = 'a migration'; LOCK TABLE llx_const")
        begun = time.monotonic()
        with pytest.raises(Failed, match="a migration, role lab_superuser, pid") as raised:
            task(world)
        assert time.monotonic() - begun < WITHIN
    assert "run it again" in raised.value.next_step
    assert world.databases() == before
    task(world)
