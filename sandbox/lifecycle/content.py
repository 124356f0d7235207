"""The rows and the content of every table as two numbers each, computed inside the server.

The content is the sum of a 64-bit hash of each row, so that the order of rows does not matter. A row's hash
is made of the exclusive or of its columns' hashes, each with a seed of its own: neither two columns nor two
rows can exchange a value unseen.

PostgreSQL's own hashes are made for equality: they leave out a number's sign, its trailing zeros and half of
a timestamp. Where a type's own hash would not tell all, what is hashed is the value as it would be sent.
"""

# ruff: noqa: S608  # names and texts reach SQL through %I and %L

from __future__ import annotations

from sandbox.lifecycle.shape import RELATIONS

# how many tables one statement reads: few enough for the planner, enough for a distant server
BATCH = 40
_BYTES = 180000  # older servers have no hash of bytes, or of a transaction number, that SQL can call
VERSIONS = "versions"  # a kind of fact of one database's own: see `version_hash`

# by type: the hash of a column %1$s with the seed %2$s; of the others, the value as bytes or as text
_OWN = {
    "int2": "hashint2extended(%1$s, %2$s)",
    "int4": "hashint4extended(%1$s, %2$s)",
    "bool": "hashint4extended(%1$s::int4, %2$s)",
    "uuid": "uuid_hash_extended(%1$s, %2$s)",
    "text": 'hashtextextended(%1$s COLLATE "C", %2$s)',
    "varchar": 'hashtextextended(%1$s::text COLLATE "C", %2$s)',
}
# of a number with a scale only the sign is left out: its trailing zeros are always as many
_SCALED = "hash_numeric_extended(%1$s, CASE WHEN %1$s < 0 THEN -%2$s ELSE %2$s END)"
_SENT = "'int8', 'numeric', 'float4', 'float8', 'date', 'timestamp', 'timestamptz', 'bpchar'"
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
    own = "".join(f"WHEN {_TYPE} = '{name}' THEN '{text}'\n" for name, text in _OWN.items())
    column = f"""CASE {own}
      WHEN {_TYPE} = 'numeric' AND a.atttypmod >= 0 THEN '{_SCALED}'
      WHEN {_TYPE} = 'bytea' THEN format('{hashed}', '%1$s')
      WHEN {_TYPE} IN ({_SENT}) THEN format('{hashed}', y.typsend || '(%1$s)')
      WHEN {_TYPE} !~ '^_?(reg|aclitem)' AND y.typtype = 'b' AND y.typsend <> 0
        THEN format('{hashed}', 'record_send(ROW(%1$s))')
      ELSE 'hashtextextended(%1$s::text COLLATE "C", %2$s)' END"""
    # a column without a value has a hash too, which no seed is
    each = f"format('coalesce(' || {column} || ', -%2$s)', format('t.%I', attname), 1000003 * place)"
    return f"""(SELECT format('hashint4extended(0, %s)', coalesce(string_agg({each}, ' # '), '0'))
      FROM (SELECT *, row_number() OVER (ORDER BY attname COLLATE "C") AS place FROM pg_attribute
             WHERE attrelid = r.oid AND attnum > 0 AND NOT attisdropped) a
      JOIN pg_type y ON y.oid = a.atttypid)"""


def version_hash(version: int) -> str:
    """SQL: the hash of the version of a row `t`: where it is, and which transaction wrote it.

    Args:
        version: the older server's, such as 180003.
    """
    wrote = "hashxidextended(t.xmin, 0)" if version >= _BYTES else "t.xmin::text::bigint"
    return f"hashtidextended(t.ctid, {wrote})"


def queries(version: int, columns: str, only: str = "", *, versions: bool = False) -> str:
    """A query that makes queries: the rows and the content of all tables, each partition by itself.

    Args:
        version: the older server's, such as 180003: both must hash in one way.
        columns: what to select beside kind and name, such as `value`.
        only: a query of the names of those tables that are wanted; empty: all.
        versions: the sum of the hashes of their rows' versions, too: no two databases share it.
    """
    wanted = f" AND name IN ({only})" if only else ""
    summed = f", coalesce(sum({version_hash(version)}), 0) AS versions" if versions else ""
    kinds = "(''rows'', n), (''content'', hashes)" + (f", (''{VERSIONS}'', versions)" if versions else "")
    select = (
        f"SELECT kind, %L, {columns} FROM (SELECT count(*) AS n, coalesce(sum(%s), 0) AS hashes{summed}"
        f" FROM ONLY %I.%I t) s, LATERAL (VALUES {kinds}) v (kind, value)"
    )
    return f"""
SELECT string_agg(format('{select}', name, hash, nspname, relname), ' UNION ALL ') AS text
  FROM (SELECT r.*, {row_hash(version)} AS hash, row_number() OVER (ORDER BY r.oid) / {BATCH} AS batch
          FROM ({RELATIONS}) r WHERE relkind = 'r'{wanted}) t GROUP BY batch"""
