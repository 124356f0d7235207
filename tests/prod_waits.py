"""What the tests of prod's locks share: a refresh that stops at a chosen moment, and whoever wants a lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from sandbox.lab.access import PROD
from sandbox.lifecycle.checkpoint import save
from sandbox.lifecycle.refresh import RefreshReport
from tests.worlds import PRODS, SCHEMA, World, context

MODES = ("full", "one dump", "incremental", "in-place")
TABLES = """
CREATE TABLE llx_altered (id integer PRIMARY KEY, a text);
CREATE TABLE llx_other (id integer PRIMARY KEY, a text);
INSERT INTO llx_altered SELECT i, 'old' FROM generate_series(1, 300) i;
"""
WAITING = """SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE NOT granted AND datname = current_database()"""


@contextmanager
def checkpointed(lab_root: Path, folder: Path) -> Iterator[World]:
    """A world with these tables, refreshed once and saved as the baseline."""
    made = World(lab_root, folder).make(prods=SCHEMA + PRODS + TABLES)
    made.refresh(db_only=True)
    save(made.settings(), context(), "baseline", yes=True)
    yield made
    made.drop()


def refreshed(world: World, mode: str, *, within: float = 0.5) -> RefreshReport:
    """A refresh in one of the modes; an incremental one needs a checkpoint, which is not made here."""
    refresh = {"strategy": "in-place" if mode == "in-place" else "swap", "lock_timeout": within}
    world.overlay = {**world.overlay, "refresh": refresh}
    if mode == "one dump":
        # the owner's: others' do not travel
        world.fill(world.prod, PROD, "SELECT lo_create(77); GRANT SELECT ON LARGE OBJECT 77 TO PUBLIC")
    try:
        return world.refresh(db_only=True, full=mode == "full")
    finally:
        if mode == "one dump":
            world.rows(world.prod, "SELECT lo_unlink(77)")


def stops(world: World, program: str, words: str) -> None:
    """Have the first run of a program whose arguments, or variables, hold `words` wait until `goes_on`."""
    there, go = world.folder / "there", world.folder / "go"
    there.unlink(missing_ok=True)
    go.unlink(missing_ok=True)
    wait = f"[ -e '{there}' ] || {{ touch '{there}'; while [ ! -e '{go}' ]; do sleep 0.02; done; }}"
    # psql's variables come by descriptor 3, and can be read once
    script = f"""given='{world.folder}'/given.$$
case "$*" in */dev/fd/3*) cat <&3 >"$given"; exec 3<"$given" ;; esac
case "$* $(cat "$given" 2>/dev/null)" in *"{words}"*) {wait} ;; esac
exec "$REAL" "$@"
"""
    world.programs(**{program: script})


@contextmanager
def stopped(world: World, mode: str, **flags: Any) -> Iterator[Future[RefreshReport]]:
    """A refresh in another thread, which is where it `stops`; it goes on at the end at the latest."""
    with ThreadPoolExecutor(1) as pool:
        refresh = pool.submit(refreshed, world, mode, **flags)
        try:
            until(lambda: (world.folder / "there").exists() or refresh.done())
            yield refresh
        finally:
            goes_on(world)


def goes_on(world: World) -> None:
    (world.folder / "go").touch()


def until(true: Callable[[], bool], patience: float = 30) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def waits(world: World, count: int = 1) -> None:
    """Wait until somebody waits for a lock in prod's database."""
    until(lambda: world.rows(world.prod, WAITING)[0][0] >= count)


def timed(world: World, *statements: str) -> float:
    """Run statements on prod; how long that took, in seconds. A table may be gone by then."""
    begun = time.monotonic()
    with world.session(world.prod) as session:
        session.execute("SET statement_timeout = '30s'")
        for statement in statements:
            with suppress(psycopg.errors.UndefinedTable):
                session.execute(statement.encode())
    return time.monotonic() - begun


@contextmanager
def meanwhile(world: World, *statements: str) -> Iterator[Future[float]]:
    """Run statements on prod in another thread; the future has how long they took."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(timed, world, *statements)


@contextmanager
def open_transaction(world: World, *statements: str) -> Iterator[threading.Event]:
    """Statements that are committed, in another thread, once the event is set."""
    commit, begun = threading.Event(), threading.Event()

    def run() -> None:
        with world.session(world.prod) as session, session.transaction():
            for statement in statements:
                session.execute(statement.encode())
            begun.set()
            assert commit.wait(30)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(run)
        assert begun.wait(30)
        try:
            yield commit
        finally:
            commit.set()
            done.result()
