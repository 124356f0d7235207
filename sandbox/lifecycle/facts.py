"""What a database tells of its tables without reading them: shape, files, the server's change counters."""
# ruff: noqa: S608  # no value from outside reaches this SQL

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.engines import Engine
from sandbox.lifecycle import copying, verify
from sandbox.lifecycle.observe import ask
from sandbox.lifecycle.shape import RELATIONS
from sandbox.lifecycle.shelf import Origin
from sandbox.postgres import LOOKING, XID, Access, identifier
from sandbox.shell import Runner

# an idle session sends its counts to the server after 10 s at the latest, one that ends at once
_SETTLED = 15

SESSION = verify.SESSION + LOOKING
SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;\nSELECT 1 AS snapshot \\gset\n"
TABLES = f"SELECT * FROM ({RELATIONS}) r WHERE relkind IN ('r', 'm')"

# two tables with this in common store and print a row in the same way
_SHAPE = """md5(string_agg(concat_ws(':', attnum, attname, atttypid, atttypmod, attcollation, attgenerated,
  CASE WHEN attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END, attmissingval::text), ' '
  ORDER BY attnum))"""
_TYPES = """(SELECT md5(concat(
  (SELECT string_agg(concat_ws(':', enumtypid, enumlabel, enumsortorder), ' ' ORDER BY oid) FROM pg_enum),
  (SELECT string_agg(concat_ws(':', attrelid, attnum, attname, atttypid), ' ' ORDER BY attrelid, attnum)
     FROM pg_attribute WHERE attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'c')))))"""


@dataclass(frozen=True)
class Counts:
    """Rows inserted, updated and deleted since the server began to count, rolled back ones included."""

    inserted: int
    updated: int
    deleted: int

    def since(self, before: list[int] | None) -> Counts:
        """What was added since; every counter only grows while none is lost."""
        inserted, updated, deleted = before or (0, 0, 0)
        return Counts(self.inserted - inserted, self.updated - updated, self.deleted - deleted)

    @property
    def none(self) -> bool:
        """Whether nothing was written."""
        return not (self.inserted or self.updated or self.deleted)


@dataclass(frozen=True)
class Table:
    """One table, or materialized view, of one database."""

    name: str  # as people write it: without the schema public
    schema: str
    relation: str
    oid: int
    file: int  # changes when the table is emptied by TRUNCATE or written anew by VACUUM FULL and the like
    shape: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    blocks: int
    counts: Counts


@dataclass(frozen=True)
class Facts:
    """One database at one moment."""

    xid: int
    epoch: str  # empty: the counters cannot be trusted at all
    reset: str  # when this database's own counters were last reset; empty: never
    settled: bool  # no session may have counts that the server does not have yet
    types: str
    dolibarr: str | None  # its version, as the database tells it
    tables: Mapping[str, Table]
    sequences: Mapping[str, int | None]

    def origin(self, mark: str) -> Origin:
        """For a checkpoint: what a copy that is made after this may be compared by.

        Args:
            mark: of the documents.
        """
        counted = {
            str(table.oid): [table.counts.inserted, table.counts.updated, table.counts.deleted]
            for table in self.tables.values()
            if not table.counts.none
        }
        return Origin(self.xid, self.epoch, self.reset, counted, mark)


def look(engine: Engine, runner: Runner, access: Access, version: int) -> Facts:
    """Read one of the sandbox's databases.

    Args:
        engine: where it is.
        runner: what runs the commands.
        access: the way to it.
        version: the server's, such as 180003.

    Raises:
        SandboxError: it cannot be read.
    """
    told = ask(engine, runner, engine.settings.sandbox, access, script(version))
    return Facts(
        xid=told["xid"],
        epoch=told["epoch"],
        reset=told["reset"],
        settled=told["settled"],
        types=told["types"],
        dolibarr=told.get("dolibarr"),
        tables={table.name: table for table in map(_table, told["tables"])},
        sequences=told["sequences"],
    )


def _table(told: list[Any]) -> Table:
    schema, relation, oid, file, shape, columns, key, blocks, inserted, updated, deleted = told
    name = _part(relation) if schema == "public" else f"{_part(schema)}.{_part(relation)}"
    counts = Counts(inserted, updated, deleted)
    return Table(name, schema, relation, oid, file, shape or "", tuple(columns), tuple(key), blocks, counts)


def _part(name: str) -> str:
    """One part of a table's name, in quotes where two tables would have the same name without."""
    return identifier(name) if "." in name or name.startswith('"') else name


# the snapshot comes first, then who is connected, then the counters: whatever the snapshot sees was written
# by a session that is in the second or has its counts in the third
TRUST = f"""SELECT json_build_object('settled', NOT EXISTS (SELECT FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
    AND NOT coalesce(state = 'idle' AND state_change < clock_timestamp() - interval '{_SETTLED} s', false)));
"""


def state(version: int) -> str:
    """SQL: the transaction number, the types that tables may be made of, and the epoch."""
    reset = "SELECT extract(epoch FROM stats_reset) FROM pg_stat_database WHERE datname = current_database()"
    return f"""SELECT json_build_object('xid', {XID}, 'types', {_TYPES},
  'epoch', {copying.epoch(version)}, 'reset', coalesce(({reset})::text, ''));
"""


def script(version: int) -> str:
    """SQL for the database itself: all that `look` reads, in one snapshot."""
    return f"""{SESSION}{SNAPSHOT}{TRUST}{state(version)}
SELECT json_build_object('tables', coalesce(json_agg(json_build_array(nspname, relname, t.oid::bigint,
  pg_relation_filenode(t.oid)::bigint, c.shape, c.columns, coalesce(k.columns, '[]'),
  pg_relation_size(t.oid) / current_setting('block_size')::int,
  pg_stat_get_tuples_inserted(t.oid), pg_stat_get_tuples_updated(t.oid), pg_stat_get_tuples_deleted(t.oid))
  ORDER BY t.name), '[]'))
FROM ({TABLES}) t, LATERAL (SELECT {_SHAPE} AS shape,
    coalesce(json_agg(attname ORDER BY attnum), '[]') AS columns
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = t.oid AND attnum > 0 AND NOT attisdropped) c
LEFT JOIN LATERAL (SELECT json_agg(attname ORDER BY place) AS columns FROM pg_index i,
    unnest(i.indkey) WITH ORDINALITY u(number, place) JOIN pg_attribute a ON a.attnum = u.number
   WHERE i.indrelid = t.oid AND i.indisprimary AND a.attrelid = t.oid AND place <= i.indnkeyatts) k ON true;
SELECT json_build_object('sequences', coalesce(json_object_agg(concat(nullif(schemaname, 'public') || '.',
  sequencename), last_value), '{{}}')) FROM pg_sequences;
SELECT to_regclass('public.llx_const') IS NOT NULL AS dolibarr \\gset
\\if :dolibarr
SELECT json_build_object('dolibarr', (SELECT value FROM public.llx_const
 WHERE name IN ('MAIN_VERSION_LAST_UPGRADE', 'MAIN_VERSION_LAST_INSTALL') AND coalesce(value, '') <> ''
 ORDER BY name DESC, entity LIMIT 1));
\\endif
COMMIT;
"""
