-- Mark a Dolibarr database as a sandbox's: in its own constants, and in the head of every page that it serves.
-- Variables: run, the refresh that made it; shown, what the pages show: the run, or the run and a word after it.
-- A row of another entity overrides entity 0 there, so each is written; what prod had in the head stays.
\set meta '<meta name="dolibarr-sandbox" content="' :shown '">'
INSERT INTO public.llx_const (name, entity, value, type, visible)
SELECT 'DOLIBARR_SANDBOX', 0, :'run', 'chaine', 0
 WHERE NOT EXISTS (SELECT FROM public.llx_const WHERE name = 'DOLIBARR_SANDBOX' AND entity = 0);
-- first in the head: prod's own text may end within a comment or a script
-- deleted and inserted again, not updated: nearly every Dolibarr has a trigger on updates of this table, and a trigger that could
-- start would have to be switched off, for which each client's open transaction must be waited for
WITH gone AS (
  DELETE FROM public.llx_const
   WHERE name = 'MAIN_HTML_HEADER' OR name = 'DOLIBARR_SANDBOX' AND value IS DISTINCT FROM :'run' RETURNING *)
INSERT INTO public.llx_const
SELECT (jsonb_populate_record(NULL::public.llx_const, to_jsonb(gone) || jsonb_build_object('value', CASE name
         WHEN 'DOLIBARR_SANDBOX' THEN :'run'
         ELSE concat(:'meta', pg_catalog.regexp_replace(value, '<meta name="dolibarr-sandbox"[^>]*>', '', 'g')) END))).*
  FROM gone;
INSERT INTO public.llx_const (name, entity, value, type, visible)
SELECT 'MAIN_HTML_HEADER', 0, :'meta', 'chaine', 0
 WHERE NOT EXISTS (SELECT FROM public.llx_const WHERE name = 'MAIN_HTML_HEADER' AND entity = 0);
