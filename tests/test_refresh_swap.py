"""Strategy swap on a real server: the sandbox becomes prod, and nothing else changes."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sandbox.errors import Failed
from sandbox.lab.access import READER, SANDBOX
from sandbox.lifecycle import journal
from tests.worlds import PRODS, SCHEMA, World, same


@pytest.fixture
def world(lab_root: Path, tmp_path: Path) -> Iterator[World]:
    made = World(lab_root, tmp_path).make()
    yield made
    made.drop()


def test_swap_makes_the_sandbox_prod_and_leaves_nothing(world: World) -> None:
    report = world.refresh()
    same(world)
    assert world.leftovers() == []
    assert world.files() == {"mycompany/logos/logo.png": "prod's", "prod only.pdf": "prod's"}
    assert (report.strategy, report.tables, report.rows) == ("swap", 4, 2504)
    assert report.documents == {"files": 2, "bytes": 12, "logo": "logo.png"}
    assert report.bytes > 0
    assert 0 <= report.unavailable_ms < 1000
    assert world.rows(world.sandbox, "SELECT count(*) FROM llx_user WHERE api_key IS NOT NULL") == [(0,)]
    last = journal.look(world.settings()).last_refresh
    assert last is not None
    assert (last["run"], last["prod"]) == (
        report.run,
        f"{world.prod}@127.0.0.1:{world.base['database']['port']}",
    )


def test_swap_keeps_the_databases_rights_settings_owner_and_comment(world: World) -> None:
    name = world.sandbox
    for statement in (
        f"GRANT CONNECT ON DATABASE {name} TO {READER}",
        f"ALTER DATABASE {name} SET statement_timeout = '7min'",
        f"ALTER DATABASE {name} SET search_path = '$user', public, \"Odd one\"",
        f"ALTER ROLE {SANDBOX} IN DATABASE {name} SET work_mem = '5MB'",
        f"COMMENT ON DATABASE {name} IS 'the sandbox''s'",
        f"ALTER DATABASE {name} CONNECTION LIMIT 50",
    ):
        world.rows("postgres", statement)
    facts = f"""SELECT pg_get_userbyid(datdba), datconnlimit, shobj_description(oid, 'pg_database'),
      (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a),
      (SELECT json_agg(s ORDER BY s::text)::text FROM (SELECT setrole, setconfig FROM pg_db_role_setting
        WHERE setdatabase = d.oid) s) FROM pg_database d WHERE datname = '{name}'"""
    before = world.rows("postgres", facts)
    report = world.refresh(db_only=True)
    assert world.rows("postgres", facts) == before
    assert report.documents is None
    assert world.files()["sandbox only.pdf"] == "old"


ODD = """
CREATE EXTENSION pg_trgm;
CREATE SCHEMA "Odd schema";
CREATE TYPE "Odd schema"."Colour" AS ENUM ('red', 'it''s "blue"');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TABLE "Odd schema"."Table ""with"" 'quotes', %s and \\ é" (
  "Id" integer GENERATED ALWAYS AS IDENTITY (START 7 INCREMENT -3 MINVALUE -100000 MAXVALUE 7) PRIMARY KEY,
  "a b" text, colour "Odd schema"."Colour", size positive,
  twice integer GENERATED ALWAYS AS (size * 2) STORED);
CREATE TABLE nokey (a integer, b bytea, c jsonb);
CREATE UNLOGGED TABLE unlogged (a integer);
CREATE TABLE parts (id bigint, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE child (extra text) INHERITS (nokey);
CREATE INDEX words ON "Odd schema"."Table ""with"" 'quotes', %s and \\ é" USING gin ("a b" gin_trgm_ops);
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM nokey;
CREATE SEQUENCE alone START 5;
CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE product(integer) (SFUNC = int4mul, STYPE = integer, INITCOND = '1');
CREATE RULE quiet AS ON DELETE TO nokey WHERE old.a = -1 DO INSTEAD NOTHING;
"""


def test_swap_carries_odd_names_and_every_kind_of_object(lab_root: Path, tmp_path: Path) -> None:
    chance = random.Random(20)
    lines = [SCHEMA, PRODS, ODD]
    for number in range(30):
        size = chance.randrange(0, 3000)
        lines.append(
            f'CREATE TABLE "Random {number}" AS SELECT i AS "Key", md5(i::text) AS v'
            f" FROM generate_series(1, {size}) i;"
        )
        if size % 2:
            lines.append(f'ALTER TABLE "Random {number}" ADD PRIMARY KEY ("Key");')
    lines += [
        """INSERT INTO "Odd schema"."Table ""with"" 'quotes', %s and \\ é" ("a b", colour, size)
           SELECT 'tab\there \\. ' || i, 'red', i FROM generate_series(1, 300) i;""",
        "INSERT INTO nokey SELECT i, '\\x00ff'::bytea, '{\"a\": [1, null]}' FROM generate_series(1, 200) i;",
        "INSERT INTO child SELECT i, NULL, NULL, E'line\\nbreak' FROM generate_series(1, 20) i;",
        "INSERT INTO parts SELECT i, '2024-06-01'::date + i FROM generate_series(1, 400) i;",
        "REFRESH MATERIALIZED VIEW counted; SELECT nextval('alone');",
    ]
    world = World(lab_root, tmp_path).make(prods="\n".join(lines))
    world.fill(world.sandbox, SANDBOX, "CREATE TABLE gone (a integer)")
    for strategy in ("swap", "in-place", "in-place"):
        world.overlay = {"refresh": {"strategy": strategy}}
        report = world.refresh(db_only=True)
        same(world)
        assert report.tables == 40
        assert world.leftovers() == []
    world.drop()


def after_restore(statement: str) -> str:
    """A pg_restore that does its work, and after the last of it, and once the sequences are set that are set
    meanwhile, this to the database it restored into."""
    return f"""
"$REAL" "$@" || exit
case "$*" in *post-data*) ;; *) exit ;; esac
previous= target=
for word; do [ "$previous" = -d ] && target=$word; previous=$word; done
[ -n "$target" ] || exit 0
ask() {{ PGOPTIONS= "$(dirname "$0")/psql" -XqAt -h "$host" -p "$port" -U "$user" -d "$target" -c "$1"; }}
host=$2 port=$4 user=$6 tries=0
while [ -n "$(ask 'SELECT 1 FROM pg_sequences WHERE last_value IS NULL')" ]; do
  tries=$((tries + 1)) && [ $tries -lt 200 ] && sleep 0.05 || exit 1
done
ask {statement!r}
"""


@pytest.fixture(scope="module")
def steady(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world for what must leave the sandbox as it is."""
    made = World(lab_root, tmp_path_factory.mktemp("steady")).make()
    yield made
    made.drop()


@pytest.fixture
def unchanged(steady: World) -> Iterator[World]:
    before = steady.dump(steady.sandbox), steady.dump(steady.prod), steady.files()
    steady.overlay = {}
    yield steady
    assert (steady.dump(steady.sandbox), steady.dump(steady.prod), steady.files()) == before
    assert steady.leftovers() == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("DELETE FROM llx_facture WHERE rowid = 1234", "rows of public.llx_facture is 1999, prod has 2000"),
        ("DROP INDEX idx_facture_soc", "idx_facture_soc on public.llx_facture is missing"),
        ("ALTER TABLE llx_facture DROP CONSTRAINT llx_facture_fk_soc_fkey", "llx_facture_fk_soc_fkey"),
        ("ALTER SEQUENCE llx_facture_rowid_seq RESTART 1999", "sequence of public.llx_facture_rowid_seq"),
        ("DROP TRIGGER touch ON llx_societe", "trigger of touch on public.llx_societe is missing"),
        ("DROP VIEW invoiced", "relation of v public.invoiced is missing"),
        ("COMMENT ON COLUMN llx_user.login IS 'x'", "comment of table column public.llx_user.login is there"),
        ("UPDATE llx_facture SET ref = 'FB7' WHERE rowid = 7", "content of public.llx_facture is not as in"),
        ("UPDATE llx_societe SET nom = NULL WHERE rowid = 7", "content of public.llx_societe is not as in"),
        ("UPDATE llx_facture SET total_ttc = -total_ttc WHERE rowid = 2", "content of public.llx_facture is"),
        # two rows exchange a value: each column's values are the same as ever
        (
            "UPDATE llx_facture SET total_ttc = 13 - total_ttc WHERE rowid IN (6, 7)",
            "content of public.llx_facture is not as in prod",
        ),
        ("UPDATE llx_societe SET tms = tms + '1 us' WHERE rowid = 9", "content of public.llx_societe is not"),
        ("ALTER TABLE llx_societe ALTER tms DROP DEFAULT", "default of tms of public.llx_societe is missing"),
        (
            "ALTER TABLE llx_const ALTER entity SET DEFAULT 2",
            "default of entity of public.llx_const is not as",
        ),
        ("ALTER TABLE llx_user ALTER login TYPE varchar(51)", "column of login of public.llx_user is not as"),
        ("ALTER TABLE llx_societe DISABLE TRIGGER touch", "trigger of touch on public.llx_societe is not as"),
        ("ALTER SEQUENCE llx_user_rowid_seq INCREMENT 2", "sequence definition of public.llx_user_rowid_seq"),
        (
            "DROP INDEX idx_facture_soc; CREATE INDEX idx_facture_soc ON llx_facture (total_ttc)",
            "index of idx_facture_soc on public.llx_facture is not as in prod",
        ),
        ("CREATE TABLE more (a integer)", "columns of public.more is 1, prod has none"),
        ("ALTER TABLE llx_user ALTER login DROP NOT NULL", "not null of public.llx_user"),
        ("ALTER TABLE llx_user SET (fillfactor = 70)", "options of public.llx_user is there, prod has none"),
    ],
)
def test_verification_finds_a_planted_fault_and_the_sandbox_stays(
    unchanged: World, fault: str, words: str
) -> None:
    unchanged.programs(pg_restore=after_restore(fault))
    with pytest.raises(Failed) as told:
        unchanged.refresh()
    assert "the copy is not what prod holds" in told.value.what
    assert words in told.value.what


@pytest.mark.parametrize(
    "dumper",
    [
        '"$REAL" "$@" | head -c 9000',  # ends early, with status 0
        '"$REAL" "$@" | head -c 9000; exit 1',
        '"$REAL" "$@"; exit 1',  # whole, but it says that it failed
        "exit 0",
        'echo "pg_dump: error: out of memory" >&2; exit 1',
    ],
)
@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_a_dump_that_does_not_end_well_changes_nothing(unchanged: World, dumper: str, strategy: str) -> None:
    unchanged.overlay = {"refresh": {"strategy": strategy}}
    unchanged.programs(pg_dump=f'[ "$1" = --version ] && exec "$REAL" "$@"\n{dumper}')
    with pytest.raises(Failed, match="did not arrive"):
        unchanged.refresh()


def test_swap_is_short_while_clients_keep_coming_back(world: World) -> None:
    """Clients that reconnect at once and then stay, as a pool's do, must not hold the rename up."""
    stop, served = threading.Event(), []

    def client() -> None:
        while not stop.is_set():
            try:
                with world.session(world.sandbox, role=SANDBOX) as session:
                    while not stop.is_set():
                        served.append(session.execute("SELECT count(*) FROM llx_societe").fetchone())
            except psycopg.Error:
                continue

    clients = [threading.Thread(target=client) for _ in range(4)]
    for thread in clients:
        thread.start()
    try:
        report = world.refresh(db_only=True)
    finally:
        stop.set()
        for thread in clients:
            thread.join()
    assert report.unavailable_ms < 1000
    assert set(served) == {(1,), (500,)}  # the old one, then the new one, and never anything else
