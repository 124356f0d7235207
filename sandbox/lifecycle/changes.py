"""From row versions that only one side has to what happened: inserted, changed, deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.lifecycle.answers import Version
from sandbox.lifecycle.compare import Found
from sandbox.lifecycle.mask import Mask

# what a person calls a record by, in this order
_TITLES = ("ref", "nom", "name", "label", "login", "lastname", "code", "filename", "title", "description")


@dataclass(frozen=True)
class RowDiff:
    """One row; secrets are masked."""

    kind: str  # inserted, changed or deleted
    key: dict[str, Any] | None  # None: the table has no primary key
    title: str  # what a person calls the record by; may be empty
    before: dict[str, Any] | None  # of a changed row only the columns that changed
    after: dict[str, Any] | None


@dataclass(frozen=True)
class TableDiff:
    """One table; its rows only when they were asked for."""

    table: str
    state: str  # kept; or: new, dropped since the checkpoint
    inserted: int
    changed: int
    deleted: int
    columns_added: tuple[str, ...]
    columns_dropped: tuple[str, ...]
    rows: tuple[RowDiff, ...] | None


def tables(found: Iterable[Found], mask: Mask, *, rows: bool) -> tuple[TableDiff, ...]:
    """The tables in which something differs."""
    each = (_table(one, mask, rows=rows) for one in found)
    return tuple(one for one in each if one is not None)


def _table(found: Found, mask: Mask, *, rows: bool) -> TableDiff | None:
    pair = found.pair
    events = list(_keyed(found) if pair.key else _unkeyed(found))
    ours, theirs = (set(side.columns) if side else set() for side in (pair.live, pair.kept))
    both = pair.live is not None and pair.kept is not None
    added, dropped = (tuple(sorted(more)) if both else () for more in (ours - theirs, theirs - ours))
    state = "kept" if both else "dropped" if pair.live is None else "new"
    if not events and not added and not dropped and both:
        return None
    count = Counter(kind for kind, _, _ in events)
    return TableDiff(
        table=pair.name,
        state=state,
        inserted=count["inserted"],
        changed=count["changed"],
        deleted=count["deleted"],
        columns_added=added,
        columns_dropped=dropped,
        rows=tuple(sorted((_row(pair.key, mask, *event) for event in events), key=_order)) if rows else None,
    )


_Event = tuple[str, Version | None, Version | None]


def _keyed(found: Found) -> Iterator[_Event]:
    """Rows that share a key are one row."""
    before = {version.key: version for version in found.kept}
    for after in found.live:
        old = before.pop(after.key, None)
        if old is None:
            yield "inserted", None, after
        elif old.digest != after.digest:
            yield "changed", old, after
    for old in before.values():
        yield "deleted", old, None


def _unkeyed(found: Found) -> Iterator[_Event]:
    """Without a key, a row is its content: as often as one side has it more often, it came or went."""
    more = Counter(version.digest for version in found.live)
    more.subtract(version.digest for version in found.kept)
    for kind, versions, sign in (("inserted", found.live, 1), ("deleted", found.kept, -1)):
        for version in versions:
            if more[version.digest] * sign > 0:
                more[version.digest] -= sign
                yield (kind, None, version) if sign > 0 else (kind, version, None)


def _row(key: tuple[str, ...], mask: Mask, kind: str, old: Version | None, new: Version | None) -> RowDiff:
    before, after = (dict(version.content or {}) if version else {} for version in (old, new))
    whole = after or before
    old_shown, new_shown = mask.change(before, after)
    shown = mask.row(whole)
    title = next((str(shown[name]) for name in _TITLES if shown.get(name) not in (None, "")), "")
    if kind == "changed":
        # what differs in its text alone, such as json by its blanks, shows in no value: then all are told
        names = [n for n in {**before, **after} if before.get(n) != after.get(n)] or list(after)
        old_shown, new_shown = ({name: side.get(name) for name in names} for side in (old_shown, new_shown))
    return RowDiff(
        kind=kind,
        key={name: shown.get(name) for name in key} or None,
        title=title,
        before=old_shown if old else None,
        after=new_shown if new else None,
    )


def _order(row: RowDiff) -> tuple[list[tuple[bool, int, str]], str]:
    """By key, numbers as numbers."""
    values = list((row.key or row.after or row.before or {}).values())
    return [(not isinstance(v, int), v if isinstance(v, int) else 0, str(v)) for v in values], row.kind
