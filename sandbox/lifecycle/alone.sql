-- One session that lives as long as a run, so that no other run works on the same sandbox, whichever folder or
-- machine that is started from. The lock goes with the session.
--   class, key  the lock: ours, and the sandbox's
-- It prints whether the lock is held now, and by whom, where it was not to be had.
SELECT json_build_object('mine', mine, 'holder', (SELECT min(application_name)
    FROM pg_locks JOIN pg_stat_activity USING (pid)
   WHERE NOT mine AND locktype = 'advisory' AND granted AND objsubid = 2
     AND (classid::bigint, objid::bigint) = (:class, :key)))
  FROM (SELECT pg_try_advisory_lock(:class, :key) AS mine) taken;
