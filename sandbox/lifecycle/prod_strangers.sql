-- What prod's database holds that is not the owner's, as one JSON document: all that does not travel, how a dump can leave it
-- out, and what of the owner's depends on it. Follows `owners` and `objects`.
, seen AS (
  SELECT classid, objid, space, owner, owner NOT IN (SELECT oid FROM owners) AS others,
         owner NOT IN (SELECT oid FROM owners) AND NOT named AS strange
    FROM objects WHERE classid <> 'pg_default_acl'::regclass
), whole AS (  -- schemas with all that is in them
  SELECT objid FROM seen s WHERE classid = 'pg_namespace'::regclass AND strange
     AND NOT EXISTS (SELECT FROM seen o WHERE o.space = s.objid AND NOT strange)
), strangers AS (
  SELECT s.*, i.type AS kind, replace(i.identity, 'pg_catalog.', '') AS name, nspname, relname,
         space IN (SELECT objid FROM whole) AS inside,
         EXISTS (  -- a sequence or a partition goes with its table
           SELECT FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
            WHERE d.classid = 'pg_class'::regclass AND s.classid = d.classid AND d.objid = s.objid
              AND d.refclassid = d.classid AND d.deptype = 'a' AND t.relowner = s.owner) AS follows
    FROM seen s CROSS JOIN LATERAL pg_identify_object(classid, objid, 0) i
    LEFT JOIN pg_namespace n ON n.oid = s.space
    LEFT JOIN pg_class c ON c.oid = s.objid AND s.classid = 'pg_class'::regclass
   WHERE s.strange AND s.classid <> 'pg_largeobject'::regclass
), parts (classid, objid, top_class, top, strange) AS (  -- an index, a trigger, a row type and the like, and whose they are
  SELECT classid, objid, classid, objid, strange FROM seen WHERE EXISTS (SELECT FROM seen WHERE strange)
  UNION
  SELECT d.classid, d.objid, top_class, top, strange
    FROM parts p JOIN pg_depend d ON d.refclassid = p.classid AND d.refobjid = p.objid AND d.deptype IN ('i', 'a')
   WHERE NOT EXISTS (SELECT FROM seen s WHERE s.classid = d.classid AND s.objid = d.objid)
), bound AS (
  SELECT o.top_class, o.top, s.top_class AS on_class, s.top AS on_top
    FROM pg_depend d JOIN parts o USING (classid, objid) JOIN parts s ON s.classid = refclassid AND s.objid = refobjid
   WHERE NOT o.strange AND s.strange
  UNION  -- rows of the owner's table in a stranger's
  SELECT o.classid, o.objid, s.classid, s.objid
    FROM pg_inherits JOIN seen s ON s.objid = inhrelid JOIN seen o ON o.objid = inhparent
   WHERE s.classid = 'pg_class'::regclass AND o.classid = s.classid AND s.strange AND NOT o.strange
), large AS (
  SELECT objid, owner, strange FROM seen WHERE classid = 'pg_largeobject'::regclass
)
SELECT json_build_object('left', json_build_object(
  'strangers', (SELECT coalesce(json_agg(json_build_array(kind, name, pg_get_userbyid(owner)) ORDER BY kind, name), '[]') FROM (
      SELECT kind, name, owner FROM strangers WHERE NOT follows
      UNION ALL SELECT 'large objects', count(*)::text, owner FROM large WHERE strange GROUP BY owner) s),
  'schemas', (SELECT coalesce(json_agg(nspname), '[]') FROM pg_namespace WHERE oid IN (SELECT objid FROM whole)),
  'relations', (SELECT coalesce(json_agg(json_build_array(nspname, relname)), '[]')
                  FROM strangers WHERE NOT inside AND relname IS NOT NULL),
  'entries', (SELECT coalesce(json_agg(concat(classid, ' ', objid)), '[]')
                FROM strangers WHERE NOT inside AND relname IS NULL),
  'roles', (SELECT coalesce(json_agg(DISTINCT pg_get_userbyid(owner)), '[]') FROM strangers WHERE NOT inside),
  'large_objects', (SELECT coalesce(json_agg(objid::bigint), '[]') FROM large WHERE strange),
  'all_large_objects', NOT EXISTS (SELECT FROM large WHERE NOT strange),
  'adopted', (SELECT coalesce(json_agg(json_build_array(type, identity, pg_get_userbyid(owner)) ORDER BY identity), '[]')
                FROM seen, pg_identify_object(classid, objid, 0) WHERE others AND NOT strange AND type = 'table'),
  'bound', (SELECT coalesce(json_agg(json_build_array(
        json_build_array(o.type, replace(o.identity, 'pg_catalog.', ''), pg_get_userbyid(mine.owner)),
        json_build_array(s.type, replace(s.identity, 'pg_catalog.', ''), pg_get_userbyid(theirs.owner)))
        ORDER BY o.identity, s.identity), '[]')
      FROM bound
      JOIN seen mine ON mine.classid = top_class AND mine.objid = top
      JOIN seen theirs ON theirs.classid = on_class AND theirs.objid = on_top
      CROSS JOIN LATERAL pg_identify_object(top_class, top, 0) o
      CROSS JOIN LATERAL pg_identify_object(on_class, on_top, 0) s)))
