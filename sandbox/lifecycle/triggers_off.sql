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
), owned AS (
  SELECT w.oid, format('%I.%I', nspname, relname) AS own, relforcerowsecurity,
         (SELECT count(*) FROM pg_partition_ancestors(w.oid)) AS place
    FROM written w JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = relnamespace
   WHERE relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE')
), found (place, what, state, forward, backward) AS (
  SELECT place, format('ALTER TABLE %s', own), tgenabled, format('DISABLE TRIGGER %I', tgname), format('TRIGGER %I', tgname)
    FROM owned o JOIN pg_trigger ON tgrelid = o.oid
   WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgtype::int & :events <> 0
  UNION ALL
  SELECT place, format('ALTER TABLE %s', own), ev_enabled, format('DISABLE RULE %I', rulename), format('RULE %I', rulename)
    FROM owned o JOIN pg_rewrite ON ev_class = o.oid
   WHERE rulename <> '_RETURN' AND ev_enabled <> 'D'
     AND CASE ev_type WHEN '2' THEN 16 WHEN '3' THEN 4 WHEN '4' THEN 8 ELSE 0 END & :events <> 0
  UNION ALL
  SELECT place, format('ALTER TABLE %s', own), NULL, 'NO FORCE ROW LEVEL SECURITY', 'FORCE ROW LEVEL SECURITY'
    FROM owned WHERE relforcerowsecurity
)
-- a partitioned table's trigger takes its partitions' with it: what is said of those comes last
SELECT coalesce(string_agg(concat(what, ' ', forward, ';'), ' ' ORDER BY place), '') AS off,
       coalesce(string_agg(concat(what, ' ', CASE state WHEN 'O' THEN 'ENABLE ' WHEN 'R' THEN 'ENABLE REPLICA '
         WHEN 'A' THEN 'ENABLE ALWAYS ' END, backward, ';'), ' ' ORDER BY place), '') AS back
  FROM found \gset
:off
