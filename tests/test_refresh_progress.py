"""What is told while a refresh runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.lifecycle.progress import STAGES, Advance, Watcher
from tests.worlds import World


class Heard:
    def __init__(self) -> None:
        self.stages: list[str] = []
        self.advances: list[Advance] = []
        self.notes: list[str] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def advance(self, now: Advance) -> None:
        self.advances.append(now)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def ask(self, question: str) -> str | None:
        raise AssertionError(question)


def test_pg_restores_words_become_progress_wherever_they_are_cut() -> None:
    text = """dolibarr-sandbox stage copy
pg_restore: creating TABLE "public.a"
pg_restore: processing data for table "public.a"
pg_restore: processing data for table "odd schema.b "c" d"
pg_restore: creating INDEX "public.a_idx"
pg_restore: creating CONSTRAINT "public.a a_pkey"
pg_restore: creating FK CONSTRAINT "public.a a_fk"
dolibarr-sandbox stage verify
"""
    for size in (1, 7, 1000):
        heard = Heard()
        watcher = Watcher(heard, {"public.a": 100, 'odd schema.b "c" d': 50}, 2, snapshot=int, unwatched=int)
        for start in range(0, len(text), size):
            watcher.write(text[start : start + size])
        assert heard.stages == ["copy", "verify"]
        assert heard.advances == [
            Advance(0, 2, 0, 150, 0, 2),
            Advance(1, 2, 100, 150, 0, 2),
            Advance(2, 2, 150, 150, 1, 2),
            Advance(2, 2, 150, 150, 2, 2),
        ]


@pytest.fixture
def world(lab_root: Path, tmp_path: Path) -> Iterator[World]:
    made = World(lab_root, tmp_path).make()
    yield made
    made.drop()


@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_a_refresh_tells_each_stage_once_and_ends_at_the_whole(world: World, strategy: str) -> None:
    world.overlay = {"refresh": {"strategy": strategy}}
    heard = Heard()
    world.refresh(progress=heard)
    assert len(heard.stages) == len(set(heard.stages))
    assert set(heard.stages) == set(STAGES) - (set() if strategy == "swap" else {"swap"})
    last = heard.advances[-1]
    assert (last.tables_done, last.bytes_done) == (last.tables, last.bytes)
    assert (last.tables, last.indexes_done) == (4, last.indexes)
