"""What is not the owner's in prod's database: it does not travel, and is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.errors import Refused
from sandbox.lab.facts import contents
from tests.client_world import LOOKUP, ClientWorld
from tests.worlds import MUTED

THEIRS = """
CREATE TABLE public.kept (id serial PRIMARY KEY, secret text DEFAULT 'x', UNIQUE (secret));
COMMENT ON TABLE public.kept IS 'theirs'; COMMENT ON COLUMN public.kept.secret IS 'theirs, too';
INSERT INTO public.kept (secret) VALUES ('not for the sandbox');
CREATE VIEW public.seen AS SELECT * FROM public.kept;
CREATE MATERIALIZED VIEW public."seen ""again"" x" AS SELECT * FROM public.kept;
CREATE SEQUENCE public.counted;
CREATE TYPE public.mood AS ENUM ('good'); COMMENT ON TYPE public.mood IS 'theirs';
CREATE TYPE public.pair AS (a integer, b public.mood);
CREATE DOMAIN public.short AS text CHECK (length(VALUE) < 9);
CREATE TYPE public.floats AS RANGE (subtype = float8);
CREATE FUNCTION public.touching() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touching BEFORE UPDATE ON public.kept FOR EACH ROW EXECUTE FUNCTION public.touching();
ALTER TABLE public.kept ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON public.kept USING (true);
CREATE COLLATION public.plain (locale = 'C');
CREATE OPERATOR public.=== (LEFTARG = int4, RIGHTARG = int4, FUNCTION = int4eq);
CREATE AGGREGATE public.adding(integer) (SFUNC = int4pl, STYPE = integer);
CREATE TEXT SEARCH CONFIGURATION public.plainly (COPY = simple);
CREATE TABLE public.days (day date) PARTITION BY RANGE (day);
CREATE TABLE public.days_1 PARTITION OF public.days FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE SCHEMA reports;
CREATE TABLE reports.monthly (id serial, total numeric);
CREATE FUNCTION reports.total() RETURNS numeric LANGUAGE sql AS 'SELECT sum(total) FROM reports.monthly';
CREATE TYPE reports.mood AS ENUM ('bad');
"""
SUPERUSERS = """
CREATE CAST (text AS boolean) WITH INOUT; CREATE FOREIGN DATA WRAPPER away;
CREATE SERVER far FOREIGN DATA WRAPPER away;
CREATE USER MAPPING FOR PUBLIC SERVER far; CREATE PUBLICATION told; SELECT lo_create(4711);
CREATE FUNCTION public.ended() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER ended ON ddl_command_end EXECUTE FUNCTION public.ended();
COMMENT ON EVENT TRIGGER ended IS 'theirs'; COMMENT ON SCHEMA public IS 'our ERP';
"""
# Dolibarr's own, made by who upgraded it; and what others see of it
OURS = """
COMMENT ON TABLE llx_facture IS 'invoices'; COMMENT ON COLUMN llx_facture.ref IS 'a number';
COMMENT ON INDEX idx_facture_soc IS 'quick'; COMMENT ON FUNCTION touched() IS 'a date';
COMMENT ON CONSTRAINT llx_facture_fk_soc_fkey ON llx_facture IS 'whose'; CREATE SCHEMA more;
CREATE TABLE more.t (rowid serial PRIMARY KEY);
"""
UPGRADED = """
CREATE TABLE public.llx_upgrade (rowid serial PRIMARY KEY, label text);
COMMENT ON COLUMN public.llx_upgrade.label IS 'by another role';
INSERT INTO public.llx_upgrade (label) SELECT 'n' || i FROM generate_series(1, 30) i;
GRANT SELECT ON public.llx_upgrade, public.llx_upgrade_rowid_seq TO {reader};
"""
NAMED = [
    ("function", "public.user_lookup(text)"),
    ("table", "public.kept"),
    ("view", "public.seen"),
    ("materialized view", 'public."seen ""again"" x"'),
    ("sequence", "public.counted"),
    ("type", "public.mood"),
    ("type", "public.pair"),
    ("type", "public.short"),
    ("type", "public.floats"),
    ("function", "public.touching()"),
    ("collation", "public.plain"),
    ("operator", "public.===(integer,integer)"),
    ("aggregate", "public.adding(integer)"),
    ("text search configuration", "public.plainly"),
    ("table", "public.days"),
    ("schema", "reports"),
    ("table", "reports.monthly"),
    ("function", "reports.total()"),
    ("type", "reports.mood"),
    ("cast", "(text AS boolean)"),
    ("foreign-data wrapper", "away"),
    ("server", "far"),
    ("publication", "told"),
    ("function", "public.ended()"),
    ("event trigger", "ended"),
    ("large objects", "1"),
]


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientWorld]:
    made = ClientWorld(lab_root, tmp_path_factory.mktemp("strange")).make()
    made.own(
        made.prod,
        "prods",
        OURS + "GRANT USAGE ON SCHEMA more TO {reader}; "
        "GRANT SELECT ON ALL TABLES IN SCHEMA more TO {reader};"
        "GRANT SELECT ON ALL SEQUENCES IN SCHEMA more TO {reader};",
    )
    made.rows(made.prod, f'GRANT CREATE ON DATABASE "{made.prod}" TO {made.role("provisioner")}')
    made.visit(made.prod, LOOKUP + THEIRS)
    made.visit(made.prod, UPGRADED, "monitor")
    made.fill(made.prod, "lab_superuser", SUPERUSERS)
    yield made
    made.drop()


def arrived(world: ClientWorld) -> None:
    """The sandbox holds what prod's owner has, and nothing else."""
    with world.session(world.prod) as prod, world.session(world.sandbox) as sandbox:
        theirs, ours = contents(prod), contents(sandbox)
    strange = ("public.kept", "public.counted", "public.days", "public.seen", "reports.")
    wanted = {name: text for name, text in theirs.items() if not name.startswith(strange)}
    for name in (*MUTED, "(schema)"):  # prod's schema has theirs
        del ours[name], wanted[name]
    assert ours == wanted
    query = "SELECT DISTINCT owner FROM (SELECT relowner::regrole::text FROM pg_class WHERE oid >= 16384"
    query += " UNION ALL SELECT proowner::regrole::text FROM pg_proc WHERE oid >= 16384"
    query += " UNION ALL SELECT typowner::regrole::text FROM pg_type WHERE oid >= 16384) o (owner)"
    assert world.rows(world.sandbox, query) == [(world.role("owner"),)]
    assert "theirs" not in world.dump(world.sandbox)
    comments = "SELECT description FROM pg_description WHERE objoid >= 16384 ORDER BY 1"
    said = ["a date", "a number", "by another role", "invoices", "quick", "whose"]
    assert [row[0] for row in world.rows(world.sandbox, comments)] == said


@pytest.mark.parametrize("way", ["swap", "incremental", "in-place"])
def test_strangers_stay_in_prod_and_are_named(world: ClientWorld, way: str) -> None:
    world.overlay = {"refresh": {"strategy": "in-place" if way == "in-place" else "swap"}}
    before = world.surroundings()
    with world.creating():
        if way == "incremental":
            world.save()
        report = world.refresh()
        if way == "incremental":
            assert (report.mode, report.why_full) == ("incremental", "")
            world.forget("baseline")
    arrived(world)
    assert [(one.kind, one.name) for one in report.strangers] == sorted(NAMED)
    owners = {one.name: one.owner for one in report.strangers}
    assert owners["public.user_lookup(text)"] == world.role("provisioner")
    assert owners["ended"] == "lab_superuser"
    assert any("public.llx_upgrade of" in line for line in report.warnings)
    assert world.surroundings() == before
    assert world.callable(world.prod)
    assert world.leftovers() == []


def test_a_stranger_among_large_objects_stays(world: ClientWorld) -> None:
    """One pg_dump carries rows and large objects then, with either strategy."""
    world.own(world.prod, "prods", "SELECT lo_create(4712); GRANT SELECT ON LARGE OBJECT 4712 TO {reader};")
    world.rows(world.prod, "GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC")
    for strategy in ("swap", "in-place"):
        world.overlay = {"refresh": {"strategy": strategy}}
        with world.creating():
            report = world.refresh(db_only=True)
        assert any("large objects" in line for line in report.warnings) == (strategy == "swap")
        arrived(world)
        query = "SELECT oid::int FROM pg_largeobject_metadata"
        assert world.rows(world.sandbox, query) == [(4712,)]
    world.rows(world.prod, "SELECT lo_unlink(4712)")


@pytest.mark.parametrize(
    ("ours", "undo", "mine", "theirs"),
    [
        (
            "CREATE VIEW combined AS SELECT * FROM kept",
            "DROP VIEW combined",
            "view public.combined",
            "table public.kept",
        ),
        (
            "CREATE TRIGGER t BEFORE UPDATE ON llx_societe FOR EACH ROW EXECUTE FUNCTION touching()",
            "DROP TRIGGER t ON llx_societe",
            "table public.llx_societe",
            "function public.touching()",
        ),
        (
            "ALTER TABLE llx_societe ADD feels mood",
            "ALTER TABLE llx_societe DROP feels",
            "table public.llx_societe",
            "type public.mood",
        ),
        (
            "ALTER TABLE llx_societe ADD feels mood[]",
            "ALTER TABLE llx_societe DROP feels",
            "table public.llx_societe",
            "type public.mood",
        ),
        (
            "ALTER TABLE llx_societe ADD n integer DEFAULT nextval('counted')",
            "ALTER TABLE llx_societe DROP n",
            "table public.llx_societe",
            "sequence public.counted",
        ),
        (
            "ALTER TABLE llx_societe ADD kept integer REFERENCES kept",
            "ALTER TABLE llx_societe DROP kept",
            "table public.llx_societe",
            "table public.kept",
        ),
        (
            "CREATE TABLE reports.ours (a integer)",
            "DROP TABLE reports.ours",
            "table reports.ours",
            "schema reports",
        ),
        (
            "CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
            "DROP TABLE days_2",
            "table public.days_2",
            "table public.days",
        ),
    ],
)
def test_what_depends_on_a_stranger_is_refused_before_any_change(
    world: ClientWorld, ours: str, undo: str, mine: str, theirs: str
) -> None:
    owner = world.role("prods")
    table = ours.split()[2]
    made = f"{ours};" + (f"ALTER TABLE {table} OWNER TO {owner};" if ours.startswith("CREATE TABLE") else "")
    made += f"ALTER VIEW combined OWNER TO {owner};" if "VIEW" in ours else ""
    world.fill(world.prod, "lab_superuser", made)
    world.overlay = {"refresh": {"strategy": "in-place"}}
    before = world.databases(), world.catalog(world.sandbox), world.files()
    with pytest.raises(Refused) as told:
        world.refresh()
    world.rows(world.prod, undo)
    assert (world.databases(), world.catalog(world.sandbox), world.files()) == before
    assert f"{mine} of {owner} depends on {theirs} of {world.role('provisioner')}" in told.value.what
    assert f"OWNER TO {owner}" in told.value.next_step.replace('"', "")
    assert world.strays() == []
