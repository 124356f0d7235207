"""A copy's statistics for the planner: what came with it is kept, the rest is gathered by several sessions.

Statistics hold values of the rows that they were made of. Those of a table that muting changes are thrown
away: what was emptied there must not be found here.
"""
# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal, or %I and %L

from __future__ import annotations

from sandbox.lifecycle import triggers
from sandbox.lifecycle.neutralize import TABLES
from sandbox.lifecycle.shape import RELATIONS
from sandbox.lifecycle.verify import SESSION
from sandbox.postgres import Access, as_role

_SIZE = "SELECT json_build_object('bytes', pg_database_size(current_database()));\n"
# the system's own tables are not ours to analyze, and it says so of each
_QUIET = "SET client_min_messages = error;\n"
ANALYZE = f"{_QUIET}ANALYZE;\n{_SIZE}"

_MUTED = f"""SELECT to_regclass(name)::oid FROM unnest('{{{",".join(TABLES)}}}'::text[]) name"""
# ANALYZE leaves those of a table that is empty now as they were; a materialized view may be made of one
_FORGET = f"""SELECT to_regproc('pg_catalog.pg_clear_attribute_stats') IS NOT NULL AS clears \\gset
\\if :clears
SELECT count(pg_clear_attribute_stats(schemaname, tablename, attname, inherited)) AS cleared
  FROM pg_stats JOIN pg_namespace ON nspname = schemaname
  JOIN pg_class c ON relname = tablename AND relnamespace = pg_namespace.oid
  LEFT JOIN pg_index ON indexrelid = c.oid
 WHERE coalesce(indrelid, c.oid) IN ({_MUTED} UNION SELECT oid FROM pg_class WHERE relkind = 'm') \\gset
\\endif
"""


def muted(access: Access, sql: str, role: str, jobs: int) -> str:
    """Shell text: mute a database that nobody uses in one transaction, then gather the statistics it lacks.

    Args:
        access: the way to it.
        sql: what mutes it.
        role: who owns it; empty when it is the role that connects.
        jobs: how many sessions gather statistics at once.
    """
    role_set = as_role(role)
    first = access.psql(f"{role_set}BEGIN;\n{sql}{_FORGET}{triggers.ON}COMMIT;\n{_SIZE}").text()
    shares = "".join(
        f'{{ {access.psql(role_set + _share(share, jobs)).text()}}} &\nsessions="$sessions $!"\n'
        for share in range(jobs)
    )
    ended = 'code=0\nfor session in $sessions; do wait "$session" || code=$?; done\nexit $code\n'
    return f"(\n{first}) || exit $?\nsessions=\n{shares}{ended}"


def _share(share: int, jobs: int) -> str:
    """SQL: statistics of some of the tables; the largest are dealt out to and fro.

    All tables are dealt out, and then each session leaves out what needs nothing: else the sessions would
    deal differently, as each sees what the others have done by then.
    """
    mine = f"CASE n / {jobs} % 2 WHEN 0 THEN n % {jobs} ELSE {jobs} - 1 - n % {jobs} END = {share}"
    return f"""{SESSION}{_QUIET}SELECT format('ANALYZE %I.%I', t.nspname, t.relname) FROM (
  SELECT *, row_number() OVER (ORDER BY pg_table_size(oid) DESC, oid) - 1 AS n
    FROM ({RELATIONS}) r WHERE relkind IN ('r', 'p', 'm')) t JOIN pg_class c USING (oid)
 WHERE {mine} AND NOT (c.reltuples = 0 AND pg_relation_size(oid) = 0) AND (oid IN ({_MUTED})
   OR (t.nspname, t.relname) NOT IN (SELECT schemaname, tablename FROM pg_stats)
   OR oid IN (SELECT stxrelid FROM pg_statistic_ext)) ORDER BY n \\gexec
"""
