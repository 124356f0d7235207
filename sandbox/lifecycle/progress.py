"""How far a refresh is: what the console shows, and how it is read from its programs' own words."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TextIO, cast


@dataclass(frozen=True)
class Advance:
    """How far the copy is; bytes are prod's sizes on disk, bloat included, so read the counts first."""

    tables_done: int
    tables: int
    bytes_done: int
    bytes: int
    indexes_done: int
    indexes: int


class Progress(Protocol):
    """What is told while a refresh runs."""

    def stage(self, name: str) -> None:
        """A stage begins; in order: see `STAGES`."""

    def advance(self, now: Advance) -> None:
        """The copy went on."""

    def note(self, text: str) -> None:
        """Something worth a line, such as a warning or a line of the team's own script."""

    def ask(self, question: str) -> str | None:
        """What a person at the terminal answers; None where there is none."""


# of a swap; in-place also has pause and resume
STAGES = ("look", "copy", "verify", "documents", "neutralize", "swap", "clean")


class Silent:
    """Nobody watches."""

    def stage(self, name: str) -> None:
        """Say nothing."""

    def advance(self, now: Advance) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def ask(self, question: str) -> str | None:
        """Nobody answers."""
        del question
        return None


SNAPSHOT_TAKEN = "dolibarr-sandbox snapshot"  # a copy says so of prod's
UNWATCHED = "dolibarr-sandbox unwatched"  # … and when nobody looks any more who waits on prod
_TABLE = re.compile(r'processing data for table "(.*)"')
_DONE = re.compile(r"^dolibarr-sandbox table (.*)$")
_INDEX = re.compile(r"creating (?:INDEX|CONSTRAINT) ")
_STAGE = re.compile(r"^dolibarr-sandbox stage (\w+)$")


class Snapshot:
    """Whether prod's is taken, and how often, for whoever waits for it in another thread."""

    def __init__(self) -> None:
        self._decided, self.count = threading.Event(), 0

    def taken(self) -> None:
        """It is, or another is after it."""
        self.count += 1
        self._decided.set()

    def given_up(self) -> bool:
        """It is wanted no more; whether it was taken by then."""
        self._decided.set()
        return self.count > 0

    def wait(self) -> bool:
        """Wait until it is decided; whether it is taken."""
        self._decided.wait()
        return self.count > 0


class Watcher:
    """Takes the standard error of a copy, as `Context.run` writes it, and tells a `Progress`.

    Args:
        progress: whom to tell.
        tables: bytes by `schema.table`, as pg_restore names them.
        indexes: how many indexes there will be.
        snapshot: what to call when prod's snapshot is taken.
        unwatched: what to call when nobody looks any more who waits on prod.
    """

    def __init__(
        self,
        progress: Progress,
        tables: Mapping[str, int],
        indexes: int,
        *,
        snapshot: Callable[[], object],
        unwatched: Callable[[], object],
    ) -> None:
        self._progress, self._sizes, self._indexes = progress, tables, indexes
        self._snapshot, self._unwatched = snapshot, unwatched
        self._begun: dict[str, int] = {}
        self._indexes_done = 0
        self._rest = ""

    def write(self, text: str) -> int:
        """Take a piece of the output; lines may be cut anywhere."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._line(line)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    @property
    def stream(self) -> TextIO:
        """This object for `Context.run`, which asks for no more than `write` and `flush`."""
        return cast("TextIO", self)

    def _line(self, line: str) -> None:
        if line == SNAPSHOT_TAKEN:
            self._snapshot()
        elif line == UNWATCHED:
            self._unwatched()
        elif stage := _STAGE.match(line):
            self._progress.stage(stage[1])
        elif done := _DONE.match(line):
            self._begun[done[1]] = self._sizes.get(done[1], 0)
            self._tell(len(self._begun), sum(self._begun.values()))
        elif table := _TABLE.search(line):
            self._begun[table[1]] = self._sizes.get(table[1], 0)
            self._tell(len(self._begun) - 1, sum(self._begun.values()) - self._begun[table[1]])
        elif _INDEX.search(line):
            self._indexes_done = min(self._indexes_done + 1, self._indexes)
            self._tell(len(self._sizes), sum(self._sizes.values()))

    def _tell(self, tables: int, size: int) -> None:
        total = sum(self._sizes.values())
        now = Advance(tables, len(self._sizes), size, total, self._indexes_done, self._indexes)
        self._progress.advance(now)
