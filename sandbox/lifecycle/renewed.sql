-- Fill the materialized views again that were made of muted tables, directly or through other views: they hold what stood there.
-- Variables: tables, an array of the tables' names. One that was not filled stays so.
WITH RECURSIVE made (oid, depth) AS (
  SELECT to_regclass(name)::oid, 0 FROM unnest(:'tables'::text[]) name WHERE to_regclass(name) IS NOT NULL
  UNION
  SELECT ev_class, depth + 1
    FROM made JOIN pg_depend ON refclassid = 'pg_class'::regclass AND refobjid = made.oid AND classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite w ON w.oid = objid AND ev_class <> made.oid
    JOIN pg_class v ON v.oid = ev_class AND relkind IN ('v', 'm')
)
SELECT format('REFRESH MATERIALIZED VIEW %I.%I', nspname, relname)
  FROM (SELECT oid, max(depth) AS depth FROM made GROUP BY oid) m JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = relnamespace
 WHERE relkind = 'm' AND relispopulated ORDER BY depth \gexec
