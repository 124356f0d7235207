"""How the reports about checkpoints read as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sandbox.console import Row, age, plural, size
from sandbox.printable import printable

if TYPE_CHECKING:
    from sandbox.lifecycle.changes import RowDiff, TableDiff
    from sandbox.lifecycle.checkpoint import SaveReport
    from sandbox.lifecycle.checkpoints import ForgetReport, Listed, ShelfReport
    from sandbox.lifecycle.diff import DiffReport
    from sandbox.lifecycle.rewind import RewindReport


def save(done: SaveReport) -> Iterator[Row]:
    """What `save` kept."""
    if done.dry:
        yield "dry run", f"would save {done.checkpoint}"
        return
    yield "database", size(done.database_bytes)
    yield "documents", _documents(done.documents) if done.documents else "none are configured"
    yield "agent", _armed(done.armed)
    yield "took", f"{done.seconds:.1f} s{', replaced an older one' if done.replaced else ''}"
    yield from (("warning", line) for line in done.warnings)
    flag = "" if done.checkpoint == "baseline" else f" --name {done.checkpoint}"
    yield "next", f"rehearse, then: inv diff{flag}; inv rewind{flag} --yes"


def _documents(kept: dict[str, int]) -> str:
    return f"{plural(kept['files'], 'file')}, {size(kept['bytes'])}"


def _armed(armed: bool | None) -> str:
    return {True: "armed", False: "not armed", None: "not known whether armed"}[armed]


def rewind(done: RewindReport) -> Iterator[Row]:
    """What `rewind` did."""
    if done.dry:
        yield "dry run", f"would rewind to {done.checkpoint}"
        return
    yield "saved", done.saved
    yield "database", size(done.database_bytes)
    yield "documents", _documents(done.documents) if done.documents else "left as they were"
    yield "agent", done.agent
    yield "took", f"{done.seconds:.1f} s, unavailable for {done.unavailable_ms} ms"
    for warning in done.warnings:
        yield "warning", warning
    if done.next_step:
        yield "next", done.next_step


def checkpoints(seen: ShelfReport) -> Iterator[Row]:
    """What `checkpoints` found."""
    for one in seen.checkpoints:
        yield one.name, _checkpoint(one)
    if not seen.checkpoints:
        yield "none", "inv save makes one, and so does inv reset"
    for name in seen.unfinished:
        yield "unfinished", f"{name}  (next: inv recover)"


def _checkpoint(one: Listed) -> str:
    words = [f"{age(one.age_seconds)} old", size(one.database_bytes)]
    if one.documents_files:
        words.append(f"{plural(one.documents_files, 'document')} of {size(one.documents_bytes)}")
    words.append(_armed(one.armed))
    words += [f"Dolibarr {one.dolibarr}"] if one.dolibarr else []
    words.append("of this refresh" if one.of_this_refresh else f"of an earlier refresh ({one.refresh})")
    return ", ".join(words)


def forget(done: ForgetReport) -> Iterator[Row]:
    """What `forget` removed."""
    if done.dry:
        yield "dry run", f"would forget {done.checkpoint}"
        return
    yield "freed", f"{size(done.database_bytes)}, documents {size(done.documents_bytes)}"
    yield from (("warning", line) for line in done.warnings)


def diff(found: DiffReport, *, rows: bool) -> Iterator[Row]:
    """What `diff` found."""
    for table in found.tables:
        yield table.table, _table(table)
        for row in table.rows or () if rows else ():
            yield "", _row(row)
    files = found.documents
    for word, paths in (
        (("added", files.added), ("changed", files.changed), ("removed", files.removed)) if files else ()
    ):
        if paths:
            yield "documents", f"{len(paths):,} {word}: {_some(list(paths), None if rows else 3)}"
    if not found.different:
        yield "same", "every row and every document is what it was"
    for note in found.notes:
        yield "note", note
    told = f"{found.compared['read']} of {plural(found.compared['tables'], 'table')} read"
    why = f": {found.compared['note']}" if found.compared["note"] else ""
    yield "took", f"{found.seconds:.1f} s, {told}{why}"


def _table(table: TableDiff) -> str:
    counts = (("inserted", table.inserted), ("changed", table.changed), ("deleted", table.deleted))
    words = [f"{count:,} {kind}" for kind, count in counts if count]
    words += [f"the table is {table.state}"] if table.state != "kept" else []
    words += [f"column {name} added" for name in table.columns_added]
    words += [f"column {name} dropped" for name in table.columns_dropped]
    return ", ".join(words)


def _row(row: RowDiff) -> str:
    key = " ".join(f"{name}={_brief(value)}" for name, value in (row.key or {}).items())
    if row.kind == "changed":
        before, after = row.before or {}, row.after or {}
        columns = (f"{name}: {_brief(before.get(name))} -> {_brief(value)}" for name, value in after.items())
        return f"{key} changed  {'; '.join(columns)}"
    return f"{key} {row.kind}  {_brief(row.title) if row.title else ''}".strip()


def _brief(value: object) -> str:
    text = "null" if value is None else printable(str(value))
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004


def _some(paths: list[str], most: int | None) -> str:
    more = f", and {len(paths) - most} more" if most is not None and len(paths) > most else ""
    return ", ".join(paths[:most]) + more
