"""The rows and the content of every table as two numbers each, computed inside the server.

The content is the sum of a 64-bit hash of each row, so that the order of rows does not matter. Rows are
hashed as they would be sent: PostgreSQL's own hashes of values are made for equality, and leave out a
number's sign, its trailing zeros, and half of a timestamp.
"""

# ruff: noqa: S608  # names and texts reach SQL through %I and %L

from __future__ import annotations

from sandbox.lifecycle.shape import RELATIONS

# how many tables one statement reads: few enough for the planner, enough for a distant server
BATCH = 40
_RECORDS = 140000  # older servers hash no record

# what every server sends in the same bytes; anything else, such as an enum or a regclass, is sent as text
_COLUMN = """CASE
  WHEN y.typnamespace = 'pg_catalog'::regnamespace AND y.typtype = 'b' AND y.typsend <> 0
    AND y.typname !~ '^_?(reg|aclitem)'
    THEN format('t.%I', a.attname) ELSE format('t.%I::text', a.attname) END"""


def _columns(version: int) -> str:
    """SQL: the hash of a row, as SQL; NULL for a table without columns."""
    listed = f"string_agg({_COLUMN}, ', ' ORDER BY a.attname COLLATE \"C\")"
    hashed = "hash_record_extended(ROW(record_send(ROW(%s))), 0)"
    if version < _RECORDS:
        hashed = "hashtextextended(encode(record_send(ROW(%s)), ''hex''), 0)"
    return f"""(SELECT CASE WHEN count(*) = 0 THEN '0' ELSE format('{hashed}', {listed}) END
      FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
     WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped)"""


def queries(version: int, columns: str) -> str:
    """A query that makes queries: the rows and the content of all tables, each partition by itself.

    Args:
        version: the older server's, such as 180003: both must hash in one way.
        columns: what to select beside kind and name, such as `value`.
    """
    select = (
        f"SELECT kind, %L, {columns} FROM (SELECT count(*) AS n, coalesce(sum(%s), 0) AS hashes"
        " FROM ONLY %I.%I t) s, LATERAL (VALUES (''rows'', n), (''content'', hashes)) v (kind, value)"
    )
    return f"""
SELECT string_agg(format('{select}', name, hash, nspname, relname), ' UNION ALL ') AS text
  FROM (SELECT r.*, {_columns(version)} AS hash, row_number() OVER (ORDER BY r.oid) / {BATCH} AS batch
          FROM ({RELATIONS}) r WHERE relkind = 'r') t GROUP BY batch"""
