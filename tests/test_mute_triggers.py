"""No secret of prod's stays in the copy, whatever its triggers and rules would do with muted rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.engines import engine_for
from sandbox.lab.access import PROD, SANDBOX
from sandbox.lifecycle import mark
from sandbox.shell import observe
from tests.checkpoint_world import Shelved
from tests.incremental import incremental
from tests.worlds import PRODS, SCHEMA, World, context, same

SECRETS = ("prods-own-key", "made-up", "sk_live_secret", "smtp-secret", "https://hook.example", "hook-token")
WATCHED = """
CREATE TABLE llx_webhook_target (rowid serial PRIMARY KEY, url text, connection_data text);
CREATE TABLE llx_webhook_sent (rowid serial PRIMARY KEY, said text,
  fk_target integer REFERENCES llx_webhook_target (rowid) ON DELETE CASCADE);
INSERT INTO llx_webhook_target (url, connection_data) VALUES ('https://hook.example', 'hook-token');
INSERT INTO llx_webhook_sent (said, fk_target) VALUES ('a word', 1);
INSERT INTO llx_const (name, value) VALUES ('STRIPE_LIVE_SECRET_KEY', 'sk_live_secret'),
  ('MAIN_MAIL_SMTPS_PW', 'smtp-secret'), ('MAIN_HTML_HEADER', '<meta name="mine">');
CREATE TABLE audit_log (id bigserial PRIMARY KEY, old jsonb, new jsonb, said text);
CREATE FUNCTION audit_it() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS
  $$ BEGIN INSERT INTO audit_log (old, new) VALUES (to_jsonb(OLD), to_jsonb(NEW)); RETURN NEW; END $$;
CREATE FUNCTION lost() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO audit_log (old) VALUES (to_jsonb(OLD)); RETURN NEW; END $$;
CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS
  $$ BEGIN INSERT INTO audit_log (said) VALUES (TG_OP); RETURN NULL; END $$;
CREATE TRIGGER audit AFTER UPDATE ON llx_user FOR EACH ROW EXECUTE FUNCTION audit_it();
CREATE TRIGGER lost BEFORE UPDATE ON llx_user FOR EACH ROW EXECUTE FUNCTION lost();
CREATE TRIGGER off BEFORE UPDATE ON llx_user FOR EACH ROW EXECUTE FUNCTION lost();
CREATE TRIGGER replica BEFORE UPDATE ON llx_user FOR EACH ROW EXECUTE FUNCTION audit_it();
CREATE TRIGGER "Odd "":x"" name" BEFORE UPDATE ON llx_user FOR EACH ROW EXECUTE FUNCTION audit_it();
ALTER TABLE llx_user DISABLE TRIGGER off, ENABLE REPLICA TRIGGER replica, ENABLE ALWAYS TRIGGER audit;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON llx_const FOR EACH ROW EXECUTE FUNCTION audit_it();
CREATE TRIGGER lost AFTER UPDATE OR DELETE ON llx_const FOR EACH ROW EXECUTE FUNCTION lost();
CREATE TRIGGER told AFTER UPDATE ON llx_const FOR EACH STATEMENT EXECUTE FUNCTION told();
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON llx_const DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION audit_it();
CREATE TRIGGER audit AFTER DELETE ON llx_webhook_sent FOR EACH ROW EXECUTE FUNCTION audit_it();
CREATE RULE twice AS ON UPDATE TO llx_user DO ALSO INSERT INTO audit_log (said) VALUES (OLD.api_key);
CREATE RULE gone AS ON DELETE TO llx_webhook_target DO ALSO INSERT INTO audit_log (said) VALUES (OLD.url);
CREATE RULE never AS ON UPDATE TO llx_const DO INSTEAD NOTHING;
CREATE RULE idle AS ON UPDATE TO llx_const DO ALSO INSERT INTO audit_log (said) VALUES (OLD.value);
ALTER TABLE llx_const DISABLE RULE idle;
"""
STATES = """
SELECT tgrelid::regclass::text, tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT ev_class::regclass::text, rulename, ev_enabled::text FROM pg_rewrite
 WHERE rulename <> '_RETURN'
ORDER BY 1, 2"""


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelved]:
    made = Shelved(lab_root, tmp_path_factory.mktemp("watched"))
    made.make(prods=SCHEMA + PRODS + WATCHED)
    yield made
    made.drop()


def found(world: World) -> list[str]:
    """Where in the sandbox a secret of prod's stands."""
    with world.session(world.sandbox) as session:
        tables = session.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'm') AND relispopulated"
            " AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        return [
            f"{secret} in {table}"
            for (table,) in tables
            for secret in SECRETS
            if session.execute(
                f"SELECT FROM {table} t WHERE position(%s IN t::text) > 0".encode(), [secret]
            ).fetchall()
        ]


def schema(world: World, database: str) -> str:
    text = world.dump(database)
    return "\n".join(line for line in text.splitlines() if line.startswith(("CREATE", "ALTER", "\t", " ")))


def clean(world: World) -> None:
    """The copy tells no secret, nothing was started in it, and it is made like prod."""
    assert found(world) == []
    assert world.rows(world.sandbox, "SELECT old, new, said FROM audit_log") == world.rows(
        world.prod, "SELECT old, new, said FROM audit_log"
    )
    assert world.rows(world.sandbox, STATES) == world.rows(world.prod, STATES)
    prods, ours = (schema(world, name) for name in (world.prod, world.sandbox))
    assert ours.replace("dolibarr_sandbox", "R") == prods.replace("dolibarr_prod", "R")


@pytest.mark.parametrize("strategy", ["swap", "in-place", "incremental"])
def test_muting_starts_none_of_prods_triggers_and_rules(world: Shelved, strategy: str) -> None:
    world.overlay = {"refresh": {"strategy": "in-place" if strategy == "in-place" else "swap"}}
    if strategy == "incremental":
        world.refresh(db_only=True)
        world.save()
        world.fill(
            world.prod,
            PROD,
            "INSERT INTO audit_log (said) VALUES ('a word');"
            "UPDATE llx_societe SET nom = 'changed' WHERE rowid = 7;",
        )
        assert incremental(world.refresh(db_only=True))["tables"] > 2
    else:
        world.refresh(db_only=True)
    clean(world)


def test_a_mark_that_is_written_and_taken_away_starts_nothing_either(world: Shelved) -> None:
    world.overlay = {}
    world.refresh(db_only=True)
    settings = world.settings()
    access = engine_for(settings).access(settings.sandbox)
    before = world.content(world.sandbox)
    for word, different in (("word", {"public.llx_const"}), ("", set())):
        assert observe(context(), access.psql(mark.shown_with(word)).text()).exited == 0
        after = world.content(world.sandbox)
        assert {name for name in before if before[name] != after[name]} == different
    run = "20260101T000000Z-000001"
    assert observe(context(), access.psql(mark.written_if_dolibarr(run)).text()).exited == 0
    query = "SELECT value FROM llx_const WHERE name = 'DOLIBARR_SANDBOX'"
    assert world.rows(world.sandbox, query) == [(run,)]
    clean(world)


MADE = """
CREATE MATERIALIZED VIEW known AS SELECT login, api_key FROM llx_user;
CREATE VIEW through AS SELECT api_key FROM known;
CREATE MATERIALIZED VIEW twice AS SELECT t.api_key, c.value FROM through t, llx_const c;
CREATE INDEX ON twice (value);
CREATE MATERIALIZED VIEW not_yet AS SELECT value FROM llx_const WITH NO DATA;
CREATE MATERIALIZED VIEW others AS SELECT nom FROM llx_societe;
ANALYZE;
"""


@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_materialized_views_of_what_is_muted_are_filled_again(world: Shelved, strategy: str) -> None:
    world.overlay = {"refresh": {"strategy": strategy}}
    world.fill(world.prod, PROD, MADE)
    try:
        world.refresh(db_only=True)
        clean(world)
        filled = "SELECT relname::text, relispopulated FROM pg_class WHERE relkind = 'm' ORDER BY 1"
        assert world.rows(world.sandbox, filled) == world.rows(world.prod, filled)
        assert world.rows(world.sandbox, "SELECT count(*) FROM others") == [(500,)]
        known = "SELECT string_agg(s::text, '') FROM pg_stats s WHERE schemaname = 'public'"
        (statistics,) = world.rows(world.sandbox, known)[0]
        assert [secret for secret in SECRETS if secret in statistics] == []
    finally:
        world.fill(world.prod, PROD, "DROP MATERIALIZED VIEW known, not_yet, others CASCADE")


EVENTS = """
CREATE TABLE ddl_log (tag text);
CREATE FUNCTION log_it() RETURNS event_trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO ddl_log VALUES (tg_tag); END $$;
CREATE EVENT TRIGGER made ON ddl_command_end EXECUTE FUNCTION log_it();
CREATE EVENT TRIGGER gone ON sql_drop EXECUTE FUNCTION log_it();
ALTER EVENT TRIGGER gone ENABLE ALWAYS;
"""


@pytest.fixture
def powerful(lab_root: Path, tmp_path: Path) -> Iterator[Shelved]:
    """Both owners are superusers, as where one image's only role made everything."""
    made = Shelved(lab_root, tmp_path)
    made.make()
    for role in (PROD, SANDBOX):
        made.rows("postgres", f"ALTER ROLE {role} SUPERUSER")
    made.fill(made.prod, PROD, EVENTS)
    yield made
    for role in (PROD, SANDBOX):
        made.rows("postgres", f"ALTER ROLE {role} NOSUPERUSER")
    made.drop()


def test_event_triggers_of_a_superuser_act_on_nothing_that_is_done_to_a_copy(powerful: Shelved) -> None:
    world = powerful
    events = "SELECT evtname, evtenabled::text FROM pg_event_trigger ORDER BY 1"
    for strategy in ("in-place", "in-place", "swap"):
        world.overlay = {"refresh": {"strategy": strategy}}
        world.refresh(db_only=True)
        same(world)
        assert world.rows(world.sandbox, events) == world.rows(world.prod, events)
    world.save()
    world.rows(world.prod, "UPDATE llx_societe SET nom = 'changed' WHERE rowid = 7")
    incremental(world.refresh(db_only=True))
    same(world)
    assert world.rows(world.sandbox, events) == world.rows(world.prod, events)
    world.rewind()
