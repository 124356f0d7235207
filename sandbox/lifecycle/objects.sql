-- Every object of this database that a role owns, one row each: where it is in the catalogs, its schema (0: it is in none), its
-- owner, and whether its name makes it one of Dolibarr's tables.
--
-- Not listed are what initdb made, schema public, extensions with their members, and what is a part of another object: an index,
-- a table's row type, an identity column's sequence. What has no owner belongs to who may make it: a cast or a transform to the
-- owner of its type, the rest to the first superuser.
SELECT o.classid, o.objid, o.space, o.owner, o.named
  FROM (
    SELECT 'pg_class'::regclass::oid, c.oid, relnamespace, relowner,
           relkind IN ('r', 'p', 'S') AND nspname = 'public' AND starts_with(relname, 'llx_')
      FROM pg_class c JOIN pg_namespace s ON s.oid = relnamespace
     WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
    UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace, typowner, false FROM pg_type
    UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace, proowner, false FROM pg_proc
    UNION ALL SELECT 'pg_operator'::regclass, oid, oprnamespace, oprowner, false FROM pg_operator
    UNION ALL SELECT 'pg_opclass'::regclass, oid, opcnamespace, opcowner, false FROM pg_opclass
    UNION ALL SELECT 'pg_opfamily'::regclass, oid, opfnamespace, opfowner, false FROM pg_opfamily
    UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace, collowner, false FROM pg_collation
    UNION ALL SELECT 'pg_conversion'::regclass, oid, connamespace, conowner, false FROM pg_conversion
    UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxnamespace, stxowner, false FROM pg_statistic_ext
    UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace, cfgowner, false FROM pg_ts_config
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictnamespace, dictowner, false FROM pg_ts_dict
    UNION ALL SELECT 'pg_ts_parser'::regclass, oid, prsnamespace, 10, false FROM pg_ts_parser
    UNION ALL SELECT 'pg_ts_template'::regclass, oid, tmplnamespace, 10, false FROM pg_ts_template
    UNION ALL SELECT 'pg_namespace'::regclass, oid, oid, nspowner, false FROM pg_namespace WHERE nspname <> 'public'
    UNION ALL SELECT 'pg_language'::regclass, oid, 0, lanowner, false FROM pg_language
    UNION ALL SELECT 'pg_am'::regclass, oid, 0, 10, false FROM pg_am
    UNION ALL SELECT 'pg_cast'::regclass, c.oid, 0, CASE WHEN castsource >= 16384 THEN s.typowner ELSE t.typowner END, false
      FROM pg_cast c JOIN pg_type s ON s.oid = castsource JOIN pg_type t ON t.oid = casttarget
    UNION ALL SELECT 'pg_transform'::regclass, f.oid, 0, typowner, false
      FROM pg_transform f JOIN pg_type t ON t.oid = trftype
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0, fdwowner, false FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 0, srvowner, false FROM pg_foreign_server
    UNION ALL SELECT 'pg_event_trigger'::regclass, oid, 0, evtowner, false FROM pg_event_trigger
    UNION ALL SELECT 'pg_publication'::regclass, oid, 0, pubowner, false FROM pg_publication
    UNION ALL SELECT 'pg_subscription'::regclass, s.oid, 0, subowner, false
      FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid WHERE datname = current_database()
    UNION ALL SELECT 'pg_default_acl'::regclass, oid, defaclnamespace, defaclrole, false FROM pg_default_acl
    UNION ALL SELECT 'pg_largeobject'::regclass, oid, 0, lomowner, false FROM pg_largeobject_metadata
  ) o (classid, objid, space, owner, named)
  LEFT JOIN pg_namespace n ON n.oid = space
 WHERE (objid >= 16384 OR classid = 'pg_largeobject'::regclass)
   AND coalesce(nspname !~ '^pg_' AND nspname <> 'information_schema', true)
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = o.classid AND d.objid = o.objid AND d.objsubid = 0 AND d.deptype IN ('e', 'i'))
