"""The rows and the content of every table as two numbers each, computed inside the server.

The content is the sum of a 64-bit hash of each row, so that the order of rows does not matter. PostgreSQL's
own hashes are made for equality: they leave out a number's sign, its trailing zeros and half of a timestamp,
so such values are hashed as they would be sent. And a record's hash adds up those of its columns, so that a
sum of them would not see two rows exchange a value: what is added up is a hash of the record's hash.
"""

# ruff: noqa: S608  # names and texts reach SQL through %I and %L

from __future__ import annotations

from sandbox.lifecycle.shape import RELATIONS

# how many tables one statement reads: few enough for the planner, enough for a distant server
BATCH = 40
_RECORDS = 140000  # older servers hash no record

# hashed as they are, or as they are sent; other types as a record that is sent, or, as an enum is, as text
_WHOLE = "'int2', 'int4', 'bool', 'date', 'text', 'varchar', 'uuid', 'bytea'"
_SENT = "'int8', 'numeric', 'float4', 'float8', 'timestamp', 'timestamptz', 'bpchar'"
_TYPE = "CASE WHEN y.typnamespace = 'pg_catalog'::regnamespace THEN y.typname END"
_COLUMN = f"""CASE
  WHEN {_TYPE} IN ('text', 'varchar') THEN format('t.%I COLLATE "C"', a.attname)
  WHEN {_TYPE} IN ({_WHOLE}) THEN format('t.%I', a.attname)
  WHEN {_TYPE} IN ({_SENT}) THEN format('%s(t.%I)', y.typsend, a.attname)
  WHEN {_TYPE} !~ '^_?(reg|aclitem)' AND y.typtype = 'b' AND y.typsend <> 0
    THEN format('record_send(ROW(t.%I))', a.attname)
  ELSE format('t.%I::text COLLATE "C"', a.attname) END"""


def row_hash(version: int) -> str:
    """SQL for a query of tables as `r`: the hash of a row `t` of that table, as SQL.

    Args:
        version: the older server's, such as 180003: both must hash in one way.
    """
    listed = f"string_agg({_COLUMN}, ', ' ORDER BY a.attname COLLATE \"C\")"
    hashed = "hash_record_extended(ROW(int8send(hash_record_extended(ROW(%s), 0))), 0)"
    if version < _RECORDS:
        hashed = "hashtextextended(encode(record_send(ROW(%s)), ''hex''), 0)"
    return f"""(SELECT CASE WHEN count(*) = 0 THEN '0' ELSE format('{hashed}', {listed}) END
      FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
     WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped)"""


def queries(version: int, columns: str, only: str = "") -> str:
    """A query that makes queries: the rows and the content of all tables, each partition by itself.

    Args:
        version: the older server's, such as 180003: both must hash in one way.
        columns: what to select beside kind and name, such as `value`.
        only: a query of the names of those tables that are wanted; empty: all.
    """
    wanted = f" AND name IN ({only})" if only else ""
    select = (
        f"SELECT kind, %L, {columns} FROM (SELECT count(*) AS n, coalesce(sum(%s), 0) AS hashes"
        " FROM ONLY %I.%I t) s, LATERAL (VALUES (''rows'', n), (''content'', hashes)) v (kind, value)"
    )
    return f"""
SELECT string_agg(format('{select}', name, hash, nspname, relname), ' UNION ALL ') AS text
  FROM (SELECT r.*, {row_hash(version)} AS hash, row_number() OVER (ORDER BY r.oid) / {BATCH} AS batch
          FROM ({RELATIONS}) r WHERE relkind = 'r'{wanted}) t GROUP BY batch"""
