"""Make a database beside the live one and put it in its place: SQL for the maintenance database.

Two renames in one transaction. A rename takes the lock that makes new connections wait: a client that waits
for it is told, when the swap is done, that its database was just renamed. The next one is served by the new.
"""
# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal, or %I and %L

from __future__ import annotations

import zlib
from dataclasses import dataclass

from sandbox.engines import Engine
from sandbox.errors import Failed
from sandbox.postgres import APPLICATION, documents_in, failure, identifier, literal
from sandbox.shell import Runner, change, observe

_LEAST = 10**9  # the smallest of these numbers
_TRIES = 3  # each waits up to 5 s, PostgreSQL's own patience, for sessions to end
IN_USE, EXISTS = "55006", "42P04"  # SQLSTATE object_in_use, duplicate_database
MAKING = "pg_database_datname_index"  # what is said of one that somebody else is just making


@dataclass(frozen=True)
class Names:
    """The databases of one swap."""

    live: str
    next: str
    old: str


def claim(run: str, host: str, pid: int) -> str:
    """The comment that tells whose a database is, for anyone who finds it."""
    return f"{APPLICATION} run={run} host={host} pid={pid}"


def number(comment: str) -> int:
    """The connection limit that a database is made with, until it has this claim for a comment.

    CREATE DATABASE takes no comment: a run that is killed before the next statement would leave a database
    that is nobody's. No server allows as many connections.
    """
    return _LEAST + zlib.crc32(comment.encode()) % _LEAST


def create(names: Names, owner: str, options: str, comment: str) -> str:
    """SQL: an empty database that only its owner may enter: what arrives in it is not muted yet."""
    following = identifier(names.next)
    return (
        "\\set VERBOSITY verbose\n"
        f"CREATE DATABASE {following} OWNER {identifier(owner)} TEMPLATE template0 {options}"
        f" CONNECTION LIMIT {number(comment)};\n"
        f"{claimed(following, comment)}"
        f"REVOKE ALL ON DATABASE {following} FROM PUBLIC;\n"
    )


def claimed(database: str, comment: str) -> str:
    """SQL: a database that was just made has its claim for a comment, and any number of connections again."""
    limit = f"ALTER DATABASE {database} CONNECTION LIMIT -1"
    return f"COMMENT ON DATABASE {database} IS {literal(comment)};\n{limit};\n"


def end_sessions(condition: str, patience: float) -> str:
    """SQL: end the sessions for which `condition` holds; wait up to `patience` seconds for it."""
    return f"""DO $end$
DECLARE victim record;
BEGIN
  FOR i IN 1..{round(patience / 0.005)} LOOP
    PERFORM pg_stat_clear_snapshot();
    EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity
                           WHERE pid <> pg_backend_pid() AND usesysid IS NOT NULL AND ({condition}));
    FOR victim IN SELECT pid FROM pg_stat_activity
                   WHERE pid <> pg_backend_pid() AND usesysid IS NOT NULL AND ({condition}) LOOP
      BEGIN
        PERFORM pg_terminate_backend(victim.pid);
      EXCEPTION WHEN insufficient_privilege THEN NULL;  -- a superuser's: the rename says so if it stays
      END;
    END LOOP;
    PERFORM pg_sleep(0.005);
  END LOOP;
END $end$;
"""


def ended(condition: str, patience: float) -> str:
    """SQL: as `end_sessions`, but fail when one is there after `patience` seconds."""
    left = f"SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND ({condition})"
    return f"""{end_sessions(condition, patience)}DO $left$ BEGIN
PERFORM pg_stat_clear_snapshot();
IF EXISTS ({left}) THEN RAISE EXCEPTION 'sessions of a program that died do not end'; END IF;
END $left$;
"""


def same(name: str, oid: int) -> str:
    """SQL that fails unless the database of that name is the one that was judged when the run began."""
    return f"""DO $same$ BEGIN
IF NOT EXISTS (SELECT FROM pg_database WHERE (oid, datname) = ({oid}, {literal(name)})) THEN
  RAISE EXCEPTION 'the database % is another one than the run began with: it is left alone', {literal(name)};
END IF;
END $same$;
"""


def rename(names: Names, run: str, oid: int, comments: tuple[str, str | None]) -> str:
    """SQL: the swap itself. The old database keeps a claim, the new one gets the live one's comment."""
    ours, lives = comments
    live, following = identifier(names.live), identifier(names.next)
    return f"""\\set VERBOSITY verbose
SET application_name = {literal(_swapper(run))};
SELECT extract(epoch FROM clock_timestamp()) AS began \\gset
BEGIN;
{same(names.live, oid)}COMMENT ON DATABASE {live} IS {literal(ours)};
COMMENT ON DATABASE {following} IS {"NULL" if lives is None else literal(lives)};
{end_sessions(f"datname = {literal(names.live)}", 0.3)}{_give_up(names.live)}
ALTER DATABASE {live} RENAME TO {identifier(names.old)};
ALTER DATABASE {following} RENAME TO {live};
COMMIT;
SELECT json_build_object('unavailable_ms',
  round((extract(epoch FROM clock_timestamp()) - :began)::numeric * 1000));
"""


def bouncer(names: Names, run: str, oid: int) -> str:
    """SQL for a second session: while the swap waits, end what slipped in before the rename had its lock.

    Without it a client that reconnects at once, such as a pool, would make the rename wait for 5 s and fail.
    """
    return f"""DO $bounce$
DECLARE
  seen boolean := false;
  waiting boolean;
  victim record;
BEGIN
  FOR i IN 1..400 LOOP
    PERFORM pg_stat_clear_snapshot();
    waiting := EXISTS (SELECT FROM pg_stat_activity WHERE application_name = {literal(_swapper(run))});
    seen := seen OR waiting;
    EXIT WHEN (seen AND NOT waiting) OR (i > 100 AND NOT seen)
      OR NOT EXISTS (SELECT FROM pg_database WHERE oid = {oid} AND datname = {literal(names.live)});
    FOR victim IN SELECT pid FROM pg_stat_activity WHERE datid = {oid} AND usesysid IS NOT NULL AND seen LOOP
      BEGIN
        PERFORM pg_terminate_backend(victim.pid);
      EXCEPTION WHEN insufficient_privilege THEN NULL;
      END;
    END LOOP;
    PERFORM pg_sleep(0.02);
  END LOOP;
END $bounce$;
"""


def _lasting(name: str) -> str:
    """SQL: the sessions on a database that our role may not end."""
    return f"""pg_stat_activity a
 WHERE datname = {literal(name)} AND usesysid IS NOT NULL AND pid <> pg_backend_pid()
   AND NOT pg_has_role(usesysid, 'MEMBER') AND NOT (pg_has_role('pg_signal_backend', 'MEMBER')
     AND NOT (SELECT rolsuper FROM pg_roles r WHERE r.oid = usesysid))"""


def _give_up(name: str) -> str:
    # a rename would keep every new client waiting for 5 s, and then fail
    return f"""DO $stay$ BEGIN
IF EXISTS (SELECT FROM {_lasting(name)}) THEN RAISE object_in_use; END IF;
END $stay$;
"""


def _swapper(run: str) -> str:
    return f"{APPLICATION}/{run} swap"


def exchange(engine: Engine, names: Names, oid: int, comments: tuple[str, str | None]) -> str:
    """Shell text of the swap: the renaming session, and the one that keeps its way free."""
    side = engine.settings.sandbox
    access = engine.access(side).maintenance
    keeper = access.psql(bouncer(names, engine.run, oid)).text()
    swapper = access.psql(rename(names, engine.run, oid, comments)).text()
    return engine.database_command(side, f"{{ {keeper}}} >/dev/null 2>&1 &\n{swapper}")


def swap(engine: Engine, runner: Runner, names: Names, oid: int, comments: tuple[str, str | None]) -> int:
    """Put the next database in the live one's place.

    Args:
        engine: where the databases are.
        runner: what runs the commands.
        names: the three names.
        oid: the live database's.
        comments: for the old database, and for the new one.

    Returns:
        For how long the live name had no database to serve, in milliseconds, as the server measured it.

    Raises:
        Failed: sessions stay on the live database; it is as it was.
    """
    access = engine.access(engine.settings.sandbox).maintenance
    lasting: list[str] = []
    for _ in range(_TRIES):
        result = change(runner, exchange(engine, names, oid, comments))
        told = documents_in(result.stdout)
        if result.exited == 0 and told:
            return int(told[-1]["unavailable_ms"])
        if IN_USE not in result.stderr:
            raise failure(access, result, "the swap")
        if lasting := others(engine, runner, names.live):
            break  # they outlast any number of tries
    raise Failed(
        f"the swap waits for sessions that {access.database.user or 'our role'} may not end:"
        f" {'; '.join(lasting)}"
        if lasting
        else f"the swap found sessions on {names.live} {_TRIES} times",
        "end them, then: inv refresh --yes",
    )


def others(engine: Engine, runner: Runner, name: str) -> list[str]:
    """The sessions on a database that our role may not end, in words."""
    access = engine.access(engine.settings.sandbox).maintenance
    facts = "json_build_array(usename, application_name, client_addr::text)"
    script = f"SELECT {facts} FROM {_lasting(name)} LIMIT 5;\n"
    text = engine.database_command(engine.settings.sandbox, access.psql(script).text())
    found = documents_in(observe(runner, text).stdout)
    return [" ".join(str(word) for word in row if word) for row in found]


def drop(name: str) -> str:
    """SQL: remove a database and whoever is on it.

    Not `WITH (FORCE)`: that is refused while autovacuum is there, which passes for a superuser's session;
    a plain drop ends autovacuum by itself. It may still meet a client that slipped in, so it has two tries.
    """
    end = end_sessions(f"datname = {literal(name)}", 1.0)
    gone = f"DROP DATABASE IF EXISTS {identifier(name)};\n"
    first = f"\\unset ON_ERROR_STOP\n{end}{gone}\\set ON_ERROR_STOP 1\n"
    return f"SET client_min_messages = warning;\n{first}{end}{gone}"
