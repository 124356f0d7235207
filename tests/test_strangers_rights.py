"""What others may do in the sandbox: after a refresh or a rewind the same as before, and never more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import Refused
from tests.client_world import LOOKUP, ClientWorld
from tests.worlds import OLD, PRODS, SCHEMA

KINDS = """
CREATE TYPE mood AS ENUM ('good'); CREATE DOMAIN short AS text; CREATE SCHEMA more;
CREATE TABLE more.t (rowid serial PRIMARY KEY, "a b" text);
CREATE TABLE numbered (id integer GENERATED ALWAYS AS IDENTITY, a integer, b integer);
CREATE PROCEDURE nothing(integer) LANGUAGE sql AS 'SELECT 1';
"""
# all that can be granted, taken away and said in the sandbox
RIGHTS = """
GRANT SELECT, INSERT ON llx_facture TO {monitor} WITH GRANT OPTION;
GRANT TRUNCATE ON llx_facture TO {monitor};
GRANT SELECT (nom), UPDATE (nom, rowid) ON llx_societe TO {pooler};
GRANT SELECT ("a b") ON more.t TO PUBLIC;
GRANT SELECT ON invoiced TO PUBLIC; REVOKE TRUNCATE ON llx_user FROM {owner};
GRANT USAGE ON SEQUENCE llx_user_rowid_seq TO {monitor};
GRANT SELECT ON SEQUENCE numbered_id_seq TO {monitor};
REVOKE EXECUTE ON FUNCTION touched() FROM PUBLIC; GRANT EXECUTE ON FUNCTION touched() TO {pooler};
REVOKE EXECUTE ON PROCEDURE nothing(integer) FROM PUBLIC;
REVOKE USAGE ON TYPE mood FROM PUBLIC; GRANT USAGE ON TYPE mood TO {monitor} WITH GRANT OPTION;
REVOKE USAGE ON DOMAIN short FROM PUBLIC;
GRANT USAGE ON SCHEMA more TO {monitor}; REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO {pooler}, {monitor};
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO {pooler};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {monitor};
ALTER DEFAULT PRIVILEGES IN SCHEMA more GRANT SELECT ON SEQUENCES TO {monitor} WITH GRANT OPTION;
COMMENT ON SCHEMA public IS 'the sandbox''s own';
"""
CHAIN = "GRANT SELECT ON llx_facture TO {pooler};"  # by a role that may hand it on
NEWER = """
CREATE TABLE llx_fresh (rowid serial PRIMARY KEY);
CREATE FUNCTION fresh() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION hidden(text) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE TYPE concealed AS (a integer);
REVOKE EXECUTE ON FUNCTION hidden(text) FROM PUBLIC; REVOKE USAGE ON TYPE concealed FROM PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader};
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {reader};
GRANT USAGE ON SCHEMA more TO {reader}; GRANT SELECT ON ALL TABLES IN SCHEMA more TO {reader};
GRANT SELECT ON ALL SEQUENCES IN SCHEMA more TO {reader}; GRANT DELETE ON llx_fresh TO {pooler};
"""
GIVEN = """
SELECT object, grantee::regrole::text, privilege_type, is_grantable FROM (
  SELECT 'relation ' || oid::regclass, relowner, coalesce(relacl,
    acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
    FROM pg_class WHERE relkind IN ('r', 'v', 'S') AND oid >= 16384
  UNION ALL SELECT 'column ' || attrelid::regclass || attname, relowner, attacl FROM pg_attribute
    JOIN pg_class c ON c.oid = attrelid WHERE attacl IS NOT NULL AND attrelid >= 16384
  UNION ALL SELECT 'function ' || oid::regprocedure, proowner, coalesce(proacl, acldefault('f', proowner))
    FROM pg_proc
    WHERE oid >= 16384
  UNION ALL SELECT 'type ' || oid::regtype, typowner, coalesce(typacl, acldefault('T', typowner))
    FROM pg_type
    WHERE oid >= 16384 AND typtype IN ('e', 'd')
  UNION ALL SELECT 'schema ' || nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner))
    FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema') o (object, owner, acl), aclexplode(acl)
 ORDER BY 1, 2, 3, 4
"""
NEW = ("llx_fresh", "fresh", "hidden", "concealed")


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientWorld]:
    made = ClientWorld(lab_root, tmp_path_factory.mktemp("rights"))
    made.make(SCHEMA + PRODS + KINDS, SCHEMA + OLD + KINDS)
    made.own(made.prod, "prods", NEWER)
    made.visit(made.prod, LOOKUP)
    made.own(made.sandbox, "owner", RIGHTS)
    made.fill(made.sandbox, "lab_superuser", made.named(f"SET ROLE {{monitor}}; {CHAIN}"))
    name = made.sandbox
    made.rows("postgres", f"ALTER DATABASE {name} SET work_mem TO '5MB'")
    made.rows(
        "postgres", made.named(f"ALTER ROLE {{login}} IN DATABASE {name} SET search_path TO public, more")
    )
    made.rows("postgres", f"ALTER DATABASE {name} CONNECTION LIMIT 40")
    made.rows("postgres", made.named(f"GRANT TEMPORARY ON DATABASE {name} TO {{monitor}} WITH GRANT OPTION"))
    yield made
    made.drop()


def rights(world: ClientWorld) -> list[tuple[Any, ...]]:
    """On all that a rehearsal did not make and prod does not have alone."""
    found = world.rows(world.sandbox, GIVEN)
    return [row for row in found if not any(name in row[0] for name in (*NEW, "rehearsal"))]


def may(world: ClientWorld, role: str, name: str) -> bool:
    query = {
        "llx_fresh": f"has_table_privilege('{role}', 'llx_fresh', 'SELECT')",
        "fresh": f"has_function_privilege('{role}', 'fresh()', 'EXECUTE')",
        "hidden": f"has_function_privilege('{role}', 'hidden(text)', 'EXECUTE')",
        "concealed": f"has_type_privilege('{role}', 'concealed', 'USAGE')",
    }[name]
    return bool(world.rows(world.sandbox, f"SELECT {query}")[0][0])


@pytest.mark.parametrize("way", ["in-place", "swap", "incremental", "rewind"])
def test_others_may_do_the_same_as_before(world: ClientWorld, way: str) -> None:
    """A sandbox without strangers, from a prod that has one."""
    world.overlay = {"refresh": {"strategy": "in-place" if way == "in-place" else "swap"}}
    comment = "SELECT obj_description('public'::regnamespace, 'pg_namespace')"
    with world.creating():
        if way in {"incremental", "rewind"}:
            world.own(world.sandbox, "owner", "GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;")
            world.own(world.sandbox, "owner", "GRANT EXECUTE ON FUNCTION touched() TO PUBLIC;")
            world.own(
                world.sandbox, "owner", "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;"
            )
            world.save()  # what is saved must not come back
            world.own(
                world.sandbox, "owner", "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;" + RIGHTS
            )
        before = rights(world), world.surroundings()
        assert {row[0].split()[0] for row in before[0]} == {
            "relation",
            "column",
            "function",
            "type",
            "schema",
        }
        done = world.rewind() if way == "rewind" else world.refresh()
        assert (rights(world), world.surroundings()) == before
        if way in {"incremental", "rewind"}:
            world.forget("baseline")
    assert getattr(done, "mode", "incremental") == ("incremental" if way == "rewind" else done_mode(way))
    assert world.rows(world.sandbox, comment) == [("the sandbox's own",)]
    assert [row for row in before[0] if "user_lookup" in row[0]] == []
    assert may(world, world.role("monitor"), "llx_fresh")
    assert not may(world, world.role("pooler"), "llx_fresh")
    assert not may(world, world.role("monitor"), "fresh")
    assert world.callable(world.prod)
    assert world.strays() == []


def done_mode(way: str) -> str:
    return "incremental" if way == "incremental" else "full"


def test_what_prod_keeps_from_everybody_is_not_opened_in_the_sandbox(world: ClientWorld) -> None:
    """The sandbox has neither the object nor a rule of its own for it."""
    opened = "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;"
    opened += "ALTER DEFAULT PRIVILEGES GRANT USAGE ON TYPES TO PUBLIC;"
    opened += "DROP FUNCTION IF EXISTS fresh(), hidden(text); DROP TYPE IF EXISTS concealed;"
    for strategy in ("swap", "in-place"):
        world.own(world.sandbox, "owner", opened)
        world.overlay = {"refresh": {"strategy": strategy}}
        with world.creating():
            world.refresh(db_only=True, full=True)
        monitor = world.role("monitor")
        assert [may(world, monitor, name) for name in ("fresh", "hidden", "concealed")] == [
            True,
            False,
            False,
        ]


def test_a_setting_that_cannot_be_given_again_is_refused(world: ClientWorld) -> None:
    world.rows("postgres", f"ALTER DATABASE {world.sandbox} SET log_statement TO 'all'")
    world.overlay = {}
    before = world.databases(), world.catalog(world.sandbox), world.surroundings()
    with world.creating(), pytest.raises(Refused, match="log_statement") as told:
        world.refresh(db_only=True)
    world.overlay = {"refresh": {"strategy": "in-place"}}
    assert "in-place" in told.value.next_step
    assert (world.databases(), world.catalog(world.sandbox), world.surroundings()) == before
    world.refresh(db_only=True)
    assert world.surroundings() == before[2]
    world.rows("postgres", f"ALTER DATABASE {world.sandbox} RESET log_statement")
