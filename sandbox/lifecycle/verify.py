"""Prove that a copy is the dump's snapshot of prod: the same facts are asked of both sides and compared.

Prod's facts travel from psql to psql inside the pipeline of the copy. The comparison runs in the sandbox's
server and raises there, so that for strategy in-place it stands between the copy and its COMMIT.
"""
# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal, or %I and %L

from __future__ import annotations

# how many tables one statement counts: few enough for the planner, enough for a distant server
_BATCH = 40

# what a dump carries: nothing of the system's, of an extension's, or of another session's temporary ones
RELATIONS = """
SELECT c.oid, c.relkind, n.nspname, c.relname, format('%s.%s', n.nspname, c.relname) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""

# NOT NULL constraints have rows of their own only since PostgreSQL 18: they are counted as columns' facts
_FACTS = f"""
WITH relations AS ({RELATIONS})
SELECT 'columns' AS kind, r.name, count(*) AS value FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid
 WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'p', 'f', 'v', 'm') GROUP BY r.name
UNION ALL
SELECT 'not null', r.name, count(*) FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid
 WHERE a.attnum > 0 AND a.attnotnull AND NOT a.attisdropped AND r.relkind IN ('r', 'p') GROUP BY r.name
UNION ALL
SELECT 'defaults', r.name, count(*) FROM relations r JOIN pg_attrdef d ON d.adrelid = r.oid GROUP BY r.name
UNION ALL
SELECT 'relation', format('%s %s', r.relkind, r.name), 1 FROM relations r
 WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
UNION ALL
SELECT 'index', format('%s on %s', x.relname, r.name), 1 FROM relations r
  JOIN pg_index i ON i.indrelid = r.oid JOIN pg_class x ON x.oid = i.indexrelid
 WHERE r.relkind IN ('r', 'p', 'm') AND (i.indisvalid OR r.relkind = 'p')
UNION ALL
SELECT 'constraint', format('%s on %s', k.conname, r.name), 1 FROM relations r
  JOIN pg_constraint k ON k.conrelid = r.oid
 WHERE k.contype IN ('p', 'u', 'f', 'c', 'x') AND k.conparentid = 0
UNION ALL
SELECT 'trigger', format('%s on %s', t.tgname, r.name), ascii(t.tgenabled::text) FROM relations r
  JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal AND t.tgparentid = 0
UNION ALL
SELECT 'rule', format('%s on %s', w.rulename, r.name), 1 FROM relations r
  JOIN pg_rewrite w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'
UNION ALL
SELECT 'function', format('%s.%s(%s)', n.nspname, f.proname, pg_get_function_identity_arguments(f.oid)), 1
  FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e')
UNION ALL
SELECT 'type', format('%s %s.%s', t.typtype, n.nspname, t.typname),
       1 + (SELECT count(*) FROM pg_enum e WHERE e.enumtypid = t.oid)
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND t.typtype IN ('e', 'd')
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
UNION ALL
SELECT 'large objects', 'all', count(*) FROM pg_largeobject_metadata
"""

# a sequence's next value as one number: 7 not yet called comes before 7 called
_POSITION = "last_value + CASE WHEN is_called THEN 0.5 ELSE 0 END"

SESSION = """
SET search_path = pg_catalog;
SET client_encoding = 'UTF8';
SET row_security = off;
"""


def _positions(columns: str) -> str:
    """A query that makes queries: the positions of all sequences."""
    select = f"SELECT %L, %L, {columns} FROM %I.%I"
    return f"""
SELECT string_agg(format({_quoted(select)}, 'sequence', name, nspname, relname), ' UNION ALL ') AS text
  FROM (SELECT *, row_number() OVER (ORDER BY oid) / {_BATCH} AS batch FROM ({RELATIONS}) r
         WHERE relkind = 'S') s GROUP BY batch"""


def _counts(columns: str) -> str:
    """A query that makes queries: the rows of all tables, each partition by itself."""
    select = f"SELECT %L, %L, {columns} FROM ONLY %I.%I"
    return f"""
SELECT string_agg(format({_quoted(select)}, 'rows', name, nspname, relname), ' UNION ALL ') AS text
  FROM (SELECT *, row_number() OVER (ORDER BY oid) / {_BATCH} AS batch FROM ({RELATIONS}) r
         WHERE relkind = 'r') t GROUP BY batch"""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _copied(queries: str) -> str:
    return f"SELECT format('COPY (%s) TO STDOUT', text) FROM ({queries}) q \\gexec\n"


def ask_positions() -> str:
    """A script for prod: its sequences' positions at this moment, in COPY's text format."""
    return SESSION + _copied(_positions(f"{_POSITION}, {_POSITION}"))


def ask_facts(snapshot: str = ":'snapshot'") -> str:
    """A script for prod: all that a copy of the snapshot must show, in COPY's text format.

    Args:
        snapshot: the exported snapshot's id, as SQL or as a psql variable.
    """
    return (
        "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;\n"
        f"SET TRANSACTION SNAPSHOT {snapshot};\n{SESSION}"
        f"COPY (SELECT kind, name, value, value FROM ({_FACTS}) f) TO STDOUT;\n"
        f"{_copied(_counts('count(*), count(*)'))}COMMIT;\n"
    )


EXPECT = (
    SESSION
    + "CREATE TEMP TABLE dolibarr_sandbox_expected (kind text, name text, low numeric, high numeric);\n"
    "COPY pg_temp.dolibarr_sandbox_expected FROM STDIN;\n"
)

# temporary tables live in pg_temp, which no fact is asked of
COMPARE = f"""
CREATE TEMP TABLE dolibarr_sandbox_actual (kind text, name text, value numeric);
INSERT INTO pg_temp.dolibarr_sandbox_actual {_FACTS};
DO $compare$
DECLARE
  query text;
  different text;
BEGIN
  FOR query IN {_counts("count(*)")} UNION ALL {_positions(_POSITION)} LOOP
    EXECUTE 'INSERT INTO pg_temp.dolibarr_sandbox_actual ' || query;
  END LOOP;
  WITH expected AS (
    SELECT kind, name, min(low) AS low, max(high) AS high FROM pg_temp.dolibarr_sandbox_expected GROUP BY 1, 2
  ), differences AS (
    SELECT format('%s of %s is %s, prod has %s', kind, name, coalesce(a.value::text, 'missing'),
                  coalesce(e.low::text, 'none')) AS line, kind, name
      FROM expected e FULL JOIN pg_temp.dolibarr_sandbox_actual a USING (kind, name)
     WHERE a.value IS NULL OR e.low IS NULL OR a.value NOT BETWEEN e.low AND e.high
  )
  SELECT concat(string_agg(line, '; '), format(' (%s differences)', max(total))) INTO different
    FROM (SELECT line, count(*) OVER () AS total FROM differences
           ORDER BY kind = 'columns', kind, name LIMIT 5) d HAVING count(*) > 0;
  IF different IS NOT NULL THEN
    RAISE EXCEPTION 'the copy is not what prod holds: %', different;
  END IF;
END
$compare$;
SELECT json_build_object('verified', json_build_object(
    'tables', count(*) FILTER (WHERE kind = 'rows'),
    'rows', coalesce(sum(value) FILTER (WHERE kind = 'rows'), 0),
    'sequences', count(*) FILTER (WHERE kind = 'sequence'),
    'indexes', count(*) FILTER (WHERE kind = 'index'),
    'constraints', count(*) FILTER (WHERE kind = 'constraint')))
  FROM pg_temp.dolibarr_sandbox_actual;
"""
