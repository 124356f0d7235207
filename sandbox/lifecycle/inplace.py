"""Clear the sandbox's database and nothing else, for a role that may not create databases.

`DROP OWNED` would also take this role's rights on other databases of a shared server, and `REASSIGN OWNED`
their ownership. Here every object is dropped by its own name, inside the transaction that restores.
"""
# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal, or %I and %L

from __future__ import annotations

from sandbox.lifecycle import grants, swap
from sandbox.postgres import as_role

_WAIT = 15  # seconds for a lock that a client of the sandbox holds

# catalogs of what lives in a schema; relations and types need a closer look
_KINDS = (
    ("pg_proc", "pronamespace", ""),
    ("pg_operator", "oprnamespace", ""),
    ("pg_opclass", "opcnamespace", ""),
    ("pg_opfamily", "opfnamespace", ""),
    ("pg_collation", "collnamespace", ""),
    ("pg_conversion", "connamespace", ""),
    ("pg_ts_config", "cfgnamespace", ""),
    ("pg_ts_dict", "dictnamespace", ""),
    ("pg_class", "relnamespace", "AND o.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')"),
    (
        "pg_type",
        "typnamespace",
        """AND (o.typtype IN ('e', 'd', 'r') OR (o.typtype = 'c' AND EXISTS
             (SELECT FROM pg_class r WHERE r.oid = o.typrelid AND r.relkind = 'c')))""",
    ),
)


def _in_public() -> str:
    return " UNION ALL ".join(
        f"SELECT '{catalog}'::regclass::oid AS classid, o.oid AS objid FROM {catalog} o"
        f" WHERE {column} = 'public'::regnamespace {condition}"
        for catalog, column, condition in _KINDS
    )


def clear(role: str) -> str:
    """SQL that opens the transaction and empties the database; what extensions own stays.

    Args:
        role: who owns the database; empty when it is the role that connects.
    """
    role_set = as_role(role)
    ours = "datname = current_database()"
    return f"""SET client_min_messages = warning;
{swap.end_sessions(ours, 1.0)}{role_set}BEGIN;
SET LOCAL lock_timeout = '{_WAIT}s';
SELECT json_build_object('cleared', extract(epoch FROM clock_timestamp()));
SET LOCAL search_path = pg_catalog;
{grants.REMEMBER}DO $clear$
DECLARE statement text;
DECLARE statements text[];
BEGIN
  FOR statement IN
    SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace n
     WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass
                          AND d.objid = n.oid AND d.deptype = 'e')
  LOOP EXECUTE statement; END LOOP;
  -- named before any is dropped: one drop takes others with it
  SELECT array_agg(format('DROP %s IF EXISTS %s CASCADE', i.type, i.identity)) INTO statements
    FROM ({_in_public()}) o, pg_identify_object(o.classid, o.objid, 0) i
   WHERE NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e');
  FOREACH statement IN ARRAY coalesce(statements, '{{}}') LOOP EXECUTE statement; END LOOP;
  PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
END
$clear$;
"""
