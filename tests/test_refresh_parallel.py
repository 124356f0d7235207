"""Several workers copy the same as one pg_dump into one pg_restore does, and one that fails ends them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.config import merged
from sandbox.errors import Failed
from sandbox.lab.access import PROD, SANDBOX
from sandbox.lifecycle import checks, parallel
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


def test_autovacuum_stays_away_from_what_is_being_filled(odd: World) -> None:
    told = odd.folder / "alone"
    query = (
        "SELECT count(*) FILTER (WHERE reloptions @> ARRAY['autovacuum_enabled=off']),"
        " array_agg(relname ORDER BY 1) FILTER (WHERE reloptions IS NULL OR NOT reloptions @>"
        " ARRAY['autovacuum_enabled=off']) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relkind = 'r' AND nspname !~ '^(pg_|information)'"
    )
    odd.programs(
        pg_restore=f"""case "$*" in *post-data*)
PGOPTIONS= "$(dirname "$0")/psql" -XqAt -h "$2" -p "$4" -U "$6" \\
  -d {odd.sandbox}__next -c "{query}" >>'{told}'
esac
exec "$REAL" "$@" """
    )
    odd.overlay = merged(odd.overlay, {"refresh": {"jobs": 2}})
    odd.refresh(db_only=True)
    (alone, others) = told.read_text().split()[-1].split("|")
    assert int(alone) >= 20
    assert others == "{retuned}"  # prod says what becomes of it
    left = "SELECT relname, reloptions::text FROM pg_class WHERE relkind = 'r' AND reloptions IS NOT NULL"
    kept = {"tuned": "{fillfactor=70,autovacuum_enabled=off}", "retuned": "{autovacuum_enabled=on}"}
    assert dict(odd.rows(odd.sandbox, left)) == kept


@pytest.fixture
def all_large(odd: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Every table is large enough to travel in binary, if what it is made of lets it."""
    monkeypatch.setattr(parallel, "_LARGE", 0)
    odd.overlay = {"refresh": {"jobs": 2}}
    return odd


def test_what_travels_in_binary_is_what_a_dump_copies(all_large: World, dumped: list[str]) -> None:
    odd, told = all_large, all_large.folder / "binary"
    odd.programs(psql=f"""echo "$DOLIBARR_SANDBOX_LISTED" >>'{told}'; exec "$REAL" "$@" """)
    odd.refresh(db_only=True)
    assert schema(odd, odd.sandbox) == dumped
    prod, sandbox = odd.content(odd.prod), odd.content(odd.sandbox)
    assert {name for name in {*prod, *sandbox} if prod.get(name) != sandbox.get(name)} == DUMPED
    travelled = set(re.findall(r"^public\.(\w+) ", told.read_text(), re.MULTILINE))
    assert {"llx_facture", "wide", "dropped", "made", "parts_1"} <= travelled
    # other types, no columns at all, or names that are not for a shell
    assert travelled & {"kinds", "nothing", "many_nothing", "all_made", "line"} == set()
    assert odd.leftovers() == []


@pytest.mark.parametrize("bytes_left", [0, 30, 3000])
def test_a_binary_stream_that_is_cut_off_is_no_copy(all_large: World, bytes_left: int) -> None:
    odd, before = all_large, all_large.dump(all_large.sandbox)
    cut = f'head -c {bytes_left} | "$REAL" "$@"; cat >/dev/null'
    odd.programs(
        psql=f"""case $DOLIBARR_SANDBOX_LISTED in *llx_societe*) {cut} ;; *) exec "$REAL" "$@" ;; esac"""
    )
    with pytest.raises(Failed, match=r"the copy did not arrive|the copy is not what prod holds"):
        odd.refresh(db_only=True, full=True)
    assert odd.dump(odd.sandbox) == before
    assert odd.leftovers() == []


def test_what_travels_in_binary_belongs_to_the_sandboxs_owner(all_large: World) -> None:
    odd, member = all_large, "binary_member"
    odd.rows("postgres", f"CREATE ROLE {member} LOGIN SUPERUSER PASSWORD 'member'")
    try:
        odd.overlay = merged(odd.overlay, {"database": {"user": member}})
        passwords = odd.folder / "pgpass"
        lines = Path(odd.base["postgres"]["passwords"]).read_text(encoding="utf-8")
        passwords.write_text(f"{lines}*:*:*:{member}:member\n", encoding="utf-8")
        passwords.chmod(0o600)
        odd.overlay = merged(odd.overlay, {"postgres": {"passwords": str(passwords)}})
        odd.refresh(db_only=True, full=True)
        owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        assert odd.rows(odd.sandbox, owners) == [(SANDBOX,)]
        assert odd.rows(odd.sandbox, "SELECT count(*) FROM wide") == [(3,)]
    finally:
        odd.overlay = {}  # the next test connects as nobody in particular
        odd.rows("postgres", f"DROP ROLE {member}")


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


STATISTICS = """SELECT tablename, attname, inherited, null_frac, n_distinct, most_common_vals::text,
  histogram_bounds::text FROM pg_stats WHERE schemaname = 'public' ORDER BY 1, 2, 3"""
ANALYZED = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= 0 AND relname ~ '^llx_' ORDER BY 1"
)


@pytest.fixture
def guessed(lab_root: Path, tmp_path: Path) -> Iterator[World]:
    """A prod whose statistics of some tables say what they held when they were last analyzed."""
    secrets = """
      CREATE TABLE llx_webhook_target (rowid serial PRIMARY KEY, url text);
      CREATE INDEX upper_url ON llx_webhook_target (upper(url));
      INSERT INTO llx_webhook_target (url)
        SELECT 'https://hook/made-up' || i / 3 FROM generate_series(1, 300) i;
      CREATE TABLE llx_unread (a integer) WITH (autovacuum_enabled = off);
      INSERT INTO llx_unread SELECT generate_series(1, 300);
      CREATE INDEX lower_name ON llx_societe (lower(nom));
      ALTER TABLE llx_societe SET (autovacuum_enabled = off);
      INSERT INTO llx_user (login, api_key)
        SELECT 'clerk' || i, 'clerks-key-' || i FROM generate_series(1, 9) i;
      ANALYZE llx_const, llx_user, llx_societe, llx_facture, llx_webhook_target;
      INSERT INTO llx_societe (nom) SELECT 'one name' FROM generate_series(1, 5000);"""
    made = World(lab_root, tmp_path).make(prods=SCHEMA + PRODS + secrets)
    yield made
    made.drop()


def test_the_planners_statistics_come_from_prod_where_it_has_some(guessed: World) -> None:
    guessed.refresh(db_only=True)
    held = {name: [row for row in guessed.rows(name, STATISTICS) if row[0] in {"llx_societe", "lower_name"}]
            for name in (guessed.prod, guessed.sandbox)}  # fmt: skip
    assert held[guessed.sandbox] == held[guessed.prod] != []  # as old as prod's: they were not gathered anew
    assert {row[0] for row in held[guessed.prod]} == {"llx_societe", "lower_name"}
    tables = {row[0] for row in guessed.rows(guessed.sandbox, STATISTICS)}
    assert "llx_unread" in tables, "what prod has no statistics of is looked at"


def test_statistics_do_not_keep_what_was_muted(guessed: World) -> None:
    told = [str(guessed.rows(guessed.prod, STATISTICS))]
    guessed.refresh(db_only=True)
    told.append(str(guessed.rows(guessed.sandbox, STATISTICS)))
    for secret in ("https://hook/made-up", "HTTPS://HOOK/MADE-UP", "made-up", "clerks-key-"):
        assert (secret in told[0], secret in told[1]) == (True, False), secret
    assert guessed.rows(guessed.sandbox, "SELECT count(*) FROM llx_webhook_target") == [(0,)]


def test_statistics_are_gathered_where_postgresql_cannot_carry_them(
    guessed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_STATISTICS_CARRIED", 99)
    guessed.refresh(db_only=True)
    anew = [row for row in guessed.rows(guessed.sandbox, STATISTICS) if row[:2] == ("llx_societe", "nom")]
    assert "one name" in str(anew)
    tables = ["llx_const", "llx_facture", "llx_societe", "llx_unread", "llx_user", "llx_webhook_target"]
    assert [name for (name,) in guessed.rows(guessed.sandbox, ANALYZED)] == tables


def test_large_objects_are_carried_by_a_dump_and_it_says_so(odd: World) -> None:
    odd.overlay = {}
    odd.fill(odd.prod, PROD, "SELECT lo_from_bytea(77, 'a large object')")
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
    odd.fill(odd.prod, PROD, "CREATE TABLE broken (a integer, b text)")
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
