-- What the role that asks may not read of what travels, as one JSON document: name, kind, schema, owner, and what is missing, which is
-- usage (of the schema), select, or rows (row security hides some). Follows `relations`.
SELECT json_build_object('unread', coalesce(json_agg(json_build_array(own, kind, nspname, owner, missing) ORDER BY own)
    FILTER (WHERE missing IS NOT NULL), '[]'))
  FROM (
    SELECT format('%I.%I', r.nspname, r.relname) AS own, CASE r.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind,
           r.nspname, pg_get_userbyid(c.relowner) AS owner,
           CASE WHEN NOT has_schema_privilege(c.relnamespace, 'USAGE') THEN 'usage'
                WHEN NOT has_table_privilege(c.oid, 'SELECT') THEN 'select'
                WHEN row_security_active(c.oid) THEN 'rows' END AS missing
      FROM relations r JOIN pg_class c ON c.oid = r.oid WHERE r.relkind IN ('r', 'p', 'S')) f
