"""Gather a copy's statistics, which no dump carries, by several sessions at once."""
# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal, or %I and %L

from __future__ import annotations

from sandbox.lifecycle.shape import RELATIONS
from sandbox.lifecycle.verify import SESSION
from sandbox.postgres import Access, as_role

_SIZE = "SELECT json_build_object('bytes', pg_database_size(current_database()));\n"
# the system's own tables are not ours to analyze, and it says so of each
_QUIET = "SET client_min_messages = error;\n"
ANALYZE = f"{_QUIET}ANALYZE;\n{_SIZE}"


def muted(access: Access, sql: str, role: str, jobs: int) -> str:
    """Shell text: mute a database that nobody uses in one transaction, then gather its statistics.

    Args:
        access: the way to it.
        sql: what mutes it.
        role: who owns it; empty when it is the role that connects.
        jobs: how many sessions gather statistics at once; 0: they are there already.
    """
    role_set = as_role(role)
    first = access.psql(f"{role_set}BEGIN;\n{sql}COMMIT;\n{_SIZE}").text()
    shares = "".join(
        f'{{ {access.psql(role_set + _share(share, jobs)).text()}}} &\nsessions="$sessions $!"\n'
        for share in range(jobs)
    )
    ended = 'code=0\nfor session in $sessions; do wait "$session" || code=$?; done\nexit $code\n'
    return f"(\n{first}) || exit $?\nsessions=\n{shares}{ended}"


def _share(share: int, jobs: int) -> str:
    """SQL: statistics of some of the tables; the largest are dealt out to and fro."""
    mine = f"CASE n / {jobs} % 2 WHEN 0 THEN n % {jobs} ELSE {jobs} - 1 - n % {jobs} END = {share}"
    return f"""{SESSION}{_QUIET}SELECT format('ANALYZE %I.%I', nspname, relname) FROM (
  SELECT *, row_number() OVER (ORDER BY pg_table_size(oid) DESC, oid) - 1 AS n
    FROM ({RELATIONS}) r WHERE relkind IN ('r', 'p', 'm')) t WHERE {mine} ORDER BY n \\gexec
"""
