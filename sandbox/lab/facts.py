"""What a database holds, exactly: a digest of every table's rows, every sequence's position, and the schema.

Written apart from what the refresh verifies itself by, so that neither can hide the other's mistake.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from sandbox.errors import Failed
from sandbox.lifecycle.neutralize import MARK, TABLES

SCHEMA = "(schema)"
MUTED = set(TABLES)  # tables that a refresh changes in its copy
_TRIES = 20
_USERS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_RELATIONS: LiteralString = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'S', 'm')
 ORDER BY 2, 3"""
_ROWS: LiteralString = "SELECT concat(count(*), ' ', sum(hashtextextended(t::text, 0)::numeric)) FROM {} t"
_POSITION: LiteralString = "SELECT concat(last_value, ' ', is_called) FROM {}"
_LINES: LiteralString = """
SELECT format('%s.%s: %s %s %s %s', a.attrelid::regclass, a.attname, row_number() OVER (
    PARTITION BY a.attrelid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod), a.attnotnull,
    pg_get_expr(d.adbin, d.adrelid)) AS line
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v', 'm', 'p') AND {users}
UNION ALL SELECT pg_get_indexdef(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'i' AND {users}
UNION ALL SELECT format('%s.%s: %s', o.conrelid::regclass, o.conname, pg_get_constraintdef(o.oid))
  FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace WHERE {users}
UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND {users}
UNION ALL SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.prokind IN ('f', 'p') AND {users}
UNION ALL SELECT format('%s: %s', c.oid::regclass, pg_get_viewdef(c.oid)) FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND {users}
UNION ALL SELECT format('%s: %s %s %s %s %s', s.seqrelid::regclass, format_type(s.seqtypid, NULL), s.seqstart,
    s.seqincrement, s.seqmax, s.seqcycle) FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {users}
"""


def contents(session: psycopg.Connection) -> dict[str, str]:
    """Digests by `schema.table`, and of the schema by `(schema)`; all as of one moment.

    Raises:
        Failed: the tables are replaced faster than they can be read.
    """
    for _ in range(_TRIES):
        try:
            with session.transaction():
                session.execute("SET LOCAL search_path = pg_catalog")
                relations = session.execute(_RELATIONS).fetchall()
                # one statement locks all of them before it takes its snapshot
                found = session.execute(_asked(relations)).fetchall()
                if session.execute(_RELATIONS).fetchall() == relations:
                    return {str(name): str(digest) for name, digest in found}
        except (psycopg.errors.UndefinedTable, psycopg.errors.InternalError):
            continue
    raise Failed("the tables are replaced again and again while they are read")


def _asked(relations: list[tuple[Any, ...]]) -> sql.Composed:
    lines = sql.SQL(_LINES).format(users=sql.SQL(_USERS))
    schema = sql.SQL("SELECT {}, md5(string_agg(line, chr(10) ORDER BY line)) FROM ({}) l")
    parts: list[sql.Composable] = [schema.format(sql.Literal(SCHEMA), lines)]
    for _, namespace, name, kind in relations:
        digest = sql.SQL(_POSITION if kind == "S" else _ROWS).format(sql.Identifier(namespace, name))
        parts.append(sql.SQL("SELECT {}, ({})").format(sql.Literal(f"{namespace}.{name}"), digest))
    return sql.SQL(" UNION ALL ").join(parts)


def unlike(one: dict[str, str], other: dict[str, str]) -> set[str]:
    """What differs between two databases, or is in one of them only."""
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


def but_muted(names: set[str]) -> set[str]:
    """Without the tables that a refresh changes in its copy, and their sequences."""
    return names - MUTED - {f"{table}_rowid_seq" for table in MUTED}


def mute(session: psycopg.Connection) -> bool:
    """Whether this copy of prod has no key of prod's and carries a sandbox's mark."""
    query: LiteralString = """SELECT NOT EXISTS (SELECT FROM public.llx_user WHERE api_key IS NOT NULL)
      AND EXISTS (SELECT FROM public.llx_const WHERE name = %s)
      AND EXISTS (SELECT FROM public.llx_const WHERE name = 'MAIN_DISABLE_ALL_MAILS' AND value = '1')"""
    row = session.execute(query, [MARK]).fetchone()
    return bool(row and row[0])
