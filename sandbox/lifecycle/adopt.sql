-- What tells a person which database this is, and how alive: for the question whether it is the sandbox.
-- Reads only, and of each table one row: the newest by its key. Every statement prints one JSON object.
SET lock_timeout = '3s';  -- the size of a table waits for whoever alters it
SELECT coalesce(string_agg(format('(SELECT tms::timestamp FROM ONLY %s ORDER BY %I DESC LIMIT 1)', c.oid::regclass, k.attname),
                           ', '), 'NULL::timestamp') AS newest
  FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary AND i.indnkeyatts = 1
  JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = i.indkey[0]
 WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace('public') AND has_table_privilege(c.oid, 'SELECT')
   AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tms'
                  AND a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype)) \gset
SELECT json_build_object('written', to_char(greatest(:newest), 'YYYY-MM-DD HH24:MI'));
SELECT json_build_object(
  'bytes', coalesce(sum(pg_table_size(oid)), 0)::bigint, 'tables', count(*),
  'rows', coalesce(sum(greatest(reltuples, pg_stat_get_live_tuples(oid), 0)), 0)::bigint,
  'writes', coalesce(bool_or(has_table_privilege(oid, 'INSERT, UPDATE, DELETE, TRUNCATE')), false))
  FROM pg_class WHERE relkind = 'r' AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^(pg_|information_schema$)');
SELECT coalesce(has_table_privilege(to_regclass('public.llx_const'), 'SELECT'), false) AS constants,
  EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.llx_user') AND attname = 'datelastlogin')
    AND has_table_privilege(to_regclass('public.llx_user'), 'SELECT') AS people \gset
\if :constants
SELECT json_build_object('company', (
  SELECT value FROM public.llx_const WHERE name = 'MAIN_INFO_SOCIETE_NOM' ORDER BY entity LIMIT 1));
\endif
\if :people
SELECT json_build_object('login', (SELECT to_char(max(datelastlogin), 'YYYY-MM-DD HH24:MI') FROM public.llx_user));
\endif
