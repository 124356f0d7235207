"""Give a clone the rows that travelled, in one transaction, whatever keys and triggers its tables have: SQL.

Rows that differ are deleted first and inserted then, so that no order of prod's changes can violate a unique
key. Foreign keys are looked at when all is there. One that would do more than look, such as ON DELETE
CASCADE, is dropped before and added again after; triggers are off meanwhile: prod's rows show already what
they did.
"""

# ruff: noqa: S608  # names reach SQL through %I and %L

from __future__ import annotations

from sandbox.lifecycle.buckets import STAGE
from sandbox.lifecycle.verify import ACTUAL, EXPECTED

TOUCHED = "SELECT name FROM pg_temp.dolibarr_sandbox_changed"  # the tables whose rows must be read again
_UNDO = "INSERT INTO pg_temp.dolibarr_sandbox_undo (statement) "
_MANY = 0.5  # of a table's rows: when more travelled, the clone's statistics of it are out of date


def _each(select: str, source: str) -> str:
    """SQL: run each statement that a query makes."""
    return f"SELECT {select} FROM {source} \\gexec\n"


_FOUND = f"""CREATE TEMP TABLE dolibarr_sandbox_changed AS
  SELECT t.*, d.rows, d.rows > {_MANY} * (
      SELECT sum(p.rows) FROM {STAGE}.prods p WHERE p.number = t.number) AS many
    FROM {STAGE}.tables t JOIN (SELECT number, coalesce(sum(rows), 0) AS rows FROM {STAGE}.differing
      GROUP BY number) d USING (number);
CREATE TEMP TABLE dolibarr_sandbox_undo (place serial, statement text);
CREATE TEMP TABLE dolibarr_sandbox_keys AS
  SELECT conrelid::regclass::text AS own, conname, confdeltype = 'a' AS stays,
    obj_description(k.oid, 'pg_constraint') AS comment, pg_get_constraintdef(k.oid) AS definition
    FROM pg_constraint k WHERE contype = 'f' AND NOT (condeferrable AND confdeltype = 'a')
     AND EXISTS (SELECT FROM pg_temp.dolibarr_sandbox_changed c WHERE c.oid IN (conrelid, confrelid));
CREATE TEMP TABLE dolibarr_sandbox_triggers AS
  SELECT own, tgname, tgenabled FROM pg_trigger JOIN pg_temp.dolibarr_sandbox_changed c ON c.oid = tgrelid
   WHERE NOT tgisinternal AND tgenabled <> 'D';
"""
_KEYS, _TRIGGERS = "pg_temp.dolibarr_sandbox_keys", "pg_temp.dolibarr_sandbox_triggers"
_LOOSEN = (
    f"{_UNDO}SELECT CASE"
    " WHEN stays THEN format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE', own, conname)"
    f" ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', own, conname, definition) END FROM {_KEYS};\n"
    f"{_UNDO}SELECT format('COMMENT ON CONSTRAINT %I ON %s IS %L', conname, own, comment) FROM {_KEYS}"
    " WHERE comment IS NOT NULL AND NOT stays;\n"
    f"{_UNDO}SELECT format('ALTER TABLE %s ENABLE %s TRIGGER %I', own,"
    f" CASE tgenabled WHEN 'R' THEN 'REPLICA' WHEN 'A' THEN 'ALWAYS' END, tgname) FROM {_TRIGGERS};\n"
    + _each(
        "format(CASE WHEN stays THEN 'ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED'"
        " ELSE 'ALTER TABLE %s DROP CONSTRAINT %I' END, own, conname)",
        _KEYS,
    )
    + _each("format('ALTER TABLE %s DISABLE TRIGGER %I', own, tgname)", _TRIGGERS)
)
# what is in a bucket of the clone's but not, byte for byte, among the rows that travelled
_CLEAR = f"""format('DELETE FROM ONLY %s t
  WHERE (%s) IN (SELECT bucket FROM {STAGE}.differing WHERE number = %s) AND NOT EXISTS (
    SELECT FROM {STAGE}.rows_%s s WHERE %s AND NOT record_image_ne(ROW(%s), ROW(%s)))',
  own, bucket, number, number, keyed, of_t, of_s)"""
_FILL = f"""format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM {STAGE}.rows_%s s
  WHERE NOT EXISTS (SELECT FROM ONLY %s t WHERE %s)', own, listed, listed, number, own, keyed)"""
_ROWS = "pg_temp.dolibarr_sandbox_changed ORDER BY number"
_KEEP = f"""CREATE TEMP TABLE dolibarr_sandbox_sums AS
  SELECT t.name, p.rows, p.hashes, o.rows AS our_rows, o.hashes AS our_hashes FROM {STAGE}.tables t
    LEFT JOIN (SELECT number, sum(rows) AS rows, sum(hashes) AS hashes FROM {STAGE}.prods GROUP BY 1) p
      USING (number)
    LEFT JOIN (SELECT number, sum(rows) AS rows, sum(hashes) AS hashes FROM {STAGE}.ours GROUP BY 1) o
      USING (number);
DROP SCHEMA {STAGE} CASCADE;
COMMIT;
SELECT json_build_object('carried', json_build_object('tables', count(*), 'rows', coalesce(sum(rows), 0)))
  FROM pg_temp.dolibarr_sandbox_changed;
"""

MERGE = (
    f"SET client_min_messages = warning;\nBEGIN;\n{_FOUND}"
    f"SET LOCAL enable_nestloop = off;\n{_LOOSEN}SET CONSTRAINTS ALL DEFERRED;\n"
    f"{_each(_CLEAR, _ROWS)}{_each(_FILL, _ROWS)}SET CONSTRAINTS ALL IMMEDIATE;\n"
    f"{_each('statement', 'pg_temp.dolibarr_sandbox_undo ORDER BY place')}{_KEEP}"
    + _each("format('ANALYZE %s', own)", "pg_temp.dolibarr_sandbox_changed WHERE many")
)

# what was counted and hashed before: of prod for all, of the clone for tables that nobody wrote to since
OURS = f"""INSERT INTO {ACTUAL} SELECT kind, name, value FROM pg_temp.dolibarr_sandbox_sums,
  LATERAL (VALUES ('rows', coalesce(our_rows, 0)), ('content', coalesce(our_hashes, 0))) v (kind, value)
 WHERE name NOT IN ({TOUCHED});
"""
PRODS = f"""INSERT INTO {EXPECTED} SELECT kind, name, value, value FROM pg_temp.dolibarr_sandbox_sums,
  LATERAL (VALUES ('rows', coalesce(rows, 0)), ('content', coalesce(hashes, 0))) v (kind, value);
"""
