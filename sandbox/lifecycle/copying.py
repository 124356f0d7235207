"""Copy a whole database inside the server, file by file: `CREATE DATABASE … TEMPLATE … STRATEGY FILE_COPY`.

The server allows no session on the source meanwhile. It makes new ones wait by a lock of its own, which
ends with the session that copies, however that ends: nothing is ever left closed.
"""
# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.engines import Engine
from sandbox.errors import Busy, Failed, SandboxError
from sandbox.lifecycle import journal, swap
from sandbox.postgres import APPLICATION, XID, failure, identifier, literal, together
from sandbox.shell import Result, Runner, change

_STRATEGIES = 150000  # older servers know no other way than files
_METHODS = 180000  # … and may clone them, where the file system can
_GRACE = 1.0  # seconds for the requests that are being served to end by themselves
_IDLE = 0.3  # seconds after which a session that does nothing is not in the middle of a request

_EPOCH = """CASE WHEN current_setting('track_counts')::bool
  AND NOT EXISTS (SELECT FROM pg_db_role_setting WHERE array_to_string(setconfig, ' ') LIKE '%track_counts%')
  THEN concat_ws(' ', (SELECT system_identifier FROM pg_control_system()),
    extract(epoch FROM pg_postmaster_start_time()), extract(epoch FROM pg_conf_load_time()),
    (SELECT extract(epoch FROM stats_reset) FROM pg_stat_bgwriter),
    (SELECT extract(epoch FROM stats_reset) FROM pg_stat_archiver),
    (SELECT extract(epoch FROM stats_reset) FROM pg_stat_wal)) ELSE '' END"""


def epoch(version: int) -> str:
    """SQL: while this stays the same, the server's change counters lost nothing; empty: do not trust them.

    A crash throws them away as a whole, and a superuser may reset them: then another reset time shows it.
    A server that was started again or configured anew in between may have stopped counting meanwhile. Before
    version 15 counts travelled by UDP and could be lost.
    """
    return _EPOCH if version >= _STRATEGIES else "''"


@dataclass(frozen=True)
class Copy:
    """What is to be copied."""

    source: str
    oid: int  # the source's
    target: str
    owner: str
    version: int  # the server's, such as 180003
    comment: str  # on the target, as soon as it is there
    more: str = ""  # SQL to follow
    busy: bool = True  # the source has users; only somebody who looks around has a session on a checkpoint


def ways(run: str, order: Copy) -> tuple[list[str], str]:
    """SQL to make the copy: by files that share blocks, where the server may know how, or by copying them.

    Also SQL for a second session, to go with the last of them when sessions stay on the source.
    """
    makers = [_script(run, order, clone=clone) for clone in (True, False)]
    return makers[order.version < _METHODS :], _keeper(run, order.oid)


def copied(engine: Engine, runner: Runner, order: Copy) -> dict[str, Any]:
    """Make the copy; what the server told of it: `xid` and `epoch` from before, `oid` and `bytes`.

    Raises:
        Busy: another run is making the same one.
        Failed: sessions stay on the source, or the disk is full; there is no copy.
    """
    side = engine.settings.sandbox
    access = engine.access(side).maintenance
    clone, guarded = order.version >= _METHODS, order.busy
    while True:
        keeper = f"{{ {access.psql(_keeper(engine.run, order.oid)).text()}}} >/dev/null 2>&1 &\n"
        maker = access.psql(_script(engine.run, order, clone=clone)).text()
        result = change(runner, engine.database_command(side, (keeper if guarded else "") + maker))
        if result.exited == 0:
            return together(result.stdout)
        if clone and "clone" in result.stderr:
            clone = False
        elif not guarded and swap.IN_USE in result.stderr:
            guarded = True
        else:
            break
    raise _why(engine, runner, order, result)


def _script(run: str, order: Copy, *, clone: bool) -> str:
    target = identifier(order.target)
    strategy = " STRATEGY FILE_COPY" if order.version >= _STRATEGIES else ""
    return f"""\\set VERBOSITY verbose
SET application_name = {literal(_copier(run))};
SELECT json_build_object('xid', {XID}, 'epoch', {epoch(order.version)});
{"SET file_copy_method = clone;" if clone else ""}
CREATE DATABASE {target} OWNER {identifier(order.owner)} TEMPLATE {identifier(order.source)}{strategy}
  CONNECTION LIMIT {swap.number(order.comment)};
SET application_name = {literal(f"{APPLICATION}/{run}")};
{swap.claimed(target, order.comment)}REVOKE ALL ON DATABASE {target} FROM PUBLIC;
{order.more}SELECT json_build_object('oid', oid::bigint, 'bytes', pg_database_size(oid)) FROM pg_database
 WHERE datname = {literal(order.target)};
"""


def _copier(run: str) -> str:
    return f"{APPLICATION}/{run} copy"


def making(run: str) -> str:
    """SQL, a condition on `pg_stat_activity`: the session that makes a copy for a run."""
    return f"application_name = {literal(_copier(run))}"


def _keeper(run: str, oid: int) -> str:
    """SQL for a second session: while the copy waits for the source's sessions, end those that stay.

    New ones wait by then. A request that is being served may end by itself; a pool's idle session would not.
    """
    pause = 0.02
    return f"""DO $keep$
DECLARE
  seen boolean := false;
  waiting boolean;
  victim record;
BEGIN
  FOR i IN 1..{round(8 / pause)} LOOP
    PERFORM pg_stat_clear_snapshot();
    waiting := EXISTS (SELECT FROM pg_stat_activity WHERE {making(run)});
    seen := seen OR waiting;
    EXIT WHEN (seen AND NOT waiting) OR (i > {round(2 / pause)} AND NOT seen);
    FOR victim IN SELECT pid FROM pg_stat_activity
                   WHERE datid = {oid} AND usesysid IS NOT NULL AND waiting AND (i > {round(_GRACE / pause)}
                     OR (state = 'idle' AND state_change < clock_timestamp() - interval '{_IDLE} s')) LOOP
      BEGIN
        PERFORM pg_terminate_backend(victim.pid);
      EXCEPTION WHEN insufficient_privilege THEN NULL;  -- the copy fails then, and says whose it is
      END;
    END LOOP;
    PERFORM pg_sleep({pause});
  END LOOP;
END $keep$;
"""


def _why(engine: Engine, runner: Runner, order: Copy, result: Result) -> SandboxError:
    access = engine.access(engine.settings.sandbox).maintenance
    if swap.IN_USE in result.stderr:
        lasting = swap.others(engine, runner, order.source)
        return Failed(
            f"{order.source} cannot be copied while sessions stay on it"
            + (f" that {access.database.user} may not end: {'; '.join(lasting)}" if lasting else ""),
            "end them, then run it again",
        )
    if swap.EXISTS in result.stderr:
        return Busy(
            f"another run is making {order.target}",
            journal.ELSEWHERE,
        )
    return failure(access, result, f"copying {order.source} to {order.target}")


def claim(run: str) -> str:
    """This run's claim on a database that it makes."""
    mine = journal.holder(run)
    return swap.claim(mine.run, mine.host, mine.pid)
