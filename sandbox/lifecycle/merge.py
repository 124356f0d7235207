"""Give a clone the rows that travelled, in one transaction, whatever keys and triggers its tables have: SQL.

Rows that differ are deleted first and inserted then, so that no order of prod's changes can violate a unique
key; rows of a table that is one bucket are updated where nothing changes that must be unique, which is less
work. Foreign keys are looked at when all is there. One that would do more than look, such as ON DELETE
CASCADE, is dropped before and added again after; triggers and rules are off meanwhile: prod's rows show
already what they did.

A table that is one bucket is not read again afterwards. Its content is what it was, less that of the rows
that went, and with that of the rows that this transaction wrote, as they are read back.
"""

# ruff: noqa: S608  # names reach SQL through %I and %L

from __future__ import annotations

from sandbox.lifecycle import triggers
from sandbox.lifecycle.buckets import STAGE
from sandbox.lifecycle.verify import ACTUAL, EXPECTED

_CHANGED, _REST = "pg_temp.dolibarr_sandbox_changed", "pg_temp.dolibarr_sandbox_rest ORDER BY number"
# the tables whose rows must be read again
TOUCHED = f"SELECT name FROM {_CHANGED} WHERE NOT whole"
_UNDO = "INSERT INTO pg_temp.dolibarr_sandbox_undo (statement) "
_FEW = 20  # of how many of a table's rows one is few enough to be looked up by its key
_MANY = 0.5  # of a table's rows: when more travelled, the clone's statistics of it are out of date


def _each(select: str, source: str) -> str:
    """SQL: run each statement that a query makes."""
    return f"SELECT {select} FROM {source} \\gexec\n"


_FOUND = f"""CREATE TEMP TABLE dolibarr_sandbox_changed AS
  SELECT t.*, d.rows, d.rows > {_MANY} * (
      SELECT sum(p.rows) FROM {STAGE}.prods p WHERE p.number = t.number) AS many,
    whole AND d.rows * {_FEW} < (SELECT sum(p.rows) FROM {STAGE}.prods p WHERE p.number = t.number) AS few
    FROM {STAGE}.tables t JOIN (SELECT number, CASE WHEN t.whole THEN max(a.rows) ELSE sum(d.rows) END AS rows
      FROM {STAGE}.differing d JOIN {STAGE}.tables t USING (number) LEFT JOIN {STAGE}.arrived a USING (number)
     GROUP BY number, t.whole) d USING (number);
CREATE TEMP TABLE dolibarr_sandbox_gone (number bigint, rows bigint, hashes numeric);
CREATE TEMP TABLE dolibarr_sandbox_come (number bigint, rows bigint, hashes numeric);
SELECT txid_current() % 4294967296 AS mine \\gset
CREATE TEMP TABLE dolibarr_sandbox_undo (place serial, statement text);
CREATE TEMP TABLE dolibarr_sandbox_keys AS
  SELECT conrelid::regclass::text AS own, conname, confdeltype = 'a' AS stays,
    obj_description(k.oid, 'pg_constraint') AS comment, pg_get_constraintdef(k.oid) AS definition
    FROM pg_constraint k WHERE contype = 'f' AND NOT (condeferrable AND confdeltype = 'a')
     AND EXISTS (SELECT FROM {_CHANGED} c WHERE c.oid IN (conrelid, confrelid));
SELECT forced FROM {STAGE}.forced \\gset
SELECT coalesce(array_agg(own), '{{}}') AS tables FROM {_CHANGED} \\gset
"""
_KEYS = "pg_temp.dolibarr_sandbox_keys"
_LOOSEN = (
    f"{_UNDO}SELECT CASE"
    " WHEN stays THEN format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE', own, conname)"
    f" ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', own, conname, definition) END FROM {_KEYS};\n"
    f"{_UNDO}SELECT format('COMMENT ON CONSTRAINT %I ON %s IS %L', conname, own, comment) FROM {_KEYS}"
    " WHERE comment IS NOT NULL AND NOT stays;\n"
    + _each(
        "format(CASE WHEN stays THEN 'ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED'"
        " ELSE 'ALTER TABLE %s DROP CONSTRAINT %I' END, own, conname)",
        _KEYS,
    )
)
# a few rows are looked up by key; else no estimate of the planner's may lead to that
_JOIN = ", ".join(
    f"format('SET LOCAL enable_{join} = %s', {which})"
    for join, which in (("nestloop", "few"), ("hashjoin", "NOT few"), ("mergejoin", "NOT few"))
)
# what is known of the rows that a statement took away is kept
_GONE = """RETURNING %6$s AS hash)
    INSERT INTO pg_temp.dolibarr_sandbox_gone SELECT %2$s, count(*), sum(hash) FROM gone"""
# rows that may be updated
_RENEW = f"""format('WITH gone AS (UPDATE ONLY %1$s u SET %7$s FROM {STAGE}.rows_%2$s s, ONLY %1$s t
      WHERE %3$s AND u.ctid = t.ctid AND %8$s AND record_image_ne(ROW(%4$s), ROW(%5$s))
      {_GONE}',
    own, number, keyed, of_t, of_s, hash, others, fixed)"""
# what is in a bucket of the clone's but not, byte for byte, among the rows that travelled; of a table that is
# one bucket only what travelled in another form
_CLEAR = f"""CASE WHEN whole THEN
  format('WITH gone AS (DELETE FROM ONLY %1$s t USING {STAGE}.rows_%2$s s
      WHERE %3$s AND record_image_ne(ROW(%4$s), ROW(%5$s)) {_GONE}',
    own, number, keyed, of_t, of_s, hash)
  ELSE format('DELETE FROM ONLY %1$s t
  WHERE (%2$s) IN (SELECT bucket FROM {STAGE}.differing WHERE number = %3$s) AND NOT EXISTS (
    SELECT FROM {STAGE}.rows_%3$s s WHERE %4$s AND NOT record_image_ne(ROW(%5$s), ROW(%6$s)))',
  own, bucket, number, keyed, of_t, of_s) END"""
_FILL = f"""format('INSERT INTO %s %s OVERRIDING SYSTEM VALUE SELECT %s FROM {STAGE}.rows_%s s
  WHERE NOT EXISTS (SELECT FROM ONLY %s t WHERE %s)',
  own, '(' || listed || ')', listed, number, own, keyed)"""
_READ_BACK = f"""format('INSERT INTO pg_temp.dolibarr_sandbox_come
  SELECT %1$s, count(*), sum(%3$s)
    FROM ONLY %4$s t JOIN {STAGE}.rows_%1$s s ON %5$s WHERE t.xmin = %2$L::xid',
  number, :'mine', hash, own, keyed)"""
# tables where an update was not all
_LEFT = f"""CREATE TEMP TABLE dolibarr_sandbox_rest AS SELECT * FROM {_CHANGED} c WHERE NOT whole OR rows > (
  SELECT coalesce(sum(rows), 0) FROM pg_temp.dolibarr_sandbox_gone g WHERE g.number = c.number);
"""
_KEEP = f"""CREATE TEMP TABLE dolibarr_sandbox_sums AS
  SELECT t.name, p.rows, p.hashes,
      coalesce(o.rows, 0) - coalesce(g.rows, 0) + coalesce(c.rows, 0) AS our_rows,
      coalesce(o.hashes, 0) - coalesce(g.hashes, 0) + coalesce(c.hashes, 0) AS our_hashes
    FROM {STAGE}.tables t
    LEFT JOIN (SELECT number, sum(rows) AS rows, sum(hashes) AS hashes FROM {STAGE}.prods GROUP BY 1) p
      USING (number)
    LEFT JOIN (SELECT number, sum(rows) AS rows, sum(hashes) AS hashes FROM {STAGE}.ours GROUP BY 1) o
      USING (number)
    LEFT JOIN (SELECT number, sum(rows) AS rows, sum(hashes) AS hashes
        FROM pg_temp.dolibarr_sandbox_gone GROUP BY 1) g USING (number)
    LEFT JOIN pg_temp.dolibarr_sandbox_come c USING (number);
DROP SCHEMA {STAGE} CASCADE;
COMMIT;
SELECT json_build_object('carried', json_build_object('tables', count(*), 'rows', coalesce(sum(rows), 0)))
  FROM {_CHANGED};
"""


_WHOLE = f"{_CHANGED} WHERE whole ORDER BY number"
_RENEWED = f"{_CHANGED} WHERE whole AND others IS NOT NULL ORDER BY number"
# a script for the clone: give it the rows that travelled, and keep what was counted of its tables
MERGE = (
    f"SET client_min_messages = warning;\nBEGIN;\n{_FOUND}"
    f"{_LOOSEN}{triggers.found()}SET CONSTRAINTS ALL DEFERRED;\n"
    f"{_each(f'{_JOIN}, {_RENEW}', _RENEWED)}{_LEFT}"
    f"{_each(f'{_JOIN}, {_CLEAR}', _REST)}{_each(f'{_JOIN}, {_FILL}', _REST)}"
    f"{triggers.ON}"
    f"{_each('statement', 'pg_temp.dolibarr_sandbox_undo ORDER BY place')}"
    f"{_each(f'{_JOIN}, {_READ_BACK}', _WHOLE)}{_KEEP}"
    + _each("format('ANALYZE %s', own)", f"{_CHANGED} WHERE many")
)
# what was counted and hashed before: of prod for all, of the clone for tables that nobody wrote to since
OURS = f"""INSERT INTO {ACTUAL} SELECT kind, name, value FROM pg_temp.dolibarr_sandbox_sums,
  LATERAL (VALUES ('rows', our_rows), ('content', our_hashes)) v (kind, value)
 WHERE name NOT IN ({TOUCHED});
"""
PRODS = f"""INSERT INTO {EXPECTED} SELECT kind, name, value, value FROM pg_temp.dolibarr_sandbox_sums,
  LATERAL (VALUES ('rows', coalesce(rows, 0)), ('content', coalesce(hashes, 0))) v (kind, value);
"""
