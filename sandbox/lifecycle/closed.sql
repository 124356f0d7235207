-- The objects on which PUBLIC has nothing, of those on which PostgreSQL would give it something. Follows `acls`.
SELECT json_build_object('closed', coalesce(json_agg(object), '[]'))
  FROM acls
 WHERE part = '' AND kind IN ('f', 'T', 'l')
   AND NOT EXISTS (SELECT FROM aclexplode(coalesce(acl, acldefault(kind, owner))) WHERE grantee = 0)
