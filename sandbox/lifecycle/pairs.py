"""One table in the live database and in a checkpoint: what may differ, and by which way to find it exactly.

Three ways, from cheap to dear:

- A table is the same when the server's own change counters say that nothing was written to it, on either
  side, since one was a copy of the other. Counters are believed only while nothing can have been lost
  (see `copying.epoch`) and no session may hold counts back (see `facts.TRUST`).
- Where both sides are copies of one file, a row version never moves and never changes in place: what was
  written since carries a younger transaction number, so one look at the numbers finds every new version, and
  counting the old ones block by block finds the places where one is missing. No content is compared.
- Else both sides are digested in parts, and the rows of the parts that differ are compared one by one.

What these cannot see is a superuser's session that switches `track_counts` off for itself and then writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.lifecycle.facts import Facts, Table
from sandbox.lifecycle.shelf import Checkpoint, Origin

_COMPARABLE = 2**30  # transactions; twice as many, and an old number looks like a new one
_BLOCKS = 256  # of one part, when both are one file: 2 MB, some ten thousand rows
_PER_PART = 8  # blocks of one part, when rows are digested: some hundred rows


@dataclass(frozen=True)
class Pair:
    """One table on both sides; None where it is not there."""

    number: int
    live: Table | None
    kept: Table | None
    one_file: bool
    may_lack: bool  # of one file: an old row version may be gone
    parts: int

    @property
    def name(self) -> str:
        """As people write it."""
        return self.either.name

    @property
    def either(self) -> Table:
        """The side that is there; the live one, when both are."""
        found = self.live or self.kept
        assert found is not None  # noqa: S101  # one of them was found
        return found

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key's columns, when both sides have the same; else rows are a multiset."""
        keys = {table.key for table in (self.live, self.kept) if table is not None}
        return keys.pop() if len(keys) == 1 else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of both sides, by name."""
        return tuple(
            sorted({name for table in (self.live, self.kept) if table is not None for name in table.columns})
        )

    def side(self, kept: bool) -> Table | None:
        """One of the two."""
        return self.kept if kept else self.live

    @property
    def blocks(self) -> int:
        """Of one part."""
        return _BLOCKS


@dataclass(frozen=True)
class Choice:
    """What is to be compared, and why not less."""

    pairs: tuple[Pair, ...]
    skipped: Mapping[str, Table]  # unchanged, by the counters
    xid: int  # for pairs of one file
    why: str  # how unchanged tables were told, or why none was


def choose(one: Checkpoint, oid: int, live: Facts, kept: Facts, *, full: bool = False) -> Choice:
    """Tell which tables must be compared, and how.

    Args:
        one: the checkpoint.
        oid: the live database's.
        live: its facts.
        kept: the facts of the checkpoint's database.
        full: compare everything row by row, whatever could be known without.
    """
    origin = one.origins.get(str(oid))
    why = _distrust(origin, live, kept, full=full)
    related = origin is not None and live.types == kept.types and not full
    related = related and 0 <= live.xid - origin.xid < _COMPARABLE if origin else False
    found: list[Pair] = []
    skipped: dict[str, Table] = {}
    for name in sorted({*live.tables, *kept.tables}):
        ours, theirs = live.tables.get(name), kept.tables.get(name)
        same = related and _one_file(ours, theirs)
        written = None
        if ours is not None and origin is not None and same and not why:
            written = ours.counts.since(origin.counters.get(str(ours.oid)))
            if written.none:
                skipped[name] = ours
                continue
        lack = written is None or bool(written.updated or written.deleted)
        found.append(Pair(len(found), ours, theirs, same, lack, _parts(ours, theirs, same=same)))
    return Choice(tuple(found), skipped, origin.xid if origin and related else 0, why)


def _distrust(origin: Origin | None, live: Facts, kept: Facts, *, full: bool) -> str:
    """Why the change counters cannot be believed; empty when they can."""
    if full:
        return "asked to compare everything"
    if origin is None:
        return "the live database is no copy of this checkpoint, nor this one of it"
    if not live.epoch:
        return "the server's change counters cannot be trusted"
    if live.epoch != origin.epoch or live.reset != origin.reset or kept.reset:
        return "the server was started, configured or cut off since, which ends its change counters"
    if not live.settled:
        return "sessions are open that may not have told the server yet what they wrote"
    return ""


def _one_file(live: Table | None, kept: Table | None) -> bool:
    """Whether both were one file, and nobody wrote to the checkpoint's since as far as can be told."""
    if live is None or kept is None or not kept.counts.none:
        return False
    return (live.oid, live.file, live.shape) == (kept.oid, kept.file, kept.shape)


def _parts(live: Table | None, kept: Table | None, *, same: bool) -> int:
    blocks = max(table.blocks for table in (live, kept) if table is not None)
    if same:
        return -(-blocks // _BLOCKS)
    return 1 << max(0, min(16, (blocks // _PER_PART).bit_length()))
