"""What prod's role may not read is said before anything is copied, with what mends it as it is typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.errors import UsageError
from sandbox.lab.access import PROD, READER, SANDBOX
from tests.checkpoint_world import Shelved
from tests.incremental import incremental
from tests.worlds import PRODS, SCHEMA, same

SECURED = """
CREATE TABLE rl (id serial PRIMARY KEY, who text, said text);
CREATE POLICY p ON rl USING (who = 'a');
INSERT INTO rl (who, said)
  SELECT CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, i FROM generate_series(1, 3000) i;
ALTER TABLE rl ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON llx_user USING (login = 'clerk');
ALTER TABLE llx_user ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
"""


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelved]:
    made = Shelved(lab_root, tmp_path_factory.mktemp("reader"))
    made.make(prods=SCHEMA + PRODS + SECURED)
    yield made
    made.drop()


@contextmanager
def bypassing(world: Shelved, *roles: str) -> Iterator[None]:
    for role in roles:
        world.rows("postgres", f"ALTER ROLE {role} BYPASSRLS")
    try:
        yield
    finally:
        for role in roles:
            world.rows("postgres", f"ALTER ROLE {role} NOBYPASSRLS")


def refused(world: Shelved) -> UsageError:
    """The refusal of a refresh, which changes nothing."""
    before = world.databases(), world.dump(world.sandbox), world.files()
    with pytest.raises(UsageError) as raised:
        world.refresh()
    assert (world.databases(), world.dump(world.sandbox), world.files()) == before
    return raised.value


@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_forced_row_security_hides_nothing_from_the_copy_and_its_verification(
    world: Shelved, strategy: str
) -> None:
    world.overlay = {"refresh": {"strategy": strategy}}
    with bypassing(world, READER):
        world.refresh(db_only=True)
    same(world)
    forced = (
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relrowsecurity ORDER BY 1"
    )
    assert sorted(world.rows(world.sandbox, forced)) == [("llx_user", True, True), ("rl", True, True)]
    # the policy hides the one with the key from the role that mutes it
    assert world.rows(world.sandbox, "SELECT login, api_key FROM llx_user ORDER BY 1") == [
        ("admin", None),
        ("clerk", None),
    ]
    assert world.rows(world.sandbox, "SELECT count(*) FROM rl") == [(3000,)]


def test_forced_tables_are_carried_incrementally_saved_and_rewound(world: Shelved) -> None:
    world.overlay = {}
    with bypassing(world, READER):
        world.refresh(db_only=True)
        world.save()
        world.rows(world.prod, "UPDATE rl SET said = 'changed' WHERE id IN (7, 8)")
        world.rows(world.prod, "DELETE FROM rl WHERE id = 9")
        assert incremental(world.refresh(db_only=True))["rows"] > 2
    same(world)
    world.save()
    world.rows(world.sandbox, "UPDATE rl SET said = 'rehearsed' WHERE id = 9 OR id = 11")
    before = world.databases()
    with pytest.raises(UsageError, match=f"hides rows from {SANDBOX} .*rl") as raised:
        world.diff()
    assert re.search(rf'ALTER ROLE "{SANDBOX}" BYPASSRLS;', raised.value.next_step)
    assert world.databases() == before
    with bypassing(world, SANDBOX):
        assert [table.table for table in world.diff().tables] == ["rl"]
    world.rewind()
    same(world)


def test_rows_that_are_hidden_from_prods_role_are_told_before_anything_is_copied(world: Shelved) -> None:
    world.overlay = {}
    error = refused(world)
    assert (
        error.what
        == f"row security hides rows from prod's role {READER}, in table public.llx_user (and 1 more)"
    )
    assert error.next_step == f'in prod, as a superuser: ALTER ROLE "{READER}" BYPASSRLS;'
    step = error.next_step.partition(": ")[2]
    with bypassing(world):
        world.rows(world.prod, step)
        world.refresh(db_only=True)
    world.rows(world.prod, f"ALTER ROLE {READER} NOBYPASSRLS")


def test_a_table_that_prods_role_may_not_read_is_told_with_the_grants(world: Shelved) -> None:
    world.overlay = {}
    world.rows(world.prod, f"REVOKE pg_read_all_data FROM {READER}")
    grant = "GRANT SELECT ON ALL {0} IN SCHEMA public TO " + READER
    for kind in ("TABLES", "SEQUENCES"):
        world.rows(world.prod, grant.format(kind))
    try:
        world.fill(
            world.prod,
            PROD,
            "CREATE TABLE llx_newmodule (rowid serial PRIMARY KEY); CREATE SCHEMA closed;"
            'CREATE TABLE closed."a b" (i int);',
        )
        world.rows(world.prod, f"GRANT SELECT ON llx_newmodule_rowid_seq TO {READER}")
        with bypassing(world, READER):
            error = refused(world)
            assert error.what == f'prod\'s role {READER} may not read table closed."a b" (and 1 more)'
            assert (
                f'ALTER DEFAULT PRIVILEGES FOR ROLE "{PROD}" IN SCHEMA "public" GRANT SELECT ON TABLES TO'
                f' "{READER}";'
            ) in error.next_step
            assert f'GRANT SELECT ON TABLE public.llx_newmodule TO "{READER}";' in error.next_step
            world.fill(world.prod, PROD, error.next_step.partition("superuser: ")[2])
            world.fill(world.prod, PROD, "CREATE TABLE llx_later (i int); CREATE TABLE closed.later (i int);")
            world.refresh(db_only=True)
            same(world)
    finally:
        world.rows(world.prod, f"GRANT pg_read_all_data TO {READER}")
