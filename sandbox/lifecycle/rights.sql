-- What others may do in the live database, as rows of text: the rights on its objects (where null stands for PostgreSQL's own),
-- its default privileges, what is said of schema public, and extensions that others made. Follows `acls`.
SELECT object, part, pg_get_userbyid(owner)::text AS owner, kind::text AS kind, acl::text AS acl
  FROM acls
UNION ALL
SELECT 'DEFAULT PRIVILEGES', coalesce(nspname::text, ''), pg_get_userbyid(defaclrole)::text, defaclobjtype::text, defaclacl::text
  FROM pg_default_acl LEFT JOIN pg_namespace n ON n.oid = defaclnamespace
UNION ALL
SELECT 'COMMENT', 'public', pg_get_userbyid(nspowner)::text, '', obj_description(oid, 'pg_namespace')
  FROM pg_namespace WHERE nspname = 'public'
UNION ALL
SELECT 'EXTENSION', extname::text, pg_get_userbyid(extowner)::text, '', ''
  FROM pg_extension WHERE extname <> 'plpgsql' AND extowner NOT IN (SELECT oid FROM owners)
