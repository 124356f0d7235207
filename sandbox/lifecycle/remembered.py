"""What a refresh remembers of the copy that it verified, so that the next one need not read all of it again.

Of each larger table: its rows, and their content as it was compared with prod's; and of the server, which
transaction had not begun by then. A row version is written once and never changes, and nobody writes one in
the name of a transaction that is over. So a checkpoint's table with as many rows as before, all of them older
than that transaction, holds the very same rows; read by the very same columns, it has the very same content.
To look at their age costs a fraction of reading what they hold, and whatever was written since shows, whoever
wrote it.

It is believed of a checkpoint of that very refresh only: its run is in the copy, and random.
"""

# ruff: noqa: S608  # names reach SQL through %I and %L, or postgres.literal

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

from sandbox.lifecycle.content import FORM
from sandbox.lifecycle.shape import RELATIONS
from sandbox.lifecycle.verify import ACTUAL, EXPECTED, HORIZON
from sandbox.postgres import XID, literal
from sandbox.typed import typed

SMALL = 1000  # rows; a smaller table is sooner read than remembered
_MOST = 60  # tables, the largest: what is known of them may be kept in an object of the cluster
_COLUMNS = ("name", "oid", "shape", "rows", "content")  # of a table
_BIGINT = 2**63
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
    content: int  # see `content`


@dataclass(frozen=True)
class _Page:
    """A ledger's page."""

    run: str
    form: int
    xid: int
    horizon: int
    tables: tuple[list[Any], ...]


@dataclass(frozen=True)
class Remembered:
    """The larger tables of one refresh's copy."""

    run: str  # the refresh's
    xid: int  # the sandbox's server: what was looked at has smaller transaction numbers
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
            found = typed(_Page, page)
            tables = tuple(typed(Table, dict(zip(_COLUMNS, one, strict=True))) for one in found.tables)
            numbers = [
                found.xid,
                found.horizon,
                *(n for one in tables for n in (one.oid, one.shape, one.rows)),
            ]
            if found.form == FORM and all(abs(number) < _BIGINT for number in numbers):
                return cls(found.run, found.xid, found.horizon, tables)
        except ValueError:  # its values reach SQL as they are
            pass
        return cls.nothing()

    def page(self) -> dict[str, Any]:
        """For a ledger."""
        tables = [list(astuple(one)) for one in self.tables]
        return {"run": self.run, "form": FORM, "xid": self.xid, "horizon": self.horizon, "tables": tables}

    @property
    def names(self) -> str:
        """SQL: the tables' names, as an array."""
        return f"ARRAY[{', '.join(literal(one.name) for one in self.tables)}]::text[]"

    def believed(self) -> str:
        """A query of the sandbox's server: what of it can be believed there, as a table's columns."""
        rows = ", ".join(
            f"({literal(one.name)}, {one.oid}, {one.shape}, {one.rows}, {one.content})" for one in self.tables
        )
        near = f"{XID} - {self.xid} BETWEEN 0 AND {_FAR}"
        values = rows or "(NULL, 0, 0, 0, 0)"
        return (
            "SELECT name::text, oid::bigint, shape::bigint, rows::bigint, content::numeric"
            f" FROM (VALUES {values}) v (name, oid, shape, rows, content)"
            f" WHERE name IS NOT NULL AND {near}"
        )


def newer(xid: int) -> str:
    """SQL, a condition on a row `t`: it was written by this transaction or a later one.

    Rows have no epoch, and their smallest numbers a meaning of their own. The age is asked once for a
    statement: it grows with every transaction.
    """
    return f"age(t.xmin) <= (SELECT age('{max(xid % 2**32, 3)}'::xid))"


# SQL for the session that verified a copy: print what is to be remembered; `settled` was there before it read
TELL = f"""SELECT json_build_object('remembered', json_build_object('xid', :settled,
  'horizon', (SELECT min(low)::bigint FROM {EXPECTED} WHERE kind = '{HORIZON}'),
  'tables', coalesce(json_agg(json_build_array(name, oid::bigint, {SHAPE}, l.value, c.value)), '[]')))
  FROM (SELECT name, value FROM {ACTUAL} WHERE kind = 'rows' AND value >= {SMALL}
         ORDER BY value DESC, name LIMIT {_MOST}) l
  JOIN ({RELATIONS}) r USING (name) JOIN {ACTUAL} c USING (name)
 WHERE relkind = 'r' AND c.kind = 'content';
"""
