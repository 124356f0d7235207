"""Carry over what other roles may do with the sandbox's tables, sequences and schemas.

A dump is restored without prod's grants: prod's roles have no business in the sandbox. The sandbox's own
roles, such as an application that is not the owner or a monitor that only reads, must go on working.
"""

# ruff: noqa: S608  # nothing from outside reaches this SQL

from __future__ import annotations

_SCHEMAS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_GRANTEE = "CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END"
_OPTION = "CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"

_GRANTED = f"""
    SELECT format('%s %I.%I', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, nspname, relname)
             AS object, a.grantee, a.privilege_type, a.is_grantable
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
     WHERE {_SCHEMAS} AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND grantee <> relowner
    UNION ALL
    SELECT format('SCHEMA %I', nspname), a.grantee, a.privilege_type, a.is_grantable
      FROM pg_namespace n, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a
     WHERE {_SCHEMAS} AND grantee <> nspowner
"""
_DEFAULT = """format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s', pg_get_userbyid(defaclrole),
              (SELECT format(' IN SCHEMA %I', nspname) FROM pg_namespace n WHERE n.oid = defaclnamespace))"""
_KIND = """CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
                WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END"""

_QUERY = f"""
SELECT 'REVOKE ALL ON SCHEMA public FROM PUBLIC' AS statement, 0 AS place
 WHERE EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public')
UNION ALL
SELECT format('GRANT %s ON %s TO %s%s', string_agg(DISTINCT privilege_type, ', '), object,
              {_GRANTEE}, {_OPTION}), 1
  FROM ({_GRANTED}) granted GROUP BY object, grantee, is_grantable
UNION ALL
SELECT format('%s GRANT %s ON %s TO %s%s', {_DEFAULT}, privilege_type, {_KIND}, {_GRANTEE}, {_OPTION}), 2
  FROM pg_default_acl, aclexplode(defaclacl) a WHERE defaclobjtype IN ('r', 'S', 'f', 'T', 'n')
"""

_TABLE = "pg_temp.dolibarr_sandbox_grants"

# strategy swap: out of the live database, into a table of the next one
ASK = f"SET search_path = pg_catalog;\nCOPY ({_QUERY}) TO STDOUT;\n"
TAKE = (
    f"CREATE TEMP TABLE dolibarr_sandbox_grants (statement text, place integer);\nCOPY {_TABLE} FROM STDIN;\n"
)

# strategy in-place: into a table of the same session, before the objects are dropped
REMEMBER = f"CREATE TEMP TABLE dolibarr_sandbox_grants AS {_QUERY};\n"

# a clone of a checkpoint brings those of its own time
CLEAR = f"""
DO $clear$
DECLARE revoke_text text;
BEGIN
  FOR revoke_text IN
    SELECT DISTINCT format('REVOKE ALL ON %s FROM %s', object, {_GRANTEE}) FROM ({_GRANTED}) granted
    UNION ALL
    SELECT DISTINCT format('%s REVOKE ALL ON %s FROM %s', {_DEFAULT}, {_KIND}, {_GRANTEE})
      FROM pg_default_acl, aclexplode(defaclacl) a WHERE defaclobjtype IN ('r', 'S', 'f', 'T', 'n')
  LOOP
    EXECUTE revoke_text;
  END LOOP;
END
$clear$;
"""

# what only the old sandbox had, such as a table of a rehearsal, takes its grants with it
APPLY = f"""
DO $grants$
DECLARE grant_text text;
BEGIN
  FOR grant_text IN SELECT statement FROM {_TABLE} ORDER BY place LOOP
    BEGIN
      EXECUTE grant_text;
    EXCEPTION
      WHEN undefined_table OR undefined_object OR invalid_schema_name OR wrong_object_type THEN NULL;
      WHEN insufficient_privilege THEN RAISE WARNING 'not reapplied: %', grant_text;
    END;
  END LOOP;
END
$grants$;
"""
