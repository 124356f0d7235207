"""A small sandbox with its checkpoints, and a comparison that reads everything, to check the quick one by."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from sandbox.lifecycle import checkpoint, checkpoints, diff, rewind
from sandbox.lifecycle.diff import DiffReport
from tests.worlds import PAGES, REPOSITORY, World, context

Rows = dict[str, dict[str, list[str]]]  # by table: the keys, or the rows themselves, by what happened


@dataclass
class Shelved(World):
    """A world whose sandbox is saved, changed, compared and rewound."""

    def save(self, name: str = "baseline", *, yes: bool = True, dry: bool = False) -> checkpoint.SaveReport:
        return checkpoint.save(self.settings(), context(dry=dry), name, yes=yes)

    def rewind(self, name: str = "baseline", *, yes: bool = True, dry: bool = False) -> rewind.RewindReport:
        return rewind.rewind(self.settings(), context(dry=dry), name, yes=yes)

    def diff(self, name: str = "baseline", *, rows: bool = True, full: bool = False) -> DiffReport:
        return diff.diff(self.settings(), context(), name, rows=rows, full=full)

    def forget(self, name: str, *, yes: bool = True) -> checkpoints.ForgetReport:
        return checkpoints.forget(self.settings(), context(), name, yes=yes)

    def shelf(self) -> list[str]:
        return [one.name for one in checkpoints.listed(self.settings(), context()).checkpoints]

    def kept(self, name: str = "baseline") -> str:
        return f"{self.sandbox}__cp_{name}"

    def change(self, *statements: str) -> None:
        """What an application does: a connection for each request."""
        for statement in statements:
            with self.session(self.sandbox, role="dolibarr_sandbox") as session:
                session.execute(statement.encode())

    def strays(self) -> list[str]:
        """All that no finished command may leave beside whole checkpoints."""
        names = set(self.shelf())
        databases = {"_prod", "_sbx"} | {f"_sbx__cp_{name}" for name in names}
        found = sorted(self.databases() - databases)
        beside = self.folder / "sandbox documents__cp"
        folders = [path.name for path in beside.iterdir()] if beside.exists() else []
        if len(folders) != len(names):
            found += folders
        found += [path.name for path in self.folder.iterdir() if path.name.endswith(("__next", "__old"))]
        if self.state.exists():
            found += [path.name for path in self.state.iterdir() if path.name not in PAGES]
        query = """SELECT application_name FROM pg_stat_activity
          WHERE application_name LIKE 'dolibarr-sandbox%%' AND starts_with(datname, %s)"""
        deadline = time.monotonic() + 5  # a session ends a little after its program
        while (sessions := self.rows("postgres", query, self.name)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found + [row[0] for row in sessions]

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a command in a process of its own; see `tests/checkpoint_driver.py`."""
        (self.folder / "settings.json").write_text(json.dumps(self.base))
        return subprocess.Popen(
            [sys.executable, "-m", "tests.checkpoint_driver", str(self.folder), *words],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def everything(self, database: str) -> dict[str, _Whole]:
        """All rows of all tables."""
        found = {}
        with self.session(database) as session:
            for schema, name, key in session.execute(_TABLES).fetchall():
                columns = sql.SQL(", ").join(
                    sql.SQL("t.{}::text").format(sql.Identifier(c)) for c in key or []
                )
                rows = session.execute(
                    sql.SQL(_ROWS).format(columns, sql.Identifier(schema), sql.Identifier(name))
                ).fetchall()
                found[name if schema == "public" else f"{schema}.{name}"] = _Whole(tuple(key or ()), rows)
        return found

    def brute(self, name: str = "baseline") -> Rows:
        """What differs, found by reading everything on both sides."""
        before, after = self.everything(self.kept(name)), self.everything(self.sandbox)
        found: Rows = {}
        for table in before.keys() | after.keys():
            old, new = before.get(table), after.get(table)
            events = _events(old or _Whole(new.key if new else ()), new or _Whole(old.key if old else ()))
            if told := {kind: keys for kind, keys in events.items() if keys}:
                found[table] = told
        return found


@dataclass
class _Whole:
    """A table: its primary key, and each row's key and content."""

    key: tuple[str, ...]
    rows: list[tuple[str, str]] = field(default_factory=list)


def _events(old: _Whole, new: _Whole) -> dict[str, list[str]]:
    if not old.key or old.key != new.key:
        before, after = (Counter(content for _, content in side.rows) for side in (old, new))
        return {
            "inserted": sorted((after - before).elements()),
            "deleted": sorted((before - after).elements()),
        }
    had, has = dict(old.rows), dict(new.rows)
    return {
        "inserted": sorted(has.keys() - had.keys()),
        "deleted": sorted(had.keys() - has.keys()),
        "changed": sorted(key for key in had.keys() & has.keys() if had[key] != has[key]),
    }


_ROWS = "SELECT json_build_array({})::text, jsonb_strip_nulls(to_jsonb(t.*))::text FROM {}.{} t"
_TABLES = """
SELECT n.nspname, c.relname, (SELECT array_agg(a.attname ORDER BY place) FROM pg_index i,
    unnest(i.indkey) WITH ORDINALITY u(number, place), pg_attribute a
   WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = u.number)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname !~ '^pg_|^information_schema$'
"""


def told(report: DiffReport) -> Rows:
    """What a report tells, in the form of `Shelved.brute`; rows without a key by their content."""
    found: Rows = {}
    for table in report.tables:
        events: dict[str, list[str]] = {}
        for row in table.rows or ():
            whole: dict[str, Any] = row.after or row.before or {}
            content = {name: value for name, value in whole.items() if value is not None}
            shown = (
                json.dumps([str(v) for v in row.key.values()])
                if row.key
                else json.dumps(content, sort_keys=True)
            )
            events.setdefault(row.kind, []).append(shown)
        counts = {kind: len(keys) for kind, keys in events.items()}
        assert counts.get("inserted", 0) == table.inserted
        assert counts.get("changed", 0) == table.changed
        assert counts.get("deleted", 0) == table.deleted
        if events:
            found[table.table] = events
    return found


def same(quick: Rows, slow: Rows) -> bool:
    """Whether both tell the same; JSON is compared as JSON."""
    return _plain(quick) == _plain(slow)


def _plain(rows: Rows) -> dict[str, dict[str, list[str]]]:
    return {
        table: {
            kind: sorted(json.dumps(_texts(json.loads(key)), sort_keys=True) for key in keys)
            for kind, keys in events.items()
        }
        for table, events in rows.items()
    }


def _texts(value: Any) -> Any:
    """Numbers as text: a report prints amounts with the server's own digits."""
    if isinstance(value, dict):
        return {name: _texts(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_texts(inner) for inner in value]
    return f"{float(value):g}" if isinstance(value, int | float) else _number(value)


def _number(value: Any) -> Any:
    try:
        return f"{float(value):g}"
    except (TypeError, ValueError):
        return value
