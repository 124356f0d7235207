"""Prod never waits for a refresh: what a migration wants ends it, and what it changed is seen or refused."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from sandbox.engines import engine_for
from sandbox.errors import Failed
from sandbox.lab.access import READER
from sandbox.lifecycle.blocked import Blocked
from sandbox.shell import observe
from tests.prod_waits import (
    MODES,
    TABLES,
    checkpointed,
    goes_on,
    meanwhile,
    open_transaction,
    refreshed,
    stopped,
    stops,
    timed,
    until,
    waits,
)
from tests.worlds import World, context, same

ALTER = "ALTER TABLE llx_altered ALTER a DROP DEFAULT"
ENDS = 3.0  # seconds within which a wait for us is over: half a one, a look, and a slow machine


@pytest.fixture(scope="module")
def shared(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with checkpointed(lab_root, tmp_path_factory.mktemp("waits")) as made:
        yield made


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    shared.overlay = {}
    yield shared
    remake = f"DROP TABLE IF EXISTS llx_altered, llx_other, llx_renamed, llx_new; {TABLES}"
    shared.rows(shared.prod, remake)
    left = {name for name in shared.leftovers() if "__cp" not in name}
    assert left == set()


@pytest.mark.parametrize(
    ("mode", "statement"),
    [
        *((mode, ALTER) for mode in MODES),
        pytest.param("full", "DROP TABLE llx_altered", marks=pytest.mark.slow),
        pytest.param("incremental", "VACUUM FULL llx_altered", marks=pytest.mark.slow),
        pytest.param("in-place", "TRUNCATE llx_altered", marks=pytest.mark.slow),
        pytest.param("one dump", "ALTER TABLE llx_altered RENAME TO llx_renamed", marks=pytest.mark.slow),
        ("full", "CREATE INDEX CONCURRENTLY slowly ON llx_altered (a)"),  # waits for a transaction
    ],
)
def test_a_wait_for_a_refresh_ends_it_with_the_tables_name(world: World, mode: str, statement: str) -> None:
    before = world.dump(world.sandbox)
    stops(world, "pg_dump", f"-d {world.prod} ")  # after the snapshot
    with stopped(world, mode) as refresh, meanwhile(world, statement) as wanted:
        waits(world)
        reading = timed(world, "SELECT count(*) FROM llx_altered")  # behind it
        waited = wanted.result()  # before the refresh goes on: it could be done sooner than it makes way
        goes_on(world)
        with pytest.raises(Blocked) as told:
            refresh.result()
    assert max(waited, reading) < ENDS
    assert (
        "prod's table public.llx_altered is to be altered or locked by role lab_superuser" in told.value.what
    )
    assert told.value.next_step == "run it again when that is done: inv refresh --yes"
    assert world.dump(world.sandbox) == before


@pytest.mark.parametrize(
    "mode", ["full", "in-place", *(pytest.param(mode, marks=pytest.mark.slow) for mode in MODES[1:3])]
)
def test_what_changed_before_the_locks_is_copied(world: World, mode: str) -> None:
    stops(world, "psql", "set relations ")  # after the look
    with stopped(world, mode) as refresh:
        for statement in (
            "VACUUM FULL llx_societe",
            "TRUNCATE llx_altered",
            "ALTER TABLE llx_altered RENAME TO llx_renamed",
            "ALTER TABLE llx_renamed ADD b integer DEFAULT 7",
            "DROP TABLE llx_other",
            "CREATE TABLE llx_new (a integer)",
        ):
            world.rows(world.prod, statement)
        goes_on(world)
        refresh.result()
    same(world)


@pytest.mark.parametrize(
    "mode", ["full", *(pytest.param(mode, marks=pytest.mark.slow) for mode in MODES[1:])]
)
def test_an_index_made_meanwhile_waits_for_nobody(world: World, mode: str) -> None:
    stops(world, "pg_dump", f"-d {world.prod} ")
    with stopped(world, mode) as refresh:
        seconds = timed(world, "CREATE INDEX quickly ON llx_altered (a)")
        goes_on(world)
        refresh.result()
    assert seconds < ENDS


def test_what_is_emptied_and_filled_while_the_locks_are_taken_is_copied_full(world: World) -> None:
    filled = "INSERT INTO llx_altered SELECT i, 'new' FROM generate_series(1, 40) i"
    stops(world, "psql", "set relations ")
    with stopped(world, "full", within=10) as refresh:
        with open_transaction(world, "TRUNCATE llx_altered", filled) as commit:
            goes_on(world)
            waits(world)
            commit.set()
        refresh.result()
    # a snapshot from before would have seen none at all
    assert world.rows(world.sandbox, "SELECT count(*) FROM llx_altered WHERE a = 'new'") == [(40,)]
    same(world)


def test_a_table_renamed_while_the_locks_are_taken_is_named(world: World) -> None:
    stops(world, "psql", "set relations ")
    with stopped(world, "full", within=10) as refresh:
        rename = "ALTER TABLE llx_altered RENAME TO llx_renamed"
        with open_transaction(world, rename) as commit:
            goes_on(world)
            waits(world)
            commit.set()
        with pytest.raises(
            Failed, match=r"prod was altered while it was read: .*llx_altered.* does not exist"
        ):
            refresh.result()


@pytest.mark.parametrize("table", ["llx_const", "llx_altered"])
def test_a_table_locked_beforehand_is_named_with_who_locks_it(world: World, table: str) -> None:
    with open_transaction(world, f"LOCK TABLE {table}"):
        with pytest.raises(
            Blocked, match=rf"prod's table public.{table} is locked by role lab_superuser, pid"
        ):
            refreshed(world, "full", within=0.2)
        # our wait has made nobody else wait
        assert timed(world, "SELECT count(*) FROM llx_facture") < ENDS


@pytest.mark.parametrize(
    ("given", "within"),
    [
        ("", "3s"),
        ("lock_timeout = 200", "200ms"),
        ("lock_timeout = 9000", "3s"),
        ("statement_timeout = 700", "700ms"),
    ],
)
def test_a_session_on_prod_waits_no_longer_than_prod_allows(world: World, given: str, within: str) -> None:
    role = f"ALTER ROLE {READER} IN DATABASE {world.prod}"
    if given:
        world.rows("postgres", f"{role} SET {given}")
    try:
        settings = world.settings()
        access = engine_for(settings).access(settings.prod)
        shown = observe(context(), access.psql("SHOW lock_timeout; SHOW tcp_keepalives_idle;").text())
        assert shown.stdout.split() == [within, "5"]
        if given.startswith("statement"):
            refreshed(world, "full")  # reading whole tables takes its time
    finally:
        world.rows("postgres", f"{role} RESET ALL")


def test_sessions_on_prod_end_with_the_shell_that_holds_them(world: World) -> None:
    stops(world, "pg_dump", f"-d {world.prod} ")
    ours = "datname = %s AND application_name LIKE 'dolibarr-sandbox%%'"
    query = f"SELECT count(*) FROM pg_stat_activity WHERE {ours}"
    driver = world.start("run")
    try:
        until((world.folder / "there").exists)
        assert world.rows("postgres", query, world.prod)[0][0] >= 2
        for child in psutil.Process(driver.pid).children():
            with suppress(psutil.NoSuchProcess):
                child.send_signal(signal.SIGKILL)
        until(lambda: world.rows("postgres", query, world.prod) == [(0,)], 5)
    finally:
        goes_on(world)
        driver.communicate(timeout=60)
