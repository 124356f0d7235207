-- One session on prod: locks on all tables, then a snapshot, both held until standard input ends. Locks come
-- first: TRUNCATE, and what rewrites a table, are seen even by a snapshot that was taken before them.
--   relations  a query: what a dump carries (shape.RELATIONS)
-- It prints its process id with the time in which all locks must be had, then the snapshot's id.
SELECT format('%s %s', pg_backend_pid(), set_config('statement_timeout', current_setting('lock_timeout'), false));
SET search_path = pg_catalog;
SELECT statement FROM (
  SELECT 1, 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY'
  UNION ALL
  SELECT 2, format('LOCK TABLE %s IN ACCESS SHARE MODE', string_agg(format('ONLY %I.%I', nspname, relname), ', '))
    FROM (:relations) r WHERE relkind IN ('r', 'p') HAVING count(*) > 0
) s (place, statement) ORDER BY place \gexec
SELECT CASE WHEN count(*) = 0 THEN concat('snapshot ', pg_export_snapshot())
    ELSE concat('unlocked ', min(format('%I.%I', nspname, relname))) END
  FROM (:relations) r WHERE relkind IN ('r', 'p') AND oid NOT IN (
    SELECT relation FROM pg_locks WHERE pid = pg_backend_pid() AND relation IS NOT NULL AND granted);
