"""What is not the owner's in the sandbox's database: refused by name, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import ExitCode, Refused
from tests.client_world import ClientWorld
from tests.worlds import same

# what a stranger makes, and how an error calls it
KINDS = [
    (
        "CREATE FUNCTION public.t1(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "function public.t1(",
    ),
    ("CREATE PROCEDURE public.t2() LANGUAGE sql AS 'SELECT 1'", "procedure public.t2()"),
    ("CREATE AGGREGATE public.t3(integer) (SFUNC = int4pl, STYPE = integer)", "aggregate public.t3("),
    ("CREATE TABLE public.llx_t4 (a serial)", "table public.llx_t4"),
    ("CREATE VIEW public.t5 AS SELECT 1 AS one", "view public.t5"),
    ("CREATE MATERIALIZED VIEW public.t6 AS SELECT 1 AS one", "materialized view public.t6"),
    ("CREATE SEQUENCE public.t7", "sequence public.t7"),
    ("CREATE TYPE public.t8 AS ENUM ('a')", "type public.t8"),
    ("CREATE DOMAIN public.t9 AS integer", "type public.t9"),
    ("CREATE TYPE public.ta AS RANGE (subtype = float8)", "type public.ta"),
    ('CREATE SCHEMA "their own"', 'schema "their own"'),
    ("CREATE COLLATION public.tb (locale = 'C')", "collation public.tb"),
    (
        "CREATE OPERATOR public.=== (LEFTARG = int4, RIGHTARG = int4, FUNCTION = int4eq)",
        "operator public.===",
    ),
    ("CREATE TEXT SEARCH CONFIGURATION public.td (COPY = simple)", "text search configuration public.td"),
]
ENDED = "CREATE FUNCTION public.ended() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'"
# what a superuser makes, and what takes it away again
SUPER = [
    ("CREATE CAST (text AS boolean) WITH INOUT", "cast (text AS boolean)", "DROP CAST (text AS boolean)"),
    ("CREATE FOREIGN DATA WRAPPER t1", "foreign-data wrapper t1", "DROP FOREIGN DATA WRAPPER t1"),
    ("CREATE PUBLICATION t2", "publication t2", "DROP PUBLICATION t2"),
    ("SELECT lo_create(0)", "large objects 1", "SELECT lo_unlink(oid) FROM pg_largeobject_metadata"),
    (
        f"{ENDED}; CREATE EVENT TRIGGER t3 ON ddl_command_end EXECUTE FUNCTION public.ended()",
        "event trigger t3",
        "DROP FUNCTION public.ended() CASCADE",
    ),
]


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientWorld]:
    made = ClientWorld(lab_root, tmp_path_factory.mktemp("client")).make()
    yield made
    made.drop()


@pytest.fixture(params=["swap", "in-place"])
def strategy(request: pytest.FixtureRequest, world: ClientWorld) -> Iterator[str]:
    world.overlay = {"refresh": {"strategy": request.param}}
    with world.creating():
        yield str(request.param)
    world.overlay = {}


def refused(world: ClientWorld, task: Callable[..., Any], *words: str) -> Refused:
    before = world.databases(), world.catalog(world.sandbox), world.files()
    with pytest.raises(Refused) as told:
        task()
    assert (world.databases(), world.catalog(world.sandbox), world.files()) == before
    assert world.strays() == []
    assert told.value.code == ExitCode.REFUSED
    for word in words:
        assert word in told.value.what
    return told.value


def test_a_poolers_function_is_named_before_any_change(world: ClientWorld, strategy: str) -> None:
    world.lookup(world.sandbox)
    before = world.dump(world.sandbox), world.surroundings()
    name = f"function public.user_lookup(text) of {world.role('provisioner')}"
    refused(world, world.refresh, name, strategy, f"not {world.role('owner')}'s")
    assert world.callable(world.sandbox)
    assert (world.dump(world.sandbox), world.surroundings()) == before
    world.rows(world.sandbox, "DROP FUNCTION public.user_lookup")


@pytest.mark.parametrize(("statement", "name"), KINDS)
def test_each_kind_of_stranger_is_named_and_can_be_handed_over(
    world: ClientWorld, statement: str, name: str
) -> None:
    world.overlay = {"refresh": {"strategy": "in-place"}}
    world.visit(world.sandbox, statement)
    told = refused(world, world.refresh, name, f"of {world.role('provisioner')}")
    step = told.next_step.partition("hand it over: ")[2]
    world.rows(world.sandbox, step)  # works as it is typed
    world.refresh(dry=True)


@pytest.mark.parametrize(("statement", "name", "undo"), SUPER)
def test_what_a_superuser_made_is_named(world: ClientWorld, statement: str, name: str, undo: str) -> None:
    world.overlay = {"refresh": {"strategy": "in-place"}}
    world.rows(world.sandbox, statement)
    refused(world, world.refresh, name)
    world.rows(world.sandbox, undo)


def test_of_many_strangers_some_are_named_and_the_rest_counted(world: ClientWorld) -> None:
    world.overlay = {"refresh": {"strategy": "in-place"}}
    world.visit(world.sandbox, "".join(f"CREATE VIEW public.many{i} AS SELECT 1 AS one;" for i in range(12)))
    refused(world, world.refresh, "view public.many0 of", "and 7 more")
    world.rows(world.sandbox, f"DROP VIEW {', '.join(f'many{i}' for i in range(12))}")


def test_an_extension_that_prod_lacks_is_not_taken_away(world: ClientWorld) -> None:
    world.rows(world.sandbox, "CREATE EXTENSION pg_trgm")
    world.own(world.sandbox, "owner", "CREATE SCHEMA apart")
    world.overlay = {}
    with world.creating():
        refused(world, world.refresh, "extension pg_trgm")
        world.overlay = {"refresh": {"strategy": "in-place"}}
        world.refresh(dry=True)  # it stays where it is
        world.rows(world.sandbox, "DROP EXTENSION pg_trgm; CREATE EXTENSION pg_trgm SCHEMA apart")
        refused(world, world.refresh, "extension pg_trgm")
    world.rows(world.sandbox, "DROP EXTENSION pg_trgm")


def test_default_privileges_of_others_are_kept_or_refused(world: ClientWorld) -> None:
    provisioner = world.role("provisioner")
    grant = "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {monitor};"
    world.visit(world.sandbox, grant)
    world.overlay = {}
    with world.creating():
        refused(world, world.refresh, "default privileges for role", provisioner)
    world.visit(world.sandbox, grant.replace("GRANT", "REVOKE", 1).replace(" TO ", " FROM "))


def test_a_rewind_takes_no_stranger_away(world: ClientWorld) -> None:
    world.overlay = {}
    with world.creating():
        world.save()
        world.lookup(world.sandbox)
        told = refused(world, world.rewind, "function public.user_lookup", "a rewind")
        assert world.callable(world.sandbox)
        assert "ALTER FUNCTION" in told.next_step
        world.rows(world.sandbox, "DROP FUNCTION public.user_lookup")
        world.forget("baseline")


def test_what_the_login_made_is_the_owners(world: ClientWorld) -> None:
    world.visit(world.sandbox, "CREATE TABLE public.rehearsed (a integer)", "login")
    world.overlay = {"refresh": {"strategy": "in-place"}}
    report = world.refresh()
    assert report.strategy == "in-place"
    same(world)
    query = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname LIKE 'llx_%%'"
    assert world.rows(world.sandbox, query) == [(world.role("owner"),)]
    assert world.rows(world.sandbox, "SELECT to_regclass('rehearsed') IS NULL") == [(True,)]
