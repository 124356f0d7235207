-- The roles whose objects are the owner's, and no stranger's: the one that Dolibarr's tables belong to (of a database without any,
-- its own). The database's owner and the login that connects count with it where the one is a member of the other: what the
-- application makes in its own name is Dolibarr's. A superuser is a member of every role, and that tells nothing.
SELECT coalesce((SELECT relowner FROM pg_class WHERE oid = to_regclass('public.llx_const')), datdba) AS oid
FROM pg_database WHERE datname = current_database()
UNION SELECT unnest(ARRAY[datdba, l.oid]) FROM pg_database, pg_roles l
WHERE datname = current_database() AND rolname = session_user AND NOT rolsuper AND pg_has_role(l.oid, datdba, 'MEMBER')
