-- Give others in this database what they have in the live one, no more and no less, and prove it.
--
-- `dolibarr_sandbox_rights` has the live database's rows (rights.sql), `dolibarr_sandbox_closed` the objects on which prod gives
-- PUBLIC nothing; `dolibarr_sandbox_acls` is a view (acls.sql). An object that the live database does not have gets what it would
-- get there: PostgreSQL's own rights, or the default privileges of its owner; and PUBLIC nothing that it has not in prod.
-- SET ROLE lets a login that is a mere member act for an owner.
CREATE FUNCTION pg_temp.dolibarr_sandbox_items(acl aclitem[], was oid, now oid) RETURNS text[] LANGUAGE sql AS $$
  SELECT coalesce(array_agg(item ORDER BY item), '{}') FROM (
    SELECT format('%s %s %s', CASE grantee WHEN was THEN now ELSE grantee END, privilege_type, bool_or(is_grantable)) AS item
      FROM aclexplode(nullif(acl, '{}')) GROUP BY CASE grantee WHEN was THEN now ELSE grantee END, privilege_type) i
$$;
CREATE FUNCTION pg_temp.dolibarr_sandbox_role(role oid) RETURNS text LANGUAGE sql AS $$
  SELECT CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END
$$;
-- REVOKE all from whoever has something, then GRANT in the order of the live list; %1$s: the rights, %2$s: the role, %3$s: the option
CREATE FUNCTION pg_temp.dolibarr_sandbox_change(
  have aclitem[], want aclitem[], was oid, now oid, columns text, revoking text, granting text)
RETURNS text[] LANGUAGE sql AS $$
  SELECT array_cat(
    ARRAY(SELECT DISTINCT format(revoking, pg_temp.dolibarr_sandbox_role(grantee)) FROM aclexplode(nullif(have, '{}'))),
    ARRAY(SELECT format(granting, string_agg(privilege_type || columns, ', ' ORDER BY place), pg_temp.dolibarr_sandbox_role(grantee),
                        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
            FROM (SELECT CASE grantee WHEN was THEN now ELSE grantee END AS grantee, privilege_type, is_grantable, place
                    FROM aclexplode(nullif(want, '{}')) WITH ORDINALITY a (grantor, grantee, privilege_type, is_grantable, place)) w
           GROUP BY grantee, is_grantable ORDER BY min(place)))
$$;

-- schema public is nobody's but the sandbox's
DO $public$
DECLARE live record;
BEGIN
  SELECT c.acl AS comment, s.owner INTO live FROM pg_temp.dolibarr_sandbox_rights c
    JOIN pg_temp.dolibarr_sandbox_rights s ON s.object = 'SCHEMA public' WHERE c.object = 'COMMENT';
  IF live.owner <> (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public') THEN
    BEGIN
      EXECUTE format('ALTER SCHEMA public OWNER TO %I', live.owner);
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE WARNING 'schema public, which was %''s, is the database owner''s now', live.owner;
    END;
  END IF;
  IF live.comment IS DISTINCT FROM (SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'public') THEN
    EXECUTE format('COMMENT ON SCHEMA public IS %L', live.comment);
  END IF;
END
$public$;

CREATE TEMP VIEW dolibarr_sandbox_defaults AS
WITH live AS (
  SELECT r.owner, part, kind, acl FROM pg_temp.dolibarr_sandbox_rights r
   WHERE object = 'DEFAULT PRIVILEGES' AND (part = '' OR part IN (SELECT nspname FROM pg_namespace))
), own AS (
  SELECT pg_get_userbyid(defaclrole)::text AS owner, coalesce(nspname::text, '') AS part, defaclobjtype::text AS kind, defaclacl
    FROM pg_default_acl LEFT JOIN pg_namespace n ON n.oid = defaclnamespace
)
SELECT owner, role, part, kind, coalesce(defaclacl, base) AS have, coalesce(acl::aclitem[], base) AS want
  FROM live FULL JOIN own USING (owner, part, kind),
       LATERAL (SELECT oid AS role, CASE part WHEN '' THEN acldefault((CASE kind WHEN 'S' THEN 's' ELSE kind END)::"char", oid)
                                              ELSE '{}' END AS base
                  FROM pg_roles WHERE rolname = owner) b
 WHERE pg_temp.dolibarr_sandbox_items(coalesce(defaclacl, base), role, role)
    <> pg_temp.dolibarr_sandbox_items(coalesce(acl::aclitem[], base), role, role);
DO $defaults$
DECLARE
  me text := current_user;
  steps text[];
  statement text;
BEGIN
  SELECT array_agg(s ORDER BY number, step) INTO steps
    FROM (SELECT row_number() OVER () AS number, d.*, CASE kind WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
              WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS kinds,
            CASE part WHEN '' THEN '' ELSE format('IN SCHEMA %I ', part) END AS place FROM pg_temp.dolibarr_sandbox_defaults d) d,
         unnest(array_prepend(format('SET LOCAL ROLE %I', owner), pg_temp.dolibarr_sandbox_change(have, want, role, role, '',
           format('ALTER DEFAULT PRIVILEGES %sREVOKE ALL ON %s FROM %%s', place, kinds),
           format('ALTER DEFAULT PRIVILEGES %sGRANT %%s ON %s TO %%s%%s', place, kinds)))) WITH ORDINALITY t (s, step);
  FOREACH statement IN ARRAY coalesce(steps, '{}') LOOP EXECUTE statement; END LOOP;
  EXECUTE format('SET LOCAL ROLE %I', me);
END
$defaults$;

CREATE TEMP VIEW dolibarr_sandbox_wanted AS
SELECT a.object, a.part, a.owner, coalesce(a.acl, acldefault(a.kind, a.owner)) AS have,
       coalesce(w.oid, a.owner) AS was, CASE
         WHEN live.object IS NOT NULL THEN coalesce(r.acl::aclitem[], acldefault(a.kind, a.owner))
         WHEN a.part <> '' THEN '{}'
         ELSE ARRAY(SELECT item FROM unnest(coalesce(
                (SELECT defaclacl FROM pg_default_acl WHERE defaclrole = a.owner AND defaclnamespace = 0 AND defaclobjtype = defaults),
                acldefault(a.kind, a.owner)) || coalesce(
                (SELECT defaclacl FROM pg_default_acl WHERE defaclrole = a.owner AND defaclnamespace = a.space
                    AND defaclobjtype = defaults AND a.kind <> 'n'), '{}')) item
               WHERE NOT EXISTS (SELECT FROM aclexplode(ARRAY[item]) WHERE grantee = 0
                                    AND a.object IN (SELECT c.object FROM pg_temp.dolibarr_sandbox_closed c)))
       END AS want
  FROM (SELECT * FROM pg_temp.dolibarr_sandbox_acls
        UNION ALL  -- columns that have rights of their own only in the live database
        SELECT r.object, r.part, o.owner, 'c', o.space, NULL FROM pg_temp.dolibarr_sandbox_rights r
          JOIN pg_temp.dolibarr_sandbox_acls o ON o.object = r.object AND o.part = ''
          JOIN pg_attribute ON attrelid = to_regclass(substr(r.object, 7)) AND attname = r.part
         WHERE r.kind = 'c' AND attacl IS NULL) a
  CROSS JOIN LATERAL (SELECT CASE a.kind WHEN 's' THEN 'S' WHEN 'S' THEN NULL ELSE a.kind END AS defaults) k
  LEFT JOIN pg_temp.dolibarr_sandbox_rights live ON live.object = a.object AND live.part = ''
  LEFT JOIN pg_temp.dolibarr_sandbox_rights r ON r.object = a.object AND r.part = a.part
  LEFT JOIN pg_roles w ON w.rolname = live.owner;
CREATE TEMP VIEW dolibarr_sandbox_unlike AS
SELECT * FROM pg_temp.dolibarr_sandbox_wanted
 WHERE have <> want AND pg_temp.dolibarr_sandbox_items(have, owner, owner) <> pg_temp.dolibarr_sandbox_items(want, was, owner);
DO $objects$
DECLARE
  me text := current_user;
  steps text[];
  statement text;
BEGIN
  -- a right on a table that goes takes those on its columns along: all parts of an object are given anew
  SELECT array_agg(s ORDER BY object, s NOT LIKE 'SET %', s NOT LIKE 'REVOKE %', part, step) INTO steps
    FROM (SELECT * FROM pg_temp.dolibarr_sandbox_wanted
           WHERE object IN (SELECT object FROM pg_temp.dolibarr_sandbox_unlike) AND (have <> '{}' OR want <> '{}')) w,
         LATERAL (SELECT CASE part WHEN '' THEN '' ELSE format(' (%I)', part) END AS columns) c,
         unnest(array_prepend(format('SET LOCAL ROLE %I', CASE WHEN pg_has_role(me, owner, 'USAGE') THEN me
                                                          ELSE pg_get_userbyid(owner)::text END),
           pg_temp.dolibarr_sandbox_change(have, want, was, owner, columns,
             replace(format('REVOKE ALL%s ON %s FROM ', columns, object), '%', '%%') || '%s CASCADE',
             'GRANT %s' || replace(format(' ON %s TO ', object), '%', '%%') || '%s%s')))
           WITH ORDINALITY t (s, step);
  FOREACH statement IN ARRAY coalesce(steps, '{}') LOOP EXECUTE statement; END LOOP;
  EXECUTE format('SET LOCAL ROLE %I', me);
END
$objects$;

DO $proof$
DECLARE different text;
BEGIN
  SELECT string_agg(what, ', ') INTO different FROM (
    SELECT concat(object, nullif(concat(' (', part, ')'), ' ()')) AS what FROM pg_temp.dolibarr_sandbox_unlike
    UNION ALL SELECT format('default privileges of %s', owner) FROM pg_temp.dolibarr_sandbox_defaults
    UNION ALL SELECT format('extension %s of %s, which is missing', part, owner) FROM pg_temp.dolibarr_sandbox_rights
               WHERE object = 'EXTENSION' AND part NOT IN (SELECT extname FROM pg_extension)
    LIMIT 5) d;
  IF different IS NOT NULL THEN
    RAISE EXCEPTION 'rights in the copy are not those of the live sandbox: %', different;
  END IF;
END
$proof$;
