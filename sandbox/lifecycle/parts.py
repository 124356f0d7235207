"""The SQL that compares one table in two databases part by part, and fetches the rows that differ.

Each statement prints JSON arrays: what it is, the pair's number, and what was found.
"""
# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal

from __future__ import annotations

from collections.abc import Iterable

from sandbox.lifecycle import facts
from sandbox.lifecycle.pairs import Pair
from sandbox.postgres import identifier, literal

_OLD, _NEW = "age(t.xmin) > :horizon", "age(t.xmin) <= :horizon"


def begin(xid: int) -> str:
    """SQL: the session and its snapshot; row versions of `xid` and later are new."""
    oldest = max(xid % 2**32, 3)  # smaller ones have a meaning of their own
    return f"{facts.SESSION}SET jit = off;\n{facts.SNAPSHOT}SELECT age('{oldest}'::xid) AS horizon \\gset\n"


END = "COMMIT;\n"


def recheck() -> str:
    """SQL: whether the counters may still be believed, and all of them again, in this snapshot."""
    return f"""{facts.TRUST}
SELECT json_build_object('counts', coalesce(json_object_agg(name, json_build_array(oid::bigint,
  pg_relation_filenode(oid)::bigint, pg_stat_get_tuples_inserted(oid), pg_stat_get_tuples_updated(oid),
  pg_stat_get_tuples_deleted(oid))), '{{}}')) FROM ({facts.TABLES}) r;
"""


def digests(pair: Pair, *, kept: bool, rows: bool) -> str:
    """SQL: the digest of each part of one side; of the live side of one file also every new row version."""
    if pair.side(kept) is None:
        return ""
    if not pair.one_file:
        return _hashed(pair, kept=kept, only="")
    if kept:
        return _counted(pair) if pair.may_lack else ""
    row, table = _row(pair, kept=False, rows=rows), _table(pair, kept=False)
    return _both(pair, row, table) if pair.may_lack else _printed(f"SELECT {row} FROM {table} WHERE {_NEW}")


def _counted(pair: Pair) -> str:
    """How many row versions each run of blocks holds."""
    return f"""SELECT json_build_array('parts', {pair.number}, coalesce(json_object_agg(part, n), '{{}}'))
FROM (SELECT part, (SELECT count(*) FROM {_table(pair, kept=True)} WHERE {_within(pair)}) AS n
  FROM generate_series(0, {pair.parts - 1}) part OFFSET 0) p WHERE n > 0;
"""


def _both(pair: Pair, row: str, table: str) -> str:
    """In one reading: how many old row versions each run of blocks holds, and the new ones."""
    return _printed(f"""WITH p AS MATERIALIZED (SELECT part, n, places
  FROM generate_series(0, {pair.parts - 1}) part, LATERAL (
    SELECT count(*) FILTER (WHERE {_OLD}) AS n, array_agg(t.ctid) FILTER (WHERE {_NEW}) AS places
      FROM {table} WHERE {_within(pair)} OFFSET 0) s)
SELECT json_build_array('parts', {pair.number}, coalesce(json_object_agg(part, n), '{{}}')) FROM p WHERE n > 0
UNION ALL SELECT {row} FROM {table} WHERE t.ctid = ANY (ARRAY(SELECT unnest(places) FROM p))""")


def _within(pair: Pair) -> str:
    # the table may have a column of that name
    first, last = (f"format('(%s,0)', (part.part + {more}) * {pair.blocks})::tid" for more in (0, 1))
    return f"t.ctid >= {first} AND t.ctid < {last}"


def _hashed(pair: Pair, *, kept: bool, only: str) -> str:
    """Rows and two sums of 64-bit hashes of each part."""
    number = pair.number
    return f"""SELECT json_build_array('parts', {number}, coalesce(json_object_agg(part, digest), '{{}}'))
FROM (SELECT part, json_build_array(count(*), sum(hashtextextended(content, 0))::text,
    sum(hashtextextended(content, 1))::text)::text AS digest
  FROM (SELECT {_part(pair, kept=kept)} AS part, {_content(pair, kept=kept)} AS content
    FROM {_table(pair, kept)}) r {only} GROUP BY part) p;
"""


def members(pair: Pair, parts: Iterable[str], *, kept: bool, rows: bool) -> str:
    """SQL: what is in the parts that differ: places of old row versions, or the rows themselves."""
    if pair.side(kept) is None:
        return ""
    listed = literal("{" + ",".join(parts) + "}")
    if pair.one_file:
        which = "true" if kept else _OLD
        return f"""SELECT json_build_array('places', {pair.number}, part::text,
  (SELECT coalesce(json_agg(t.ctid::text), '[]') FROM {_table(pair, kept)} WHERE {_within(pair)} AND {which}))
FROM unnest({listed}::int[]) part;
"""
    again = _hashed(pair, kept=kept, only=f"WHERE part = ANY({listed}::bigint[])")
    return again + _printed(f"""SELECT {_row(pair, kept=kept, rows=rows)} FROM {_table(pair, kept)}
 WHERE {_part(pair, kept=kept)} = ANY({listed}::bigint[])""")


def fetched(pair: Pair, places: Iterable[str], *, rows: bool) -> str:
    """SQL: the checkpoint's rows at these places."""
    listed = literal("{" + ",".join(f'"{place}"' for place in places) + "}")
    return _printed(f"""SELECT {_row(pair, kept=True, rows=rows)} FROM {_table(pair, kept=True)}
 WHERE t.ctid = ANY({listed}::tid[])""")


def _printed(query: str) -> str:
    """SQL: print JSON as the server sends it; psql itself leaves out what Unicode calls no character.

    Neither sign stands in JSON, nor a line's end in ours, so nothing is ever quoted.
    """
    return f"COPY (\n{query}\n) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02');\n"


def _table(pair: Pair, kept: bool) -> str:
    side = pair.side(kept) or pair.either
    return f"ONLY {identifier(side.schema)}.{identifier(side.relation)} t"


def _row(pair: Pair, *, kept: bool, rows: bool) -> str:
    key = f"json_build_array({_columns(pair.key)})" if pair.key else "NULL::json"
    # a column of type json may hold line ends, which mean nothing between its values and stand within none
    content = "translate(row_to_json(t.*)::text, E'\\r\\n', '  ')::json" if rows else "NULL::json"
    return f"json_build_array('row', {pair.number}, {key}, md5({_content(pair, kept=kept)}), {content})"


def _columns(names: Iterable[str]) -> str:
    return ", ".join(f"t.{identifier(name)}::text" for name in names)


def _content(pair: Pair, *, kept: bool) -> str:
    """A row as text; a column that the other side alone has is null here."""
    if pair.one_file:
        return "(t.*)::text"
    side = pair.side(kept) or pair.either
    values = (f"t.{identifier(name)}" if name in side.columns else "NULL" for name in pair.columns)
    return f"ROW({', '.join(values)})::text"


def _part(pair: Pair, *, kept: bool) -> str:
    spread = f"ROW({_columns(pair.key)})::text" if pair.key else _content(pair, kept=kept)
    return f"(hashtextextended({spread}, 0) & {pair.parts - 1})"
