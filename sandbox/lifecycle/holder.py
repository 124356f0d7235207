"""Hold one snapshot of prod for as long as a pipeline lives, however it ends.

A psql on prod exports the snapshot and then waits for its standard input to end. Only the pipeline's own
shell holds the other end of it: the snapshot is given up with that shell, and nothing else has to be ended.
"""

# ruff: noqa: S608  # no value from outside reaches this SQL

from __future__ import annotations

from sandbox.engines import Engine
from sandbox.lifecycle.progress import SNAPSHOT_TAKEN
from sandbox.lifecycle.shape import RELATIONS
from sandbox.shell import Command, temporary

SNAPSHOT = "DOLIBARR_SANDBOX_SNAPSHOT"  # the shell variable that has its id

# sessions that only wait must not be ended by a server's own time limits, whichever it knows
PATIENT = """SELECT count(set_config(name, '0', false)) AS patient FROM pg_catalog.pg_settings
 WHERE name IN ('transaction_timeout', 'idle_session_timeout') \\gset
"""
# the tables stay what they are while they are copied: a TRUNCATE obeys no snapshot
_HOLD = f"""{PATIENT}BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SET LOCAL search_path = pg_catalog;
SELECT format('LOCK TABLE %s IN ACCESS SHARE MODE', string_agg(format('ONLY %I.%I', nspname, relname), ', '))
  FROM ({RELATIONS}) r WHERE relkind IN ('r', 'p') HAVING count(*) > 0 \\gexec
SELECT pg_export_snapshot();
"""


def held(engine: Engine, body: str) -> str:
    """Shell text: take a snapshot, run `body`, and end with its exit status.

    Args:
        engine: where prod is.
        body: shell text; it finds the snapshot's id in its variable, and the caller's standard output as 4.
    """
    side = engine.settings.prod
    psql = engine.inner_command(side, engine.access(side).psql().text())
    return engine.pipeline_command(f"""exec 4>&1 </dev/null
box={temporary(engine.run, folder=True)} && mkfifo "$box/in" "$box/out" || {{ rm -rf "$box"; exit 1; }}
{{ {psql}
}} <"$box/in" >"$box/out" &
exec 7>"$box/in" 8<"$box/out"
rm -rf "$box"
{{ {here(_HOLD)}}} >&7
read -r {SNAPSHOT} <&8 || {{ wait; exit 1; }}
echo '{SNAPSHOT_TAKEN}' >&2
(
exec 7>&- 8<&-
{body})
code=$?
exec 7>&-
wait
exit $code
""")


def seeing() -> str:
    """A shell command that writes SQL: begin a transaction that sees the snapshot."""
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;"
    return f'printf "{begin}\\nSET TRANSACTION SNAPSHOT \'%s\';\\n" "${SNAPSHOT}"\n'


def here(text: str) -> str:
    """A shell command that writes this text."""
    return Command(("cat",), stdin=text).text()
