"""Read both sides without changing anything: what is there, and whether a refresh makes sense."""
# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal, or %I and %L

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sandbox.engines import Engine
from sandbox.errors import SandboxError, UsageError
from sandbox.lifecycle import blocked, grants, left, reader
from sandbox.lifecycle.left import Left
from sandbox.lifecycle.mark import NAME as MARK
from sandbox.lifecycle.shape import OWNERS, RELATIONS
from sandbox.postgres import ABLE, APPLICATION, LOOKING, Access, failure, literal, together
from sandbox.settings import Side
from sandbox.shell import Result, Runner, observe

NEXT, OLD = "__next", "__old"


@dataclass(frozen=True)
class Identity:
    """Which database this is, whatever name, address or tunnel leads to it."""

    system: str  # the server's system identifier
    started: str  # tells two servers apart that were copied from one another
    oid: int
    standby: bool


@dataclass(frozen=True)
class Prod:
    """What prod's database told."""

    version: int  # 180003 is 18.3
    identity: Identity
    user: str
    read_only: bool
    can_write: bool  # its role could, were its sessions not read-only
    mark: str | None  # a sandbox's mark, which prod must not carry
    logo: str | None
    bytes: int
    tables: dict[str, int]  # bytes by schema.table
    indexes: int
    unusual: str  # what it has that only a dump carries; empty: nothing
    extensions: tuple[str, ...]
    left: Left  # what of it does not travel
    closed: tuple[str, ...]  # objects on which PUBLIC has nothing, as GRANT names them


@dataclass(frozen=True)
class Neighbour:
    """A database beside the live one that has a name of ours."""

    name: str
    comment: str | None
    limit: int = -1  # of connections; a run's number until its claim is the comment


@dataclass(frozen=True)
class Sandbox:
    """What the sandbox's database told."""

    version: int
    identity: Identity
    user: str
    owner: str
    may_create: bool  # databases
    owns: bool  # itself, or as a member of the owner
    mark: str | None
    empty: bool  # nobody made anything in it yet
    comment: str | None
    options: str  # for CREATE DATABASE: encoding, locale, tablespace
    privileges: tuple[str, ...]  # statements that give the next database what the live one grants
    settings: tuple[str, ...]  # … and its ALTER DATABASE @ SET; @ stands for its name
    neighbours: tuple[Neighbour, ...]
    runs: tuple[str, ...]  # application names of other runs' sessions on its databases


_IDENTITY = """json_build_object(
  'system', (SELECT system_identifier::text FROM pg_control_system()),
  'started', extract(epoch FROM pg_postmaster_start_time())::text, 'standby', pg_is_in_recovery(),
  'oid', (SELECT oid::bigint FROM pg_database WHERE datname = current_database()))"""

# what initdb and extensions bring has smaller numbers, or depends on its extension
_MADE = " UNION ALL ".join(
    f"SELECT '{catalog}'::regclass, oid FROM {catalog} WHERE oid >= 16384 {more}"
    for catalog, more in (
        ("pg_class", "AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_')"),
        ("pg_proc", ""),
        ("pg_namespace", "AND nspname !~ '^(pg_|public$)'"),
        ("pg_type", "AND typnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_')"),
        ("pg_operator", ""),
        ("pg_foreign_data_wrapper", ""),
        ("pg_publication", ""),
        ("pg_event_trigger", ""),
        ("pg_largeobject_metadata", ""),
    )
)
_EMPTY = f"""NOT EXISTS (SELECT FROM ({_MADE}) made (kind, number) WHERE NOT EXISTS (
  SELECT FROM pg_depend WHERE (classid, objid, deptype) = (made.kind, made.number, 'e')))"""

_CONSTANTS = f"""
SELECT coalesce(has_table_privilege(to_regclass('public.llx_const'), 'SELECT'), false) AS dolibarr \\gset
\\if :dolibarr
SELECT json_build_object(
  'mark', (SELECT value FROM public.llx_const WHERE name = {literal(MARK)} ORDER BY entity LIMIT 1),
  'logo', (SELECT value FROM public.llx_const WHERE name = 'MAIN_INFO_SOCIETE_LOGO' ORDER BY entity LIMIT 1));
\\endif
"""

_PROD = f"""
SELECT json_build_object(
  'version', current_setting('server_version_num')::int, 'identity', {_IDENTITY}, 'user', session_user,
  'read_only', current_setting('default_transaction_read_only')::bool,
  'bytes', pg_database_size(current_database()), 'unusual', concat_ws(' and ',
    (SELECT 'large objects' FROM pg_largeobject_metadata WHERE lomowner IN ({OWNERS}) LIMIT 1),
    (SELECT 'rows in tables of extensions' FROM pg_extension WHERE extconfig <> '{{}}' LIMIT 1)),
  'extensions', (SELECT json_agg(extname) FROM pg_extension));
SELECT json_build_object(
  'can_write', coalesce(bool_or(has_table_privilege(oid, 'INSERT, UPDATE, DELETE, TRUNCATE')), false),
  'tables', coalesce(json_object_agg(name, pg_table_size(oid)), '{{}}'),
  'indexes', (SELECT count(*) FROM pg_index i JOIN ({RELATIONS}) x ON x.oid = i.indrelid)
) FROM ({RELATIONS}) r WHERE relkind = 'r';
{_CONSTANTS}{reader.SCRIPT}{left.SCRIPT}{grants.CLOSED}"""


def observe_prod(engine: Engine, runner: Runner) -> Prod:
    """Ask prod's database, in a read-only session.

    Raises:
        Unreachable: the server does not answer.
        UsageError: it refuses the role, or does not let it read all that travels; or has no such database,
            or the database is not Dolibarr's.
        Refused: something that travels cannot be without something that does not.
    """
    access = engine.access(engine.settings.prod)
    told = ask(engine, runner, engine.settings.prod, access, ABLE + _PROD)
    engine.learn(engine.settings.prod, told.pop("able"))
    told["left"] = Left.told(told["left"])
    reader.refuse({"unread": told.pop("unread")}, told["user"])
    if "mark" not in told:
        raise UsageError(
            f"{access.label} has no llx_const that {told['user']} may read: it is not Dolibarr's",
            f"check {access.setting}, or GRANT it SELECT on all tables and sequences",
        )
    told["closed"] = tuple(told["closed"])
    told["identity"] = Identity(**told["identity"])
    return Prod(**{**told, "extensions": tuple(told["extensions"])})


def observe_sandbox(engine: Engine, runner: Runner) -> Sandbox:
    """Ask the sandbox's database.

    Raises:
        Unreachable: the server does not answer.
        UsageError: it refuses the role or has no such database.
    """
    return observe_more(engine, runner, "")[0]


def observe_more(engine: Engine, runner: Runner, more: str) -> tuple[Sandbox, dict[str, Any]]:
    """See `observe_sandbox`; asks `more` in the same session, and returns all that was told beside."""
    side = engine.settings.sandbox
    access = engine.access(side)
    told = ask(engine, runner, side, access, ABLE + _sandbox(access.database.name) + more)
    engine.learn(side, told.pop("able"))
    seen = Sandbox(
        version=told["version"],
        identity=Identity(**told["identity"]),
        user=told["user"],
        owner=told["owner"],
        may_create=told["may_create"],
        owns=told["owns"],
        mark=told.get("mark"),
        empty=told["empty"],
        comment=told["comment"],
        options=told["options"],
        privileges=tuple(told["privileges"]),
        settings=tuple(told["settings"]),
        neighbours=tuple(Neighbour(**item) for item in told["neighbours"]),
        runs=tuple(told["runs"]),
    )
    return seen, told


def constants(engine: Engine, runner: Runner) -> dict[str, Any]:
    """The sandbox's mark and logo, as its live database has them."""
    side = engine.settings.sandbox
    return ask(engine, runner, side, engine.access(side), _CONSTANTS)


def ask(engine: Engine, runner: Runner, side: Side, access: Access, script: str) -> dict[str, Any]:
    """Run a script that only reads and prints JSON objects; all of them as one."""
    before = LOOKING if side.name == "sandbox" else ""
    result = observe(runner, engine.database_command(side, access.psql(before + script).text()))
    if result.exited != 0:
        raise unread(engine, runner, side, access, result, f"reading {access.label}")
    return together(result.stdout)


def unread(  # noqa: PLR0913, PLR0917
    engine: Engine, runner: Runner, side: Side, access: Access, result: Result, doing: str
) -> SandboxError:
    """Why a database could not be read; asks who locked it, if somebody did.

    Args:
        engine: where it is.
        runner: what runs the commands.
        side: whose it is.
        access: the way to it.
        result: what its psql said.
        doing: what was being done, such as "reading prod's database".
    """
    told: dict[str, Any] = {}
    if blocked.timed_out(result.stderr):
        text = access.psql(blocked.LOCKED).text()
        told = together(observe(runner, engine.database_command(side, text)).stdout)
    explain = blocked.kept_waiting if side.name == "sandbox" else blocked.why
    return explain(told, result.stderr) or failure(access, result, doing)


def program_version(engine: Engine, runner: Runner, side: Side, program: str) -> int:
    """The major version of a program of PostgreSQL's, as the engine finds it.

    Raises:
        UsageError: it is not there.
    """
    access = engine.access(side)
    result = observe(runner, engine.database_command(side, access.version(program).text()))
    found = re.search(r"\(PostgreSQL\) (\d+)", result.stdout)
    if result.exited != 0 or found is None:
        raise UsageError(
            f"{program} is not there: {access.version(program).argv[0]}",
            f"install PostgreSQL's client programs, or set {engine.settings.name}.postgres.programs",
        )
    return int(found[1])


# settings whose value is a list of names already written as SQL
_LISTS = "'search_path', 'temp_tablespaces', 'session_preload_libraries', 'local_preload_libraries'"


def _sandbox(name: str) -> str:
    following, old = literal(name + NEXT), literal(name + OLD)
    return f"""
SELECT json_build_object(
  'version', current_setting('server_version_num')::int, 'identity', {_IDENTITY}, 'user', session_user,
  'owner', pg_get_userbyid(datdba), 'owns', pg_has_role(datdba, 'MEMBER'),
  'may_create', (SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = session_user),
  'comment', shobj_description(d.oid, 'pg_database'), 'empty', {_EMPTY},
  'options', concat(
    format('ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_encoding_to_char(encoding), datcollate, datctype),
    CASE j ->> 'datlocprovider' WHEN 'c' THEN ' LOCALE_PROVIDER libc'
      WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L',
                           coalesce(j ->> 'datlocale', j ->> 'daticulocale'))
      WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', j ->> 'datlocale') END,
    CASE WHEN j ->> 'daticurules' <> '' THEN format(' ICU_RULES %L', j ->> 'daticurules') END,
    (SELECT format(' TABLESPACE %I', spcname) FROM pg_tablespace s
      WHERE s.oid = dattablespace AND spcname <> 'pg_default')),
  'privileges', (SELECT coalesce(json_agg(text), '[]') FROM (
    SELECT format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, {following}::text,
                  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                  CASE WHEN is_grantable AND grantee <> datdba THEN ' WITH GRANT OPTION' ELSE '' END) AS text
      FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))
    UNION ALL SELECT format('ALTER DATABASE %I CONNECTION LIMIT %s', {following}::text, datconnlimit)
     WHERE datconnlimit > -1) p),
  'settings', (SELECT coalesce(json_agg(text), '[]') FROM (
    SELECT format('ALTER %s SET %I TO %s', CASE setrole
             WHEN 0 THEN 'DATABASE @' ELSE format('ROLE %I IN DATABASE @', pg_get_userbyid(setrole)) END,
             name, CASE WHEN name IN ({_LISTS}) THEN value ELSE quote_literal(value) END) AS text
      FROM pg_db_role_setting, unnest(setconfig) pair, split_part(pair, '=', 1) name,
           substr(pair, strpos(pair, '=') + 1) value WHERE setdatabase = d.oid) s),
  'neighbours', (SELECT coalesce(json_agg(json_build_object(
      'name', n.datname, 'comment', shobj_description(n.oid, 'pg_database'), 'limit', n.datconnlimit)), '[]')
    FROM pg_database n WHERE n.datname IN ({following}, {old})),
  'runs', (SELECT coalesce(json_agg(DISTINCT application_name), '[]') FROM pg_stat_activity
    WHERE datname IN ({following}, {old}, d.datname) AND application_name LIKE '{APPLICATION}/%'
      AND pid <> pg_backend_pid() AND application_name <> current_setting('application_name')))
FROM pg_database d, to_jsonb(d) j WHERE datname = current_database();
{_CONSTANTS}"""
