-- Empties the database, by the name of each object: what extensions own stays. Each is dropped as its owner. `objects` is a
-- temporary view.
DO $clear$
DECLARE
  me text := current_user;
  doomed record;
  statements text[];
  roles text[];
BEGIN
  -- named before any is dropped: one drop takes others with it
  SELECT array_agg(format('DROP %s IF EXISTS %s CASCADE', kind, identity) ORDER BY place, objid),
         array_agg(pg_get_userbyid(owner) ORDER BY place, objid) INTO statements, roles
    FROM pg_temp.dolibarr_sandbox_objects o, pg_identify_object(classid, objid, 0),
         LATERAL (SELECT classid = 'pg_namespace'::regclass AS place,
                         CASE type WHEN 'statistics object' THEN 'statistics' ELSE replace(type, '-', ' ') END AS kind) k
   WHERE classid NOT IN ('pg_default_acl'::regclass, 'pg_largeobject'::regclass, 'pg_subscription'::regclass);
  FOR i IN 1 .. coalesce(cardinality(statements), 0) LOOP
    EXECUTE format('SET LOCAL ROLE %I', roles[i]);
    EXECUTE statements[i];
  END LOOP;
  FOR doomed IN SELECT oid, pg_get_userbyid(lomowner) AS owner FROM pg_largeobject_metadata LOOP
    EXECUTE format('SET LOCAL ROLE %I', doomed.owner);
    PERFORM lo_unlink(doomed.oid);
  END LOOP;
  EXECUTE format('SET LOCAL ROLE %I', me);
END
$clear$;
