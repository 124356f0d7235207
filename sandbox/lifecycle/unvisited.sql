-- Into `found`: what somebody else has in this database, or has made there since it was looked at; null: nothing. Follows `owners`
-- and `objects`. Default privileges are looked at by themselves.
SELECT string_agg(format('%s %s of %s', type, identity, pg_get_userbyid(owner)), ', ') INTO found
  FROM (SELECT * FROM objects
         WHERE classid <> 'pg_default_acl'::regclass AND owner NOT IN (SELECT oid FROM owners) LIMIT 3) o,
       pg_identify_object(classid, objid, 0)
