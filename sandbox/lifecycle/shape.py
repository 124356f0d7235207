"""What a database is made of, as facts that two servers tell alike: a kind, a name and a number each."""

# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal, or %I and %L

from __future__ import annotations

from sandbox.lifecycle.programs import sql

OWNERS = " ".join(sql("owners").split())  # a query: the roles whose objects are the owner's


def _relations(owners: str) -> str:
    """A query of what travels: nothing of a stranger's, of the system's, of an extension's, or temporary.

    A table with a name of Dolibarr's is Dolibarr's, whoever made it.
    """
    return f"""SELECT c.oid, c.relkind, n.nspname, c.relname, format('%s.%s', n.nspname, c.relname) AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'
AND NOT EXISTS (SELECT FROM pg_depend d
 WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
AND (relowner IN ({owners})
 OR nspname = 'public' AND starts_with(relname, 'llx_') AND relkind IN ('r', 'p', 'S'))
"""


RELATIONS = _relations(OWNERS)

# kinds whose number says something to people
COUNTED = "('columns', 'not null', 'rows', 'sequence', 'large objects', 'relation')"


def _ours(catalog: str, namespace: str, alias: str, owner: str) -> str:
    """A condition: the owner's, and neither the system's nor an extension's."""
    return f"""{owner} IN (SELECT oid FROM owners)
   AND {namespace} !~ '^pg_' AND {namespace} <> 'information_schema'
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = '{catalog}'::regclass AND d.objid = {alias}.oid AND d.deptype = 'e')"""


def facts(*, exact: bool) -> str:
    """A query: all that a copy must have in common with prod, but for its rows and positions.

    Args:
        exact: definitions too; False when servers of different versions write them in different ways.
    """

    def told(*texts: str) -> str:
        if not exact:
            return "1"
        # a definition that was dumped and restored may have its casts and parentheses elsewhere
        text = f"concat_ws(' ', {', '.join(texts)})"
        bare = f"""regexp_replace({text}, '::[a-z_ ."]+(\\(\\d+(,\\d+)?\\))?(\\[\\])*|[()\\s]', '', 'g')"""
        return f"hashtextextended({bare}, 0)"

    options = "(SELECT string_agg(o, ',' ORDER BY o) FROM unnest(c.reloptions || t.reloptions) o)"
    labels = "(SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)"
    # NOT NULL constraints have rows of their own only since PostgreSQL 18: they are counted as columns' facts
    return f"""
WITH owners AS ({OWNERS}), relations AS ({_relations("SELECT oid FROM owners")}), columns AS (
  SELECT a.*, r.name, r.relkind, format('%s of %s', a.attname, r.name) AS own
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid
   WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'p', 'f', 'v', 'm'))
SELECT 'columns' AS kind, name, count(*) AS value FROM columns GROUP BY name
UNION ALL
SELECT 'not null', name, count(*) FROM columns WHERE attnotnull AND relkind IN ('r', 'p') GROUP BY name
UNION ALL
SELECT 'column', own, {told("format_type(atttypid, atttypmod)", "attidentity", "attgenerated", "collname")}
  FROM columns LEFT JOIN pg_collation l ON l.oid = attcollation
UNION ALL
SELECT 'default', own, {told("pg_get_expr(d.adbin, d.adrelid)")}
  FROM columns JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum
UNION ALL
SELECT 'relation', format('%s %s', r.relkind, r.name), 1 FROM relations r
 WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
UNION ALL
SELECT 'options', r.name, {told(options)}
  FROM relations r JOIN pg_class c USING (oid) LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
 WHERE r.relkind IN ('r', 'v', 'm') AND (c.reloptions IS NOT NULL OR t.reloptions IS NOT NULL)
UNION ALL
SELECT 'sequence definition', r.name, {
        told(
            "format_type(q.seqtypid, NULL)",
            "q.seqstart",
            "q.seqincrement",
            "q.seqmin",
            "q.seqmax",
            "q.seqcycle",
        )
    }
  FROM relations r JOIN pg_sequence q ON q.seqrelid = r.oid
UNION ALL
SELECT 'index', format('%s on %s', x.relname, r.name), {told("pg_get_indexdef(i.indexrelid)")}
  FROM relations r JOIN pg_index i ON i.indrelid = r.oid JOIN pg_class x ON x.oid = i.indexrelid
 WHERE r.relkind IN ('r', 'p', 'm') AND (i.indisvalid OR r.relkind = 'p')
UNION ALL
SELECT 'constraint', format('%s on %s', k.conname, r.name),
       {told("pg_get_constraintdef(k.oid)", "k.convalidated")}
  FROM relations r JOIN pg_constraint k ON k.conrelid = r.oid
 WHERE k.contype IN ('p', 'u', 'f', 'c', 'x') AND k.conparentid = 0
UNION ALL
SELECT 'trigger', format('%s on %s', t.tgname, r.name), {told("t.tgenabled", "pg_get_triggerdef(t.oid)")}
  FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal AND t.tgparentid = 0
UNION ALL
SELECT 'rule', format('%s on %s', w.rulename, r.name), ascii(w.ev_enabled::text) FROM relations r
  JOIN pg_rewrite w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', format('%s on %s', p.polname, r.name), ascii(p.polcmd::text) FROM relations r
  JOIN pg_policy p ON p.polrelid = r.oid
UNION ALL
SELECT 'row security', r.name, 1 FROM relations r JOIN pg_class c ON c.oid = r.oid WHERE c.relrowsecurity
UNION ALL
SELECT 'function', format('%s.%s(%s)', n.nspname, f.proname, pg_get_function_identity_arguments(f.oid)),
       {told("f.prosrc", "f.provolatile", "f.prosecdef")}
  FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
 WHERE {_ours("pg_proc", "n.nspname", "f", "proowner")}
UNION ALL
SELECT 'type', format('%s %s.%s', t.typtype, n.nspname, t.typname), {
        told(
            "format_type(t.typbasetype, t.typtypmod)",
            "t.typnotnull",
            "t.typdefault",
            labels,
        )
    }
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE t.typtype IN ('e', 'd') AND {_ours("pg_type", "n.nspname", "t", "typowner")}
UNION ALL
SELECT 'comment', format('%s %s', i.type, i.identity), hashtextextended(description, 0)
  FROM (SELECT d.* FROM pg_description d
    LEFT JOIN pg_index x ON classoid = 'pg_class'::regclass AND indexrelid = objoid
    LEFT JOIN pg_constraint k ON classoid = 'pg_constraint'::regclass AND k.oid = objoid
    LEFT JOIN pg_trigger g ON classoid = 'pg_trigger'::regclass AND g.oid = objoid
    LEFT JOIN pg_proc f ON classoid = 'pg_proc'::regclass AND f.oid = objoid
    LEFT JOIN pg_type t ON classoid = 'pg_type'::regclass AND t.oid = objoid
    LEFT JOIN pg_namespace n ON n.oid = coalesce(pronamespace, typnamespace)
   WHERE objoid >= 16384 AND (coalesce(indrelid, nullif(conrelid, 0), tgrelid,
       CASE classoid WHEN 'pg_class'::regclass THEN objoid END) IN (SELECT oid FROM relations)
     OR {_ours("pg_proc", "n.nspname", "f", "proowner")} OR {_ours("pg_type", "n.nspname", "t", "typowner")})
   OFFSET 0) d, pg_identify_object(classoid, objoid, objsubid) i
UNION ALL
SELECT 'large objects', 'all', count(*) FROM pg_largeobject_metadata
 WHERE lomowner IN (SELECT oid FROM owners)
"""
