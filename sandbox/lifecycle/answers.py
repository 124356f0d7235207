"""What the comparing scripts printed, and what follows: which parts differ, and which rows are gone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import Failed
from sandbox.lifecycle.facts import Table
from sandbox.lifecycle.pairs import Choice, Pair
from sandbox.shell import lines

_DIGITS = 1000  # of a whole number; Python reads and prints a few thousand


class Moved(Exception):
    """The live database changed between two looks."""


class Unlike(Exception):
    """The checkpoint lacks what it must have: somebody wrote to it."""


@dataclass(frozen=True)
class Version:
    """A row on one side."""

    key: tuple[str, ...] | None  # as text; None: the table has no key that both sides share
    digest: str
    content: dict[str, Any] | None  # when rows were asked for


@dataclass
class Told:
    """What one script printed."""

    parts: dict[int, dict[str, Any]] = field(default_factory=dict)
    rows: dict[int, list[Version]] = field(default_factory=lambda: defaultdict(list))
    places: dict[int, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(dict))
    state: dict[str, Any] = field(default_factory=dict)


def read(output: str) -> Told:
    """What a script printed, line by line."""
    told = Told()
    for line in lines(output):
        if line.startswith("{"):
            told.state.update(json.loads(line))
        elif line.startswith("["):
            what, number, first, *rest = _parsed(line)
            if what == "parts":
                told.parts[number] = first
            elif what == "places":
                told.places[number][first] = rest[0]
            else:
                key = tuple(first) if first is not None else None
                told.rows[number].append(Version(key, *rest))
    return told


def _parsed(line: str) -> list[Any]:
    """A row; amounts keep the digits that the server prints, however many, and a zero its sign.

    Raises:
        Failed: a column of type json is deeper than this program can read.
    """
    try:
        found: list[Any] = json.loads(line, parse_float=str, parse_int=_whole)
    except RecursionError:
        raise Failed("a value of type json is too deep to be shown", "leave --rows and --html out") from None
    return found


def _whole(digits: str) -> int | str:
    return digits if digits == "-0" or len(digits) > _DIGITS else int(digits)


def check(choice: Choice, live: Told) -> None:
    """Whether, in the snapshot of the comparison, what was skipped is still what it was."""
    if not choice.skipped:
        return
    counts = live.state["counts"]
    known = {_qualified(table): table for table in choice.skipped.values()}
    same = all(counts.get(name) == [table.oid, table.file, *_numbers(table)] for name, table in known.items())
    others = {_qualified(pair.live) for pair in choice.pairs if pair.live is not None}
    if not live.state["settled"] or not same or set(counts) != {*known, *others}:
        raise Moved


def _qualified(table: Table) -> str:
    return f"{table.schema}.{table.relation}"


def _numbers(table: Table) -> tuple[int, int, int]:
    return table.counts.inserted, table.counts.updated, table.counts.deleted


def differing(pair: Pair, live: Told, kept: Told) -> list[str]:
    """The parts whose digests are not the same on both sides."""
    ours, theirs = live.parts.get(pair.number, {}), kept.parts.get(pair.number, {})
    return sorted((part for part in {*ours, *theirs} if ours.get(part) != theirs.get(part)), key=int)


def check_again(pair: Pair, before: Told, after: Told, unequal: Iterable[str]) -> None:
    """Whether the second look at the live side saw what the first one did.

    Of one file, old row versions can only go: as many as before are the same as before.
    """
    if pair.live is None:
        return
    first = before.parts.get(pair.number, {})
    for part in unequal:
        if pair.one_file:
            same = len(after.places[pair.number].get(part, [])) == first.get(part, 0)
        else:
            same = after.parts.get(pair.number, {}).get(part) == first.get(part)
        if not same:
            raise Moved


def missing(pair: Pair, live: Told, kept: Told) -> list[str]:
    """Where the checkpoint has a row version that the live side has not."""
    ours, theirs = (
        [place for places in side.places[pair.number].values() for place in places] for side in (live, kept)
    )
    there = set(ours)
    if not there <= set(theirs):
        raise Unlike
    return [place for place in theirs if place not in there]
