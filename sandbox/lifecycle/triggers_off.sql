-- Within a transaction: writing to some tables starts nothing of the database's own, and their owner sees every row of theirs.
-- Off are the triggers and the rules of these tables, of their heirs and partitions, and of tables to which a foreign key hands a
-- change on; and row security where it is forced on the owner. `triggers_on` puts back what was on, exactly.
-- Variables: tables, an array of their names; events, which writes are to come: 4 INSERT + 8 DELETE + 16 UPDATE.
-- Sets off and back, the statements; both are empty where nothing is to be switched off.
WITH RECURSIVE written (oid) AS (
  SELECT to_regclass(name)::oid FROM unnest(:'tables'::text[]) name WHERE to_regclass(name) IS NOT NULL
  UNION
  SELECT n.oid FROM written w, LATERAL (
    SELECT inhrelid FROM pg_inherits WHERE inhparent = w.oid
    UNION ALL SELECT conrelid FROM pg_constraint WHERE contype = 'f' AND confrelid = w.oid
       AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))) n (oid)
), found (own, place, forward, backward) AS (
  SELECT w.oid::regclass, (SELECT count(*) FROM pg_partition_ancestors(w.oid)), format('DISABLE TRIGGER %I', tgname),
         format('ENABLE %s TRIGGER %I', CASE tgenabled WHEN 'R' THEN 'REPLICA' WHEN 'A' THEN 'ALWAYS' END, tgname)
    FROM written w JOIN pg_trigger ON tgrelid = w.oid
   WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgtype::int & :events <> 0
  UNION ALL
  SELECT w.oid::regclass, 0, format('DISABLE RULE %I', rulename),
         format('ENABLE %s RULE %I', CASE ev_enabled WHEN 'R' THEN 'REPLICA' WHEN 'A' THEN 'ALWAYS' END, rulename)
    FROM written w JOIN pg_rewrite ON ev_class = w.oid
   WHERE rulename <> '_RETURN' AND ev_enabled <> 'D'
     AND CASE ev_type WHEN '2' THEN 16 WHEN '3' THEN 4 WHEN '4' THEN 8 ELSE 0 END & :events <> 0
  UNION ALL
  SELECT w.oid::regclass, 0, 'NO FORCE ROW LEVEL SECURITY', 'FORCE ROW LEVEL SECURITY'
    FROM written w JOIN pg_class c ON c.oid = w.oid WHERE relforcerowsecurity
)
-- a partitioned table's trigger takes its partitions' with it: what is said of those comes last
SELECT coalesce(string_agg(format('ALTER TABLE %s %s;', own, forward), ' ' ORDER BY place), '') AS off,
       coalesce(string_agg(format('ALTER TABLE %s %s;', own, backward), ' ' ORDER BY place), '') AS back
  FROM found JOIN pg_class c ON c.oid = own WHERE relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE') \gset
:off
