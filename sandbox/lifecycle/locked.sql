-- Who keeps others from reading a table of this database, or is about to; the first, as JSON.
SELECT json_build_object('blocked', json_build_object('late', true, 'theirs', false, 'pid', pid,
    'application', application_name, 'role', usename, 'table', format('%I.%I', nspname, relname)))
  FROM pg_locks l JOIN pg_class c ON c.oid = relation JOIN pg_namespace n ON n.oid = relnamespace
  JOIN pg_database d ON d.oid = database AND datname = current_database()
  LEFT JOIN (SELECT pid, application_name, usename FROM pg_stat_activity) a USING (pid)
 WHERE mode = 'AccessExclusiveLock' AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
 ORDER BY granted DESC, pid LIMIT 1;
