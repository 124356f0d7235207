"""The rights on the sandbox's database itself, and its settings: what takes its place has the same."""

# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal, or %I and %L

from __future__ import annotations

from collections.abc import Iterator

from sandbox.engines import Engine
from sandbox.errors import Refused
from sandbox.postgres import failure, identifier, literal
from sandbox.shell import Runner, observe


def carry(live: str, following: str, privileges: tuple[str, ...], settings: tuple[str, ...]) -> str:
    """SQL: give the next database what the live one grants and sets, in the same order, and compare."""
    name = identifier(following)
    grants = "".join(f"{statement};\n" for statement in (*privileges, *_named(settings, following)))
    facts = """ARRAY(SELECT concat_ws(' ', grantee, privilege_type, is_grantable)
      FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) ORDER BY 1) AS rights,
    ARRAY(SELECT concat_ws(' ', setrole, one) FROM pg_db_role_setting, unnest(setconfig) one
           WHERE setdatabase = d.oid ORDER BY 1) AS settings"""
    both = f"datname IN ({literal(live)}, {literal(following)})"
    return f"""REVOKE ALL ON DATABASE {name} FROM PUBLIC;
SELECT format('REVOKE ALL ON DATABASE %I FROM %I', datname, pg_get_userbyid(datdba)) FROM pg_database
 WHERE datname = {literal(following)} \\gexec
{grants}DO $same$ BEGIN
IF (SELECT count(DISTINCT (rights, datconnlimit, settings)) FROM (SELECT datconnlimit, {facts}
  FROM pg_database d WHERE {both}) f) > 1 THEN
  RAISE EXCEPTION 'the new database has not the rights and settings of the live one';
END IF; END $same$;
"""


def refuse_settings(engine: Engine, runner: Runner, name: str, settings: tuple[str, ...]) -> None:
    """Refuse to replace a database with settings that our role could not give again; tries, and undoes it.

    Raises:
        Refused: it names the first.
    """
    if not settings:
        return
    blocks = "".join(
        f"DO $do$ BEGIN EXECUTE {literal(statement)};\nEXCEPTION WHEN insufficient_privilege THEN"
        f" RAISE WARNING 'not ours: %', {literal(statement)};\nEND $do$;\n"
        for statement in _named(settings, name)
    )
    access = engine.access(engine.settings.sandbox)
    script = f"BEGIN READ WRITE;\n{blocks}ROLLBACK;\n"
    text = engine.database_command(engine.settings.sandbox, access.maintenance.psql(script).text())
    result = observe(runner, text)
    if result.exited != 0:
        raise failure(access, result, "looking at the settings of the sandbox's database")
    for _, told, statement in (line.partition("not ours: ") for line in result.stderr.split("\n")):
        if told:
            raise Refused(
                f"the sandbox's database has a setting that {access.database.user or 'our role'} may not give"
                f" the new one: {statement}",
                f"drop it (RESET), let the role set it (GRANT SET ON PARAMETER …), or set"
                f" {engine.settings.name}.refresh.strategy: in-place",
            )


def _named(settings: tuple[str, ...], name: str) -> Iterator[str]:
    for statement in settings:
        before, _, after = statement.partition("DATABASE @")
        yield f"{before}DATABASE {identifier(name)}{after}"
