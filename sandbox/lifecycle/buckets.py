"""What differs between prod and a clone of a checkpoint, and the rows that must travel: SQL.

The rows of a table fall into buckets by primary key, some neighbours into each. Both sides count and hash
every row into its bucket, by the hash that verifies a copy: whatever prod changed, however it did, its bucket
tells. A table without a key is one bucket. Only rows of buckets that differ travel.

A table of which a former refresh remembers the content (`remembered`) is one bucket, too: the clone need not
read it while it has as many rows, none of them newer. If prod's content is another, prod sends what it wrote
since. That is a guess, by transaction numbers; what came must make the clone's content prod's, else the table
is looked at again in buckets.
"""

# ruff: noqa: S608  # names reach SQL through %I and %L

from __future__ import annotations

from sandbox.lifecycle.content import row_hash
from sandbox.lifecycle.remembered import SHAPE, Remembered, newer
from sandbox.lifecycle.shape import RELATIONS
from sandbox.lifecycle.verify import UNFORCED
from sandbox.postgres import literal

STAGE = "dolibarr_sandbox_stage"  # a schema of the clone, gone before anybody sees it
_ALONE = "WITH (autovacuum_enabled = off)"  # dropping it would wait for autovacuum
_NEIGHBOURS = 3  # bits: 8 rows, where keys are numbers without gaps
_LAST = 65535  # bucket of a table with another kind of key
_MOST, _FEW = 0.5, 10000  # of all rows, and how many nobody has to wait for
_NUMBERS = "'int2'::regtype, 'int4'::regtype, 'int8'::regtype"


def _listed(of: str = "", only: str = "true") -> str:
    """SQL: the columns of a table as a list, each with `of` before it."""
    return f"string_agg('{of}' || own, ', ' ORDER BY attnum) FILTER (WHERE {only})"


# of a row `t` that is to be `s`: what an UPDATE must leave alone, as a condition, and what it sets; null
# where rows could meet in a unique index on the way
_COLUMNS = f"""
    SELECT {_listed()} AS listed, {_listed("t.")} AS of_t, {_listed("s.")} AS of_s,
      format('record_image_eq(ROW(%s), ROW(%s))',
        {_listed("t.", "stays")}, {_listed("s.", "stays")}) AS fixed,
      CASE WHEN bool_or(NOT stays) AND NOT EXISTS (
          SELECT FROM pg_index WHERE indrelid = r.oid AND (indisunique OR indisexclusion)
            AND (indexprs IS NOT NULL OR indpred IS NOT NULL))
        THEN format('(%s) = ROW(%s)', {_listed("", "NOT stays")}, {_listed("s.", "NOT stays")}) END AS others
      FROM (SELECT attnum, quote_ident(attname) AS own, attidentity = 'a' OR EXISTS (
          SELECT FROM pg_index WHERE indrelid = r.oid AND (indisunique OR indisexclusion)
            AND attnum = ANY (indkey)) AS stays
        FROM pg_attribute
       WHERE attrelid = r.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') a"""


def _tables(version: int, whole: str) -> str:
    """A query of the schema alone, so that both sides tell the same: how each table is compared.

    Args:
        version: the older server's, such as 180003.
        whole: SQL, an array of the names of those that are one bucket, if they have a key.
    """
    return f"""SELECT row_number() OVER (ORDER BY name COLLATE "C") AS number, oid::bigint AS oid, name,
    format('%I.%I', nspname, relname) AS own, {row_hash(version)} AS hash, listed, of_t, of_s,
    coalesce(keyed, 'false') AS keyed, keys, fixed, others, whole, coalesce(bucket, '0::bigint') AS bucket,
    {SHAPE} AS shape, 1 AS round
  FROM ({RELATIONS}) r, LATERAL ({_COLUMNS}) c
  LEFT JOIN LATERAL (
    SELECT string_agg(format('t.%1$I = s.%1$I', attname), ' AND ') AS keyed,
      string_agg(format('%I', attname), ', ') AS keys,
      CASE WHEN count(*) = 1 AND bool_and(atttypid IN ({_NUMBERS}))
        THEN format('t.%I::bigint >> {_NEIGHBOURS}', min(attname))
        ELSE format('hashtextextended(ROW(%s)::text COLLATE "C", 0) & {_LAST}',
                    string_agg(format('t.%I', attname), ', ' ORDER BY place)) END AS bucket
      FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k (attnum, place) JOIN pg_attribute a USING (attnum)
     WHERE a.attrelid = r.oid AND i.indrelid = r.oid AND i.indisprimary
      -- what is generated does not travel, and cannot be what rows are told by
    HAVING count(*) > 0 AND bool_and(attgenerated = '')) p ON true
  CROSS JOIN LATERAL (SELECT name = ANY ({whole}) AND keyed IS NOT NULL AND NOT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = r.oid AND attnum > 0 AND attgenerated <> '') AS whole) w
 WHERE relkind = 'r'"""


def _digests(begin: str, end: str, tables: str) -> str:
    """A query that makes queries: the rows and the hash of each bucket; an empty table has none.

    What is grouped is narrow: OFFSET 0 keeps the planner from sorting whole rows into buckets.
    """
    grouped = (
        "SELECT %1$s, bucket, count(*), sum(hash)"
        " FROM (SELECT %2$s AS bucket, %3$s AS hash FROM ONLY %4$s t OFFSET 0) q GROUP BY bucket"
    )
    one = "SELECT %1$s, 0, count(*), sum(%3$s) FROM ONLY %4$s t HAVING count(*) > 0"
    select = f"CASE WHEN whole THEN '{begin}{one}{end}' ELSE '{begin}{grouped}{end}' END"
    return f"SELECT format({select}, number, bucket, hash, own) FROM ({tables}) r ORDER BY number"


_MEMORY = "SET work_mem = '64MB';\n"


def ask(version: int, known: Remembered) -> str:
    """A script for prod, in a transaction: all buckets, in COPY's text format.

    Args:
        version: the older server's, such as 180003: both must hash in one way.
        known: what is remembered of a former copy.
    """
    return f"{_MEMORY}{_digests('COPY (', ') TO STDOUT', _tables(version, known.names))} \\gexec\n"


def prepare(version: int, known: Remembered) -> str:
    """A script for the clone: refuse what buckets do not show, and make room.

    Args:
        version: see `ask`.
        known: see `ask`.
    """
    buckets = "(number bigint, bucket bigint, rows bigint, hashes numeric)"
    return f"""DO $doubt$
DECLARE doubt text;
BEGIN
  SELECT CASE WHEN relkind IN ('p', 'f', 'm') OR relhassubclass THEN format('%s is no plain table', name)
      ELSE format('%s belongs to somebody else', name) END INTO doubt
    FROM ({RELATIONS}) r JOIN pg_class c USING (oid, relkind)
   WHERE relkind IN ('p', 'f', 'm') OR (relkind = 'r' AND relhassubclass)
      OR pg_get_userbyid(relowner) <> current_user ORDER BY name LIMIT 1;
  IF EXISTS (SELECT FROM pg_largeobject_metadata) THEN doubt := 'it has large objects'; END IF;
  IF doubt IS NOT NULL THEN RAISE EXCEPTION '%', doubt; END IF;
END $doubt$;
CREATE SCHEMA {STAGE};
CREATE UNLOGGED TABLE {STAGE}.tables {_ALONE} AS {_tables(version, known.names)};
{UNFORCED}CREATE UNLOGGED TABLE {STAGE}.forced {_ALONE} AS SELECT :'forced'::text AS forced;
CREATE UNLOGGED TABLE {STAGE}.known {_ALONE} AS {known.believed()};
CREATE UNLOGGED TABLE {STAGE}.prods {buckets} {_ALONE};
CREATE UNLOGGED TABLE {STAGE}.ours {buckets} {_ALONE};
CREATE UNLOGGED TABLE {STAGE}.differing (number bigint, bucket bigint, rows bigint) {_ALONE};
CREATE UNLOGGED TABLE {STAGE}.arrived (number bigint, rows bigint, more bigint, gone numeric, come numeric)
  {_ALONE};
"""


def look(known: Remembered) -> str:
    """A script for the clone: its buckets. A table that is what is remembered of it is not read.

    Args:
        known: see `ask`.
    """
    counts = f"count(*) AS rows, count(*) FILTER (WHERE {newer(known.xid)}) AS newer"
    count = literal(f"SELECT %s::bigint AS number, {counts} FROM ONLY %s t")
    none = "SELECT 0::bigint AS number, 0::bigint AS rows, 0::bigint AS newer LIMIT 0"
    return f"""SELECT coalesce(string_agg(format({count}, number, own), ' UNION ALL '), '{none}')
    AS counts FROM {STAGE}.tables WHERE whole \\gset
CREATE UNLOGGED TABLE {STAGE}.aged {_ALONE} AS :counts;
INSERT INTO {STAGE}.ours SELECT number, 0, rows, content FROM {STAGE}.aged
  JOIN {STAGE}.tables USING (number) JOIN {STAGE}.known USING (name, oid, shape, rows) WHERE newer = 0;
{_MEMORY}{_digests(_INTO_OURS, "", _UNKNOWN)} \\gexec
"""


TAKE = f"COPY {STAGE}.prods FROM STDIN;\n"
_INTO_OURS = f"INSERT INTO {STAGE}.ours "
_UNKNOWN = f"SELECT * FROM {STAGE}.tables WHERE number NOT IN (SELECT number FROM {STAGE}.ours)"
LOOK_AGAIN = f"{_MEMORY}{_digests(_INTO_OURS, '', _UNKNOWN + ' AND round = 2')} \\gexec\n"


# rows that came are looked up by key
SEEK = "SET random_page_cost = 1.1;\n"
# what they change of a table that is one bucket: said while prod already reads the next table
_WEIGH = f"""format('ANALYZE {STAGE}.rows_%1$s (%5$s);
  INSERT INTO {STAGE}.arrived SELECT %1$s, count(*), count(*) FILTER (WHERE t.ctid IS NULL),
    coalesce(sum(CASE WHEN t.ctid IS NOT NULL THEN %2$s END), 0),
    (SELECT coalesce(sum(%2$s), 0) FROM {STAGE}.rows_%1$s t)
    FROM {STAGE}.rows_%1$s s LEFT JOIN ONLY %3$s t ON %4$s;', number, hash, own, keyed, keys)"""


def compare(turn: int, known: Remembered) -> str:
    """A script for the clone: what differs; prints the script that has prod send the rows.

    Args:
        turn: 1, or 2 for the tables that `ARRIVED` could not settle.
        known: see `ask`.
    """
    return f"""ANALYZE {STAGE}.ours, {STAGE}.prods;
INSERT INTO {STAGE}.differing
  SELECT number, bucket, p.rows FROM {STAGE}.ours o FULL JOIN {STAGE}.prods p USING (number, bucket)
   WHERE (o.rows, o.hashes) IS DISTINCT FROM (p.rows, p.hashes)
     AND number IN (SELECT number FROM {STAGE}.tables WHERE round = {turn});
ANALYZE {STAGE}.differing;
{_enough(f"SELECT sum(rows) FROM {STAGE}.differing JOIN {STAGE}.tables USING (number) WHERE NOT whole")}
SELECT format(E'SELECT %L;\nCOPY (SELECT %s FROM ONLY %s t WHERE %s) TO STDOUT;\nSELECT %L;',
    format(E'CREATE UNLOGGED TABLE {STAGE}.rows_%s {_ALONE} AS SELECT %s FROM ONLY %s LIMIT 0;\n'
      'COPY {STAGE}.rows_%s FROM STDIN;', number, listed, own, number),
    listed, own,
    CASE WHEN whole THEN {literal(newer(known.horizon))} ELSE format('%s = ANY (%L)', bucket, buckets) END,
    concat(E'\\\\.\n', CASE WHEN whole THEN {_WEIGH} END))
  FROM {STAGE}.tables JOIN (SELECT number, array_agg(bucket)::bigint[] AS buckets, sum(rows) AS rows
    FROM {STAGE}.differing GROUP BY number) d USING (number) WHERE round = {turn}
 ORDER BY d.rows DESC NULLS LAST, number;
"""


def _enough(travelling: str) -> str:
    """SQL: go on only while less than most of all rows travels."""
    return f"""DO $most$
DECLARE
  travelling bigint := ({travelling});
  everything bigint := (SELECT sum(rows) FROM {STAGE}.prods);
BEGIN
  IF travelling > {_FEW} AND travelling > {_MOST} * everything THEN
    RAISE EXCEPTION 'too much changed: % of % rows would travel', travelling, everything;
  END IF;
END $most$;"""


# whether what prod wrote since makes each table's content prod's; prints the script that has prod tell the
# buckets of those that it does not: rows are gone there, or the guess was wrong
ARRIVED = f"""{_enough(f"SELECT sum(rows) FROM {STAGE}.arrived")}
UPDATE {STAGE}.tables t SET whole = false, round = 2
  FROM {STAGE}.arrived a LEFT JOIN {STAGE}.ours o USING (number) LEFT JOIN {STAGE}.prods p USING (number)
 WHERE t.number = a.number
   AND (coalesce(p.rows, 0), coalesce(p.hashes, 0)) <>
       (coalesce(o.rows, 0) + more, coalesce(o.hashes, 0) - gone + come);
SELECT format('DELETE FROM {STAGE}.%I b USING {STAGE}.tables t WHERE t.number = b.number AND round = 2', name)
  FROM unnest(ARRAY['prods', 'ours', 'differing']) name \\gexec
SELECT format('DROP TABLE {STAGE}.rows_%s', number) FROM {STAGE}.tables WHERE round = 2 \\gexec
{_digests("COPY (", ") TO STDOUT;", f"SELECT * FROM {STAGE}.tables WHERE round = 2")};
"""
