-- The rights on every object of this database, and on every column that has its own: how GRANT names the object, the column, the owner, the kind as
-- acldefault knows it, the schema, and the list of rights; null is what PostgreSQL gives by itself. Not the system's own, and not
-- an extension's.
SELECT object, part, owner, kind::"char" AS kind, space, acl
  FROM (
    SELECT format('%s %I.%I', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, nspname, relname), '', relowner,
           CASE relkind WHEN 'S' THEN 's' ELSE 'r' END, relnamespace, relacl, 'pg_class'::regclass::oid, c.oid
      FROM pg_class c JOIN pg_namespace s ON s.oid = relnamespace
     WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
    UNION ALL
    SELECT format('TABLE %I.%I', nspname, relname), attname::text, relowner, 'c', relnamespace, attacl, 'pg_class'::regclass, c.oid
      FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace s ON s.oid = relnamespace
     WHERE attacl IS NOT NULL AND NOT attisdropped AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relpersistence <> 't'
    UNION ALL
    SELECT 'ROUTINE ' || identity, '', proowner, 'f', pronamespace, proacl, 'pg_proc'::regclass, p.oid
      FROM pg_proc p, pg_identify_object('pg_proc'::regclass, p.oid, 0) WHERE p.oid >= 16384
    UNION ALL
    SELECT 'TYPE ' || identity, '', typowner, 'T', typnamespace, typacl, 'pg_type'::regclass, t.oid
      FROM pg_type t LEFT JOIN pg_class c ON c.oid = typrelid, pg_identify_object('pg_type'::regclass, t.oid, 0)
     WHERE t.oid >= 16384 AND typtype IN ('b', 'c', 'd', 'e', 'r') AND coalesce(relkind = 'c', true)
       AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
    UNION ALL
    SELECT format('SCHEMA %I', nspname), '', nspowner, 'n', oid, nspacl, 'pg_namespace'::regclass, oid FROM pg_namespace
    UNION ALL
    SELECT format('LANGUAGE %I', lanname), '', lanowner, 'l', 0, lanacl, 'pg_language'::regclass, oid
      FROM pg_language WHERE oid >= 16384
    UNION ALL
    SELECT format('FOREIGN DATA WRAPPER %I', fdwname), '', fdwowner, 'F', 0, fdwacl, 'pg_foreign_data_wrapper'::regclass, oid
      FROM pg_foreign_data_wrapper
    UNION ALL
    SELECT format('FOREIGN SERVER %I', srvname), '', srvowner, 'S', 0, srvacl, 'pg_foreign_server'::regclass, oid
      FROM pg_foreign_server
    UNION ALL
    SELECT format('LARGE OBJECT %s', oid), '', lomowner, 'L', 0, lomacl, 'pg_largeobject'::regclass, oid
      FROM pg_largeobject_metadata
  ) o (object, part, owner, kind, space, acl, classid, objid)
  LEFT JOIN pg_namespace n ON n.oid = space
 WHERE coalesce(nspname !~ '^pg_' AND nspname <> 'information_schema', true)
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e')
