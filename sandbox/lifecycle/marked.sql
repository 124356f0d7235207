-- Tell which run marked this database; go on as the owner of its constants where only the owner may write them,
-- or switch off what writing to them would start.
-- Sets dolibarr, whether it is one, and found, the run; empty: none.
SELECT to_regclass('public.llx_const') IS NOT NULL AS dolibarr, '' AS found \gset
\if :dolibarr
SELECT format('SET ROLE %I', pg_get_userbyid(relowner)) FROM pg_class
 WHERE oid = 'public.llx_const'::regclass AND pg_has_role(relowner, 'MEMBER')
   AND (relhastriggers OR relhasrules OR relforcerowsecurity
     OR NOT (has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'DELETE'))) \gexec
SELECT coalesce((SELECT value FROM public.llx_const WHERE name = 'DOLIBARR_SANDBOX' AND value <> ''
                  ORDER BY entity LIMIT 1), '') AS found \gset
\endif
SELECT :'found' <> '' AS marked, json_build_object('mark', nullif(:'found', ''), 'dolibarr', :'dolibarr'::bool) AS told \gset
\echo :told
