"""What differs between prod and a clone of a checkpoint, and the rows that must travel: SQL.

The rows of a table fall into buckets by primary key, some neighbours into each. Both sides count and hash
every row into its bucket, by the hash that verifies a copy: whatever prod changed, however it did, its bucket
tells. A table without a key is one bucket. Only rows of buckets that differ travel.
"""

# ruff: noqa: S608  # names reach SQL through %I and %L

from __future__ import annotations

from sandbox.lifecycle.content import row_hash
from sandbox.lifecycle.shape import RELATIONS

STAGE = "dolibarr_sandbox_stage"  # a schema of the clone, gone before anybody sees it
_ALONE = "WITH (autovacuum_enabled = off)"  # dropping it would wait for autovacuum
_NEIGHBOURS = 3  # bits: 8 rows, where keys are numbers without gaps
_LAST = 65535  # bucket of a table with another kind of key
_MOST, _FEW = 0.5, 10000  # of all rows, and how many nobody has to wait for
_NUMBERS = "'int2'::regtype, 'int4'::regtype, 'int8'::regtype"


def _tables(version: int) -> str:
    """A query of the schema alone, so that both sides tell the same: how each table is compared."""
    return f"""SELECT row_number() OVER (ORDER BY name COLLATE "C") AS number, oid::bigint AS oid, name,
    format('%I.%I', nspname, relname) AS own, {row_hash(version)} AS hash,
    listed, of_t, of_s, coalesce(keyed, 'false') AS keyed, coalesce(bucket, '0::bigint') AS bucket
  FROM ({RELATIONS}) r, LATERAL (
    SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) AS listed,
      string_agg(format('t.%I', attname), ', ' ORDER BY attnum) AS of_t,
      string_agg(format('s.%I', attname), ', ' ORDER BY attnum) AS of_s
      FROM pg_attribute WHERE attrelid = r.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') c
  LEFT JOIN LATERAL (
    SELECT string_agg(format('t.%1$I = s.%1$I', attname), ' AND ') AS keyed,
      CASE WHEN count(*) = 1 AND bool_and(atttypid IN ({_NUMBERS}))
        THEN format('t.%I::bigint >> {_NEIGHBOURS}', min(attname))
        ELSE format('hashtextextended(ROW(%s)::text COLLATE "C", 0) & {_LAST}',
                    string_agg(format('t.%I', attname), ', ' ORDER BY place)) END AS bucket
      FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k (attnum, place) JOIN pg_attribute a USING (attnum)
     WHERE a.attrelid = r.oid AND i.indrelid = r.oid AND i.indisprimary HAVING count(*) > 0) p ON true
 WHERE relkind = 'r'"""


def _digests(begin: str, end: str, tables: str) -> str:
    """A query that makes queries: the rows and the hash of each bucket; an empty table has none.

    What is grouped is narrow: OFFSET 0 keeps the planner from sorting whole rows into buckets.
    """
    select = (
        "SELECT %s, bucket, count(*), sum(hash)"
        " FROM (SELECT %s AS bucket, %s AS hash FROM ONLY %s t OFFSET 0) q GROUP BY bucket"
    )
    made = f"format('{begin}{select}{end}', number, bucket, hash, own)"
    return f"SET work_mem = '64MB';\nSELECT {made} FROM ({tables}) r ORDER BY number \\gexec\n"


def ask(version: int) -> str:
    """A script for prod, in a transaction: all buckets, in COPY's text format.

    Args:
        version: the older server's, such as 180003: both must hash in one way.
    """
    return _digests("COPY (", ") TO STDOUT", _tables(version))


def prepare(version: int) -> str:
    """A script for the clone: refuse what buckets do not show, and make room.

    Args:
        version: see `ask`.
    """
    buckets = "(number bigint, bucket bigint, rows bigint, hashes numeric)"
    return f"""DO $doubt$
DECLARE doubt text;
BEGIN
  SELECT CASE WHEN relkind IN ('p', 'f', 'm') OR relhassubclass THEN format('%s is no plain table', name)
      WHEN relhasrules AND c.relkind = 'r' THEN format('%s has rules', name)
      ELSE format('%s belongs to somebody else', name) END INTO doubt
    FROM ({RELATIONS}) r JOIN pg_class c USING (oid, relkind)
   WHERE relkind IN ('p', 'f', 'm') OR (relkind = 'r' AND (relhassubclass OR relhasrules))
      OR pg_get_userbyid(relowner) <> current_user ORDER BY name LIMIT 1;
  IF EXISTS (SELECT FROM pg_largeobject_metadata) THEN doubt := 'it has large objects'; END IF;
  IF doubt IS NOT NULL THEN RAISE EXCEPTION '%', doubt; END IF;
END $doubt$;
CREATE SCHEMA {STAGE};
CREATE UNLOGGED TABLE {STAGE}.tables {_ALONE} AS {_tables(version)};
CREATE UNLOGGED TABLE {STAGE}.prods {buckets} {_ALONE};
CREATE UNLOGGED TABLE {STAGE}.ours {buckets} {_ALONE};
"""


TAKE = f"COPY {STAGE}.prods FROM STDIN;\n"
LOOK = _digests(f"INSERT INTO {STAGE}.ours ", "", f"SELECT * FROM {STAGE}.tables")

# prints the script that has prod send the rows of the buckets that differ
COMPARE = f"""ANALYZE {STAGE}.ours, {STAGE}.prods;
CREATE UNLOGGED TABLE {STAGE}.differing {_ALONE} AS
  SELECT number, bucket, p.rows FROM {STAGE}.ours o FULL JOIN {STAGE}.prods p USING (number, bucket)
   WHERE (o.rows, o.hashes) IS DISTINCT FROM (p.rows, p.hashes);
ANALYZE {STAGE}.differing;
DO $most$
DECLARE
  travelling bigint := (SELECT sum(rows) FROM {STAGE}.differing);
  everything bigint := (SELECT sum(rows) FROM {STAGE}.prods);
BEGIN
  IF travelling > {_FEW} AND travelling > {_MOST} * everything THEN
    RAISE EXCEPTION 'too much changed: % of % rows would travel', travelling, everything;
  END IF;
END $most$;
SELECT format(E'SELECT %L;\nCOPY (SELECT %s FROM ONLY %s t WHERE %s = ANY (%L)) TO STDOUT;\nSELECT %L;',
    format(E'CREATE UNLOGGED TABLE {STAGE}.rows_%s {_ALONE} AS SELECT %s FROM ONLY %s LIMIT 0;\n'
      'COPY {STAGE}.rows_%s FROM STDIN;', number, listed, own, number),
    listed, own, bucket, buckets, E'\\\\.\n')
  FROM {STAGE}.tables JOIN (SELECT number, array_agg(bucket)::bigint[] AS buckets FROM {STAGE}.differing
    GROUP BY number) d USING (number) ORDER BY number;
"""
