-- What the sandbox's database holds that is not the owner's, as one JSON document: each with its kind, name and owner, and the
-- strategies under which it would be lost. Follows `owners` and `objects`.
, mine AS (
  SELECT CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END AS settable
), seen AS (
  SELECT o.*, nspname = 'public' AS stays, owner IN (SELECT oid FROM owners) AS ours,
         pg_has_role(session_user, owner, settable) AS reached
    FROM mine, objects o LEFT JOIN pg_namespace n ON n.oid = space
), lost AS (
  SELECT type, identity, owner, NOT ours AS swap, true AS in_place
    FROM seen o, pg_identify_object(classid, objid, 0)
   WHERE classid NOT IN ('pg_default_acl'::regclass, 'pg_largeobject'::regclass) AND NOT (ours AND reached)
     AND NOT EXISTS (  -- a sequence or a partition goes with its table
           SELECT FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
            WHERE d.classid = 'pg_class'::regclass AND o.classid = d.classid AND d.objid = o.objid
              AND d.refclassid = d.classid AND d.deptype = 'a' AND t.relowner = o.owner)
  UNION ALL
  SELECT 'large objects', count(*)::text, owner, NOT ours, true
    FROM seen WHERE classid = 'pg_largeobject'::regclass AND NOT (ours AND reached) GROUP BY owner, ours
  UNION ALL  -- nobody but a role itself can give it default privileges again; those of schema public stay in place
  SELECT 'default privileges', identity, owner, true, NOT coalesce(stays, true)
    FROM seen, pg_identify_object(classid, objid, 0) WHERE classid = 'pg_default_acl'::regclass AND NOT reached
  UNION ALL  -- one that prod has comes with prod's dump; in place an extension stays, unless its schema goes
  SELECT 'extension', extname::text, extowner, true, nspname NOT IN ('public', 'pg_catalog')
    FROM pg_extension x JOIN pg_namespace n ON n.oid = extnamespace
   WHERE extname <> 'plpgsql' AND extowner NOT IN (SELECT oid FROM owners)
)
SELECT json_build_object('strangers', coalesce(json_agg(json_build_object('kind', type,
    'name', replace(identity, 'pg_catalog.', ''), 'owner', pg_get_userbyid(owner), 'swap', swap, 'in_place', in_place)
    ORDER BY type, identity), '[]')) FROM lost;
