"""Several workers copy the same as one pg_dump into one pg_restore does, and one that fails ends them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.errors import Failed
from tests.worlds import MUTED, PRODS, SCHEMA, World, context

UNUSUAL = Path(__file__).with_name("odd.sql").read_text(encoding="utf-8")
# the definitions are compared with what a dump makes of them
DUMPED = {"(schema)", *MUTED}


@pytest.fixture(scope="module")
def odd(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(lab_root, tmp_path_factory.mktemp("odd")).make(prods=SCHEMA + PRODS + UNUSUAL)
    yield made
    made.drop()


@pytest.fixture(scope="module")
def dumped(odd: World) -> list[str]:
    """The schema that one pg_dump into one pg_restore makes of prod's."""
    odd.overlay = {"refresh": {"strategy": "in-place"}}
    odd.refresh(db_only=True)
    return schema(odd, odd.sandbox)


def schema(world: World, database: str) -> list[str]:
    """What pg_dump says of a database, but for its rows, owners and rights."""
    text = re.sub(r"^COPY .*?^\\\.$", "", world.dump(database), flags=re.MULTILINE | re.DOTALL)
    rights = re.compile(r"OWNER TO|Owner: |^(GRANT|REVOKE|ALTER DEFAULT)|ACL|pg_catalog.setval")
    return [line for line in text.splitlines() if not rights.search(line)]


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_workers_copy_what_a_dump_copies(odd: World, dumped: list[str], jobs: int) -> None:
    odd.overlay = {"refresh": {"jobs": jobs}}
    report = odd.refresh(db_only=True)
    assert [warning for warning in report.warnings if "copied by one" in warning] == []
    assert schema(odd, odd.sandbox) == dumped
    prod, sandbox = odd.content(odd.prod), odd.content(odd.sandbox)
    assert {name for name in {*prod, *sandbox} if prod.get(name) != sandbox.get(name)} == DUMPED
    assert odd.leftovers() == []


def test_workers_need_no_more_than_a_plain_shell(odd: World, dumped: list[str]) -> None:
    odd.overlay = {}
    runner = context()
    runner.config.run.shell = "/bin/sh"
    odd.refresh(db_only=True, runner=runner)
    assert schema(odd, odd.sandbox) == dumped
    unread = (
        "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND reltuples < 0 AND relname ~ '^(node|llx_)'"
    )
    assert odd.rows(odd.sandbox, unread) == [(0,)]  # every table has its statistics
    assert odd.leftovers() == []


def test_large_objects_are_carried_by_a_dump_and_it_says_so(odd: World) -> None:
    odd.overlay = {}
    odd.rows(odd.prod, "SELECT lo_from_bytea(77, 'a large object')")
    odd.rows(odd.prod, "GRANT SELECT ON LARGE OBJECT 77 TO PUBLIC")
    try:
        report = odd.refresh(db_only=True)
    finally:
        odd.rows(odd.prod, "SELECT lo_unlink(77)")
    assert "prod has large objects: copied by one pg_dump, not in parallel" in report.warnings
    assert odd.rows(odd.sandbox, "SELECT lo_get(77)") == [(b"a large object",)]


def test_the_first_worker_that_fails_is_the_one_that_is_told(odd: World) -> None:
    before = odd.dump(odd.sandbox)
    # made after the constraint looked away: no copy of it can be
    odd.rows(odd.prod, "CREATE TABLE broken (a integer, b text)")
    odd.rows(odd.prod, "INSERT INTO broken SELECT i, 'b' FROM generate_series(1, 5000) i")
    odd.rows(odd.prod, "ALTER TABLE broken ADD CONSTRAINT impossible CHECK (a < 4000) NOT VALID")
    odd.rows(odd.prod, "UPDATE pg_constraint SET convalidated = true WHERE conname = 'impossible'")
    try:
        with pytest.raises(Failed, match='violates check constraint "impossible"'):
            odd.refresh(db_only=True)
    finally:
        odd.rows(odd.prod, "DROP TABLE broken")
    assert odd.dump(odd.sandbox) == before
    assert odd.leftovers() == []
