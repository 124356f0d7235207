"""Hold one snapshot of prod for as long as a pipeline lives, however it ends, and let nobody wait for it.

A psql on prod locks all tables, exports the snapshot and then waits for its standard input to end. Another
looks every few tenths of a second who waits for whom: a migration waits for the snapshot's locks, and whoever
opens that table waits for the migration. When that takes too long, or nobody looks any more, all sessions of
the run on prod end.
"""

from __future__ import annotations

import shlex

from sandbox.engines import Engine
from sandbox.lifecycle.programs import text
from sandbox.lifecycle.progress import SNAPSHOT_TAKEN, UNWATCHED
from sandbox.lifecycle.shape import RELATIONS
from sandbox.shell import Command, temporary

SNAPSHOT = "DOLIBARR_SANDBOX_SNAPSHOT"  # the shell variable that has its id
LOCKS = "DOLIBARR_SANDBOX_LOCKS"  # … and how long a dump may wait for all its locks

# sessions that only wait, or read whole tables, must not be ended by time limits, whichever the server knows
PATIENT = """SELECT count(set_config(name, '0', false)) AS patient FROM pg_catalog.pg_settings
 WHERE name IN ('transaction_timeout', 'idle_session_timeout', 'statement_timeout') \\gset
"""
_END = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
 AND application_name = current_setting('application_name') AND usename = session_user;"""


def held(engine: Engine, body: str) -> str:
    """Shell text: take a snapshot, run `body`, and end with its exit status.

    Args:
        engine: where prod is.
        body: shell text; it finds the snapshot's id in its variable, and the caller's standard output as 4.
    """
    side = engine.settings.prod
    access = engine.access(side)
    relations, within = " ".join(RELATIONS.split()), str(engine.settings.refresh.lock_timeout)
    programs = {
        "holder": access.psql(relations=relations),
        "watcher": access.psql(within=within, seen="{}", end=_END),
        "ender": access.psql(_END),
    }
    functions = "".join(
        f"{name}() {{\n{engine.inner_command(side, command.text())}\n}}\n"
        for name, command in programs.items()
    )
    words = {
        "hold": shlex.quote(PATIENT + text("hold.sql")),
        "look": shlex.quote(text("watch.sql")),
        "taken": shlex.quote(SNAPSHOT_TAKEN),
        "unwatched": shlex.quote(UNWATCHED),
    }
    variables = "".join(f"{name}={word}\n" for name, word in words.items())
    variables += f"box={temporary(engine.run, folder=True)} || exit 1\n"
    return engine.pipeline_command(f"{functions}body() {{\n{body}}}\n{variables}{text('hold.sh')}")


def seeing() -> str:
    """A shell command that writes SQL: begin a transaction that sees the snapshot, and may take its time."""
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;"
    patient = "SET LOCAL statement_timeout = 0;"
    return f'printf "{begin}\\nSET TRANSACTION SNAPSHOT \'%s\';\\n{patient}\\n" "${SNAPSHOT}"\n'


def here(text: str) -> str:
    """A shell command that writes this text."""
    return Command(("cat",), stdin=text).text()
