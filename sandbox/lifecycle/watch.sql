-- One look at prod's locks: who waits for a session of this run, directly or behind others, and for whom a
-- session of this run waits. When that has lasted too long, all of the run's sessions on prod end.
--   holder  the process id of the session that holds the snapshot: without it the others may not go on
--   within  how long anybody may wait, in seconds
--   seen    JSON: since when each process waits, as far as the looks before this one saw
--   end     SQL that ends the run's sessions
-- What it sees it prints, as JSON; times are seconds since 1970. `ended` says that no session of the run is left.
WITH RECURSIVE ours AS (
  SELECT pid FROM pg_stat_activity
   WHERE application_name = current_setting('application_name') AND usename = session_user
), locks AS (
  SELECT pid, granted, mode, CASE WHEN datname = current_database() THEN relation END AS relation,
    CASE WHEN NOT granted THEN to_jsonb(l) ->> 'waitstart' END AS begun  -- known from PostgreSQL 14 on
    FROM pg_locks l LEFT JOIN pg_database d ON d.oid = database
), waiting AS (
  SELECT * FROM locks WHERE NOT granted
), blocked AS (
  SELECT pid, unnest(pg_blocking_pids(pid)) AS by FROM waiting
  UNION
  -- what replays the log of a standby is no session: nothing else tells for whom it waits
  SELECT w.pid, l.pid FROM waiting w JOIN locks l USING (relation)
   WHERE w.mode = 'AccessExclusiveLock' AND l.granted AND l.pid <> w.pid
), behind (pid) AS (
  SELECT pid FROM ours UNION SELECT b.pid FROM blocked b JOIN behind ON b.by = behind.pid
), stuck AS (
  SELECT pid, true AS theirs, pid AS who FROM behind WHERE pid NOT IN (SELECT pid FROM ours)
  UNION ALL
  SELECT pid, false, min(by) FROM blocked
   WHERE pid IN (SELECT pid FROM ours) AND by NOT IN (SELECT pid FROM ours) GROUP BY pid
), since AS (
  SELECT stuck.*, coalesce((:'seen'::jsonb ->> pid::text)::numeric, extract(epoch FROM begun::timestamptz),
      extract(epoch FROM clock_timestamp()))::numeric AS since, coalesce(relation,
      -- who waits for a transaction to end has locked what that is about
      (SELECT min(relation) FROM locks l WHERE l.pid = stuck.pid AND granted AND mode <> 'AccessShareLock')
    ) AS relation
    FROM stuck LEFT JOIN (SELECT pid, min(begun) AS begun, min(relation) AS relation FROM waiting GROUP BY pid) w
      USING (pid)
), facts AS (
  SELECT s.*, extract(epoch FROM clock_timestamp()) - since >= :within AS late,
      -- a lock on an index is about its table
      coalesce((SELECT indrelid FROM pg_index WHERE indexrelid = relation), relation) AS "table"
    FROM since s
)
SELECT EXISTS (SELECT FROM ours WHERE pid = :holder) AS alive, count(*) > 0 AS some,
    coalesce(bool_or(late), false) AS late, coalesce(jsonb_object_agg(pid, since), '{}') AS seen,
    json_build_object('blocked', (array_agg(json_build_object('late', late, 'theirs', theirs, 'since', since,
      'pid', who, 'application', application_name, 'role', usename, 'table', format('%I.%I', nspname, relname))
      ORDER BY late DESC, theirs DESC, since))[1]) AS blocked
  FROM facts LEFT JOIN (SELECT pid AS who, application_name, usename FROM pg_stat_activity) a USING (who)
  LEFT JOIN pg_class c ON c.oid = "table" LEFT JOIN pg_namespace n ON n.oid = relnamespace \gset
\if :alive
\else
:end
SELECT 'ended';
\q
\endif
\if :some
SELECT :'blocked';
\endif
\if :late
:end
SELECT 'ended';
\q
\endif
