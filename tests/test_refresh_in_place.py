"""Strategy in-place: one transaction, in the sandbox's database and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from sandbox.errors import Failed, UsageError
from sandbox.lab.access import SANDBOX
from tests.prod_waits import until
from tests.worlds import World

MONITOR = "world_monitor"


@pytest.fixture
def world(lab_root: Path, tmp_path: Path) -> Iterator[World]:
    made = World(lab_root, tmp_path, overlay={"refresh": {"strategy": "in-place"}}).make()
    made.rows("postgres", f"ALTER ROLE {SANDBOX} NOCREATEDB")
    yield made
    made.rows("postgres", f"ALTER ROLE {SANDBOX} CREATEDB")
    made.drop()


def test_in_place_needs_no_right_to_create_and_touches_no_neighbour(world: World) -> None:
    neighbour = f"{world.name}_neighbour"
    with world.session("postgres") as session:
        for text in ("CREATE DATABASE {0} OWNER {1}", "GRANT CONNECT ON DATABASE {0} TO {1}"):
            session.execute(sql.SQL(text).format(sql.Identifier(neighbour), sql.Identifier(SANDBOX)))
        session.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(*map(sql.Identifier, (world.prod, SANDBOX)))
        )
    world.fill(neighbour, SANDBOX, "CREATE TABLE mine (a integer); INSERT INTO mine VALUES (1);")
    shared = "SELECT datname, pg_get_userbyid(datdba), datacl::text, oid FROM pg_database ORDER BY 1"
    before = world.rows("postgres", shared), world.dump(neighbour)
    report = world.refresh()
    assert (world.rows("postgres", shared), world.dump(neighbour)) == before
    assert (report.strategy, report.rows) == ("in-place", 2504)
    assert world.files() == {"mycompany/logos/logo.png": "prod's", "prod only.pdf": "prod's"}
    assert world.rows(world.sandbox, "SELECT to_regclass('llx_rehearsal') IS NULL") == [(True,)]


def test_what_is_committed_holds_no_temporary_objects(world: World) -> None:
    """A server that dies right after the commit would leave them in the catalogs of the new sandbox."""
    there, go, text = (world.folder / name for name in ("there", "go", "text"))
    held = f"{{ cat '{text}'; touch '{there}'; while [ ! -e '{go}' ]; do sleep 0.02; done; }}"
    world.programs(
        psql=f"""case "$*" in */dev/fd/3*) exec "$REAL" "$@" ;; *"-d {world.sandbox} "*) cat >'{text}' ;;
*) exec "$REAL" "$@" ;; esac
grep -qx 'COMMIT;' '{text}' && grep -q 'llx_facture' '{text}' || exec "$REAL" "$@" <'{text}'
{held} | "$REAL" "$@"
"""
    )
    kept = "SELECT relname FROM pg_class WHERE relpersistence = 't'"
    refresh = threading.Thread(target=world.refresh)
    refresh.start()
    try:
        until(
            lambda: (
                there.exists() and world.rows(world.sandbox, "SELECT count(*) FROM llx_facture") == [(2000,)]
            )
        )
        assert world.rows(world.sandbox, kept) == []
    finally:
        go.touch()
        refresh.join()
    assert world.leftovers() == []


def test_in_place_is_old_or_new_for_every_reader(world: World) -> None:
    stop = threading.Event()
    seen: set[tuple[Any, ...] | None] = set()
    failed: list[psycopg.Error] = []

    def reader() -> None:
        while not stop.is_set():
            try:
                with world.session(world.sandbox, role=SANDBOX) as session:
                    row = session.execute(
                        "SELECT (SELECT count(*) FROM llx_societe), (SELECT count(*) FROM llx_facture),"
                        " (SELECT count(*) FROM llx_user WHERE api_key = 'prods-own-key')"
                    ).fetchone()
                    seen.add(row)
            except psycopg.OperationalError:
                continue  # ended, as a client that was not paused must expect
            except psycopg.Error as error:
                failed.append(error)

    threads = [threading.Thread(target=reader) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        world.refresh(db_only=True)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []
    assert seen <= {(1, 0, 0), (500, 2000, 0)}
    assert (500, 2000, 0) in seen


def test_the_application_is_paused_meanwhile_and_resumed_whatever_happens(world: World) -> None:
    running, said = world.folder / "running", world.folder / "said"
    running.touch()
    world.overlay |= {
        "application": {
            "pause": f"rm '{running}'; echo paused >> '{said}'",
            "resume": f"touch '{running}'; echo resumed >> '{said}'",
        }
    }
    report = world.refresh(db_only=True)
    assert report.unavailable_ms > 0
    world.programs(pg_restore='case "$*" in *--version*) exec "$REAL" "$@";; esac; exit 1')
    with pytest.raises(Failed, match="did not arrive"):
        world.refresh(db_only=True)
    assert said.read_text().split() == ["paused", "resumed", "paused", "resumed"]
    assert running.exists()
    assert world.leftovers() == []
    world.overlay["application"] = {"pause": "true"}
    with pytest.raises(UsageError, match="resume"):
        world.refresh(db_only=True)


def test_the_sandboxs_other_roles_keep_their_rights(world: World) -> None:
    with world.session("postgres") as session:
        session.execute(f"DROP ROLE IF EXISTS {MONITOR}")
        session.execute(f"CREATE ROLE {MONITOR}")
    world.fill(
        world.sandbox,
        SANDBOX,
        f"GRANT SELECT ON llx_facture, llx_rehearsal TO {MONITOR}; GRANT USAGE ON SCHEMA public TO {MONITOR};"
        f"GRANT USAGE ON llx_user_rowid_seq TO {MONITOR} WITH GRANT OPTION;",
    )
    rights = (
        f"SELECT has_table_privilege('{MONITOR}', 'llx_facture', 'SELECT'),"
        f" has_table_privilege('{MONITOR}', 'llx_facture', 'DELETE'),"
        f" has_sequence_privilege('{MONITOR}', 'llx_user_rowid_seq', 'USAGE WITH GRANT OPTION'),"
        f" has_table_privilege('{MONITOR}', 'llx_user', 'SELECT')"
    )
    world.refresh(db_only=True)
    assert world.rows(world.sandbox, rights) == [(True, False, True, False)]
    world.rows("postgres", f"ALTER ROLE {SANDBOX} CREATEDB")
    world.overlay = {}
    world.refresh(db_only=True)
    assert world.rows(world.sandbox, rights) == [(True, False, True, False)]
    world.drop()
    world.rows("postgres", f"DROP ROLE {MONITOR}")
