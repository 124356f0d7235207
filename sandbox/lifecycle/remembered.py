"""What a refresh remembers of the copy that it verified, so that the next one need not read all of it again.

Of each larger table: its rows, their content as it was compared with prod's, and the versions of its rows
that hold them. A row version is written once and never changes, and no two of one server share transaction,
place and table. So a checkpoint's table that consists of the very same versions, read by the very same
columns, has the very same content. To look at them costs a fraction of reading what they hold, and whatever
was written since, by whomever, shows.

It is believed of a checkpoint of that very refresh only: its run is in the copy, and random.
"""

# ruff: noqa: S608  # names reach SQL through %I and %L, or postgres.literal

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

from sandbox.lifecycle import copying
from sandbox.lifecycle.content import VERSIONS, version_hash
from sandbox.lifecycle.shape import RELATIONS
from sandbox.lifecycle.verify import ACTUAL, EXPECTED, HORIZON
from sandbox.postgres import literal

SMALL = 1000  # rows; a smaller table is sooner read than remembered
_MOST = 40  # tables, the largest: what is known of them travels in a command line
_FAR = 2**30  # transactions; twice as many, and an old version's number could come again


# what tells how a table `r` is read: a column that was dropped and added again is another one
SHAPE = """(SELECT hashtextextended(string_agg(concat_ws(':', attnum, attname, atttypid, atttypmod,
    attcollation, attisdropped, attmissingval::text), ' ' ORDER BY attnum), 0)
  FROM pg_attribute WHERE attrelid = r.oid AND attnum > 0)"""


@dataclass(frozen=True)
class Table:
    """One table of the copy, once it was verified."""

    name: str  # schema.table
    oid: int
    shape: int  # see `SHAPE`
    rows: int
    versions: int  # the sum of their hashes
    content: int  # see `content`


@dataclass(frozen=True)
class Remembered:
    """The larger tables of one refresh's copy."""

    run: str  # the refresh's
    xid: int  # the sandbox's server, when it was looked at
    horizon: int  # what prod's snapshot did not see has no smaller transaction number there
    tables: tuple[Table, ...]

    @classmethod
    def nothing(cls) -> Remembered:
        """Nothing."""
        return cls("", 0, 0, ())

    @classmethod
    def told(cls, run: str, told: Mapping[str, Any]) -> Remembered:
        """What `tell` printed."""
        return cls(run, told["xid"], told["horizon"], tuple(Table(*one) for one in told["tables"]))

    @classmethod
    def read(cls, page: Mapping[str, Any] | None) -> Remembered:
        """A ledger's page; nothing when there is none, or another version of this program wrote it."""
        try:
            return cls.nothing() if page is None else cls.told(str(page["run"]), page)
        except (KeyError, TypeError):
            return cls.nothing()

    def page(self) -> dict[str, Any]:
        """For a ledger."""
        tables = [list(astuple(one)) for one in self.tables]
        return {"run": self.run, "xid": self.xid, "horizon": self.horizon, "tables": tables}

    @property
    def names(self) -> str:
        """SQL: the tables' names, as an array."""
        return f"ARRAY[{', '.join(literal(one.name) for one in self.tables)}]::text[]"

    def believed(self) -> str:
        """A query of the sandbox's server: what of it can be believed there, as a table's columns."""
        rows = ", ".join(
            f"({literal(one.name)}, {one.oid}, {one.shape}, {one.rows}, {one.versions}, {one.content})"
            for one in self.tables
        )
        near = f"{copying.XID} - {self.xid} BETWEEN 0 AND {_FAR}"
        values = rows or "(NULL, 0, 0, 0, 0, 0)"
        return (
            "SELECT name::text, oid::bigint, shape::bigint, rows::bigint, versions::numeric, content::numeric"
            f" FROM (VALUES {values}) v (name, oid, shape, rows, versions, content)"
            f" WHERE name IS NOT NULL AND {near}"
        )


def tell(version: int) -> str:
    """SQL for the session that verified a copy: print what is to be remembered.

    Args:
        version: the older server's, such as 180003.
    """
    return f"""DO $tell$
DECLARE query text;
BEGIN
  SELECT string_agg(format('SELECT %L AS name, sum({version_hash(version)}) AS versions FROM ONLY %I.%I t',
      name, nspname, relname), ' UNION ALL ') INTO query
    FROM ({_largest()}) l JOIN ({RELATIONS}) r USING (name)
   WHERE relkind = 'r' AND name NOT IN (SELECT name FROM {ACTUAL} WHERE kind = '{VERSIONS}');
  IF query IS NOT NULL THEN  -- an INSERT would not read in parallel
    EXECUTE 'CREATE TEMP TABLE dolibarr_sandbox_batch AS ' || query;
    INSERT INTO {ACTUAL} SELECT '{VERSIONS}', * FROM pg_temp.dolibarr_sandbox_batch;
  END IF;
END
$tell$;
SELECT json_build_object('remembered', json_build_object('xid', {copying.XID},
  'horizon', (SELECT min(low)::bigint FROM {EXPECTED} WHERE kind = '{HORIZON}'),
  'tables', coalesce(json_agg(
    json_build_array(name, oid::bigint, {SHAPE}, l.value, v.value, c.value)), '[]')))
  FROM ({_largest()}) l JOIN ({RELATIONS}) r USING (name)
  JOIN {ACTUAL} v USING (name) JOIN {ACTUAL} c USING (name)
 WHERE relkind = 'r' AND v.kind = '{VERSIONS}' AND c.kind = 'content';
"""


def _largest() -> str:
    """A query: the tables of the copy that are worth it, and their rows."""
    return f"""SELECT name, value FROM {ACTUAL} WHERE kind = 'rows' AND value >= {SMALL}
  ORDER BY value DESC, name LIMIT {_MOST}"""
