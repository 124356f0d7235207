"""The rows and the content of every table as two numbers each, computed inside the server.

The content is the sum of a 64-bit hash of each row, so that the order of rows does not matter. A row's hash
is made of the exclusive or of its columns' hashes, each with numbers of its own: neither two columns nor two
rows can exchange a value unseen.

PostgreSQL's own hashes are made for equality: they leave out a number's sign, its trailing zeros and half of
a timestamp. Where a type's own hash would not tell all, what is hashed is the value as it would be sent.
They also give away their seed: zero's is the seed, or one less, and so is that of what is no number. So a
column's numbers must not be made alike: were each a multiple of one, or the other's negative, two columns
could exchange a zero and nothing unseen.
"""

# ruff: noqa: S608  # names and texts reach SQL through %I and %L

from __future__ import annotations

from sandbox.lifecycle.shape import RELATIONS

# how many tables one statement reads: few enough for the planner, enough for a distant server
BATCH = 40
_BYTES = 180000  # older servers have no hash of bytes, or of a date, that SQL can call
FORM = 2  # of what a row's hash is made, which must change with it: hashes are remembered

# by type: the hash of a column %1$s with the seed %2$s, or %3$s where it must be told from what is equal to
# it; of the others, the value as bytes or as text
_OWN = {
    "int2": "hashint2extended(%1$s, %2$s)",
    "int4": "hashint4extended(%1$s, %2$s)",
    "bool": "hashint4extended(%1$s::int4, %2$s)",
    "uuid": "uuid_hash_extended(%1$s, %2$s)",
    # only of a zero the sign is left out, which an arctangent shows
    "float4": "hashfloat4extended(%1$s, CASE WHEN %1$s = 0 AND atan2(%1$s, -1) < 0 THEN %3$s ELSE %2$s END)",
    "float8": "hashfloat8extended(%1$s, CASE WHEN %1$s = 0 AND atan2(%1$s, -1) < 0 THEN %3$s ELSE %2$s END)",
    "text": 'hashtextextended(%1$s COLLATE "C", %2$s)',
    "varchar": 'hashtextextended(%1$s::text COLLATE "C", %2$s)',
}
# of a number with a scale only the sign is left out: its trailing zeros are always as many
_SCALED = "hash_numeric_extended(%1$s, CASE WHEN %1$s < 0 THEN %3$s ELSE %2$s END)"
# a column's numbers, by its place: the seed, whose lowest bit that is set is another's than its neighbours',
# so that zero and what is no number differ in a way of its own; another seed; and what stands for no value
_SEEDS = """format('%L::int8', (hashint8extended(place, 1) << 33 | (1::int8 << 32)) >> (place % 32)::int),
      format('%L::int8', hashint8extended(place, 2)), format('%L::int8', hashint8extended(place, 3))"""
_SENT = "'int8', 'numeric', 'date', 'timestamp', 'timestamptz', 'bpchar'"
_TYPE = "CASE WHEN y.typnamespace = 'pg_catalog'::regnamespace THEN y.typname END"


def row_hash(version: int) -> str:
    """SQL for a query of tables as `r`: the hash of a row `t` of that table, as SQL.

    Args:
        version: the older server's, such as 180003: both must hash in one way.
    """
    hashed = (
        "hashbyteaextended(%s, %%2$s)"
        if version >= _BYTES
        else "hashtextextended(encode(%s, ''hex''), %%2$s)"
    )
    known = {**_OWN, **({"date": "hashdateextended(%1$s, %2$s)"} if version >= _BYTES else {})}
    own = "".join(f"WHEN {_TYPE} = '{name}' THEN '{text}'\n" for name, text in known.items())
    column = f"""CASE {own}
      WHEN {_TYPE} = 'numeric' AND a.atttypmod >= 0 THEN '{_SCALED}'
      WHEN {_TYPE} = 'bytea' THEN format('{hashed}', '%1$s')
      WHEN {_TYPE} IN ({_SENT}) THEN format('{hashed}', y.typsend || '(%1$s)')
      WHEN {_TYPE} !~ '^_?(reg|aclitem)' AND y.typtype = 'b' AND y.typsend <> 0
        THEN format('{hashed}', 'record_send(ROW(%1$s))')
      ELSE 'hashtextextended(%1$s::text COLLATE "C", %2$s)' END"""
    each = f"format('coalesce(' || {column} || ', %4$s)', format('t.%I', attname), {_SEEDS})"
    return f"""(SELECT format('hashint4extended(0, %s)', coalesce(string_agg({each}, ' # '), '0'))
      FROM (SELECT *, row_number() OVER (ORDER BY attname COLLATE "C") AS place FROM pg_attribute
             WHERE attrelid = r.oid AND attnum > 0 AND NOT attisdropped) a
      JOIN pg_type y ON y.oid = a.atttypid)"""


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
