"""What others made in the sandbox's database is byte for byte what it was after `recover` and `diff`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.lifecycle.recover import recover
from tests.client_world import ClientWorld
from tests.worlds import context

THEIRS = """
CREATE SCHEMA reports; CREATE TABLE reports.daily (a integer PRIMARY KEY, b text DEFAULT 'x');
INSERT INTO reports.daily VALUES (1, 'theirs');
GRANT USAGE ON SCHEMA reports TO {pooler}; GRANT SELECT (a) ON reports.daily TO {pooler};
CREATE VIEW public.seen AS SELECT 1 AS one; COMMENT ON VIEW public.seen IS 'theirs';
CREATE SEQUENCE public.counted START 7; CREATE TYPE public.mood AS ENUM ('good');
REVOKE USAGE ON TYPE public.mood FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {monitor};
"""


@pytest.fixture
def world(lab_root: Path, tmp_path: Path) -> Iterator[ClientWorld]:
    made = ClientWorld(lab_root, tmp_path).make()
    yield made
    made.drop()


def visited(world: ClientWorld) -> None:
    """Somebody else comes, after a run began or before a diff."""
    world.rows(world.sandbox, f"GRANT CREATE ON DATABASE {world.sandbox} TO {world.role('provisioner')}")
    world.lookup(world.sandbox)
    world.visit(world.sandbox, THEIRS)


def everything(world: ClientWorld) -> dict[str, Any]:
    return {
        "sandbox": world.dump(world.sandbox),
        "catalog": world.catalog(world.sandbox),
        "files": world.files(),
        "around": world.surroundings(),
    }


# whether the run had replaced the database when it was killed
@pytest.mark.parametrize(
    ("strategy", "number", "outcome"),
    [
        ("swap", 6, "rolled back"),
        ("swap", 8, "rolled forward"),
        ("in-place", 2, "rolled back"),
        ("in-place", 5, "rolled forward"),
    ],
)
def test_recover_leaves_what_others_made_meanwhile(
    world: ClientWorld, strategy: str, number: int, outcome: str
) -> None:
    world.overlay = {"refresh": {"strategy": strategy}}
    with world.creating():
        process = world.start("before", str(number))
        said, _ = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, said
        visited(world)
        before = everything(world)
        assert recover(world.settings(), context()).outcome == outcome
    assert everything(world) == before
    assert world.callable(world.sandbox)
    assert world.strays() == []


def test_diff_changes_nothing_beside_what_others_made(world: ClientWorld) -> None:
    with world.creating():
        world.save()
    visited(world)
    world.own(world.sandbox, "owner", "INSERT INTO llx_societe (nom) VALUES ('rehearsed')")
    before, kept = everything(world), world.dump(world.kept())
    report = world.diff(full=True)
    assert {table.table: table.inserted for table in report.tables}["llx_societe"] == 1
    assert everything(world) == before
    assert world.dump(world.kept()) == kept
    assert world.callable(world.sandbox)
