"""Characters of two to four bytes, by the thousand: a diff tells the column that changed, and no other."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.checkpoint_world import Shelved

COUNT = 10_000
SCHEMA = """
CREATE TABLE llx_societe (rowid integer PRIMARY KEY, nom text, note text, town text);
CREATE TABLE llx_const (rowid serial PRIMARY KEY, name text, value text, entity integer);
"""
ROWS = f"""
INSERT INTO llx_societe SELECT i, 'Référence ' || i || repeat('é', i % 7), repeat('漢', i % 11) || '😀' || i,
  repeat('ß\u2028', i % 5) || 'Zürich' FROM generate_series(1, {COUNT}) i;
"""


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_a_diff_tells_exactly_the_column_that_changed(lab_root: Path, tmp_path: Path, times: int) -> None:
    world = Shelved(lab_root, tmp_path)
    world.make(old=SCHEMA + ROWS)
    try:
        world.save()
        world.change("UPDATE llx_societe SET note = '變' || note || '🚀'")
        for _ in range(times):
            (table,) = json.loads(json.dumps(asdict(world.diff())))["tables"]
            assert (table["inserted"], table["changed"], table["deleted"]) == (0, COUNT, 0)
            wrong = [row for row in table["rows"] if not _exact(row["key"]["rowid"], row)]
            assert wrong == []
    finally:
        world.drop()


def _exact(number: int, row: dict[str, dict[str, str]]) -> bool:
    note = "漢" * (number % 11) + f"😀{number}"
    return row["before"] == {"note": note} and row["after"] == {"note": f"變{note}🚀"}
