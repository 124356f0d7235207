"""What is in progress, so that any later command can see it and undo it; and who holds the sandbox.

The journal is written before each effect and removed when nothing is left to undo. Where both are kept is
the engine's to say: files of this machine, or an object of the cluster that every machine sees.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.engines import ledger_for
from sandbox.engines.files import LOCK, FileLedger
from sandbox.engines.ledger import JOURNAL as PAGE
from sandbox.engines.ledger import LAST as LAST_PAGE
from sandbox.engines.ledger import Desk, Ledger, Taken, readable
from sandbox.errors import Busy, Failed, Interrupted, SandboxError
from sandbox.jsonfile import Damaged
from sandbox.places import here
from sandbox.settings import Settings
from sandbox.shell import Runner
from sandbox.typed import NotTyped, typed
from sandbox.unexpected import explaining

JOURNAL, LAST = f"{PAGE}.json", f"{LAST_PAGE}.json"  # the files, where they are files
# the next step where another run, of whatever folder or machine, is in the way
ELSEWHERE = "wait until it ends; should it be dead, put it right from its own folder or machine: inv recover"
__all__ = ["JOURNAL", "LAST", "LOCK"]


@dataclass(frozen=True)
class Holder:
    """Who runs, or ran, and since when."""

    run: str
    pid: int
    host: str
    user: str
    since: str  # ISO 8601, UTC
    place: str = ""  # where the process id means something; see `places.here`

    def __str__(self) -> str:
        return f"{self.user}@{self.host}, process {self.pid}, since {self.since}"


@dataclass(frozen=True)
class Journal:
    """What a run is about to do, written before it does it."""

    holder: Holder
    strategy: str  # swap, in-place or script; of checkpoints: save, rewind or forget
    phase: str
    database: str = ""  # name@host:port of the sandbox's
    next: str = ""
    old: str = ""
    documents: str = ""  # the live folder, when this run replaces it
    beside: bool = True  # its copy is made next to it, not inside it
    paused: bool = False  # the application is, or is about to be, paused; it ran before
    pause: dict[str, Any] = field(default_factory=dict)  # the exact state to return to, the engine's words
    oid: int = 0  # the database that a rewind is to replace
    checkpoint: str = ""  # the name of the one that is saved, rewound to or forgotten

    @property
    def run(self) -> str:
        """The run's id."""
        return self.holder.run


@dataclass(frozen=True)
class Look:
    """What the ledger says about this sandbox, as `status` shows it."""

    running: dict[str, Any] | None
    interrupted: dict[str, Any] | None
    last_refresh: dict[str, Any] | None
    problem: str | None = None  # why it could not be read


def now() -> str:
    """The time, ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def holder(run: str) -> Holder:
    """This process, as the holder of `run`."""
    return Holder(run, os.getpid(), socket.gethostname(), _user(), now(), here())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())


class Book:
    """The journal of one run; only the ledger's holder has one.

    Args:
        at: the ledger's pages, or the folder of a ledger of files.
    """

    def __init__(self, at: Desk | Path) -> None:
        self.desk: Desk = FileLedger(at) if isinstance(at, Path) else at
        self.page: Journal | None = None

    def write(self, page: Journal) -> None:
        """Write the journal; it outlives us when this returns."""
        self.desk.write(PAGE, asdict(page))
        self.page = page

    def turn(self, phase: str, **changes: Any) -> None:
        """Write the next phase of a journal that was begun."""
        if self.page is None:
            raise Failed("a phase was written before its journal was begun")
        self.write(replace(self.page, phase=phase, **changes))

    def clear(self) -> None:
        """Remove the journal: nothing is left to undo."""
        self.desk.remove(PAGE)
        self.page = None

    def record(self, last: dict[str, Any]) -> None:
        """Write what `status` shows of the last refresh."""
        self.desk.write(LAST_PAGE, last)


def _ledger(at: Ledger | Path) -> Ledger:
    return FileLedger(at) if isinstance(at, Path) else at


@contextmanager
def held(at: Ledger | Path, run: str) -> Iterator[Book]:
    """Hold the sandbox.

    Args:
        at: its ledger, or the folder of a ledger of files.
        run: whose work it is.

    Raises:
        Busy: another run holds it; the message says who.
    """
    with ExitStack() as stack:
        try:
            desk = stack.enter_context(_ledger(at).hold(asdict(holder(run))))
        except Taken as taken:
            raise _busy(taken.holder) from None
        yield Book(desk)


def _busy(who: dict[str, Any] | None) -> Busy:
    return Busy(
        f"another run holds this sandbox: {_holder(who) if who else 'it just began'}",
        "wait until it ends, or end that process",
    )


def busy(at: Ledger | Path) -> Busy:
    """The error that names who holds the sandbox."""
    return _busy(_ledger(at).holder())


def active(at: Ledger | Path) -> Holder | None:
    """Who holds the sandbox at this moment; reads only."""
    found = _ledger(at).holder()
    return None if found is None else _holder(found)


def _holder(said: dict[str, Any]) -> Holder:
    """Who a holder says it is; question marks where that cannot be read."""
    try:
        return typed(Holder, said)
    except NotTyped:
        return Holder("?", 0, "?", "?", "?")


def left(at: Desk | Ledger | Path) -> Journal | None:
    """The journal, whoever wrote it; whether it can be true is not looked at (see `believe`).

    Raises:
        Interrupted: it cannot be read: damaged, or of another version.
    """
    desk = FileLedger(at) if isinstance(at, Path) else at
    try:
        found = desk.read(PAGE)
        return None if found is None else typed(Journal, found)
    except (Damaged, NotTyped) as error:
        raise not_believed(desk, f"cannot be read, or is of another version: {error}") from None


def not_believed(desk: Desk | Ledger, why: str) -> Interrupted:
    """The error that a run was cut off whose journal cannot be acted on.

    Args:
        desk: where the journal is.
        why: what is wrong with it, in words that follow its place.
    """
    return Interrupted(
        f"a run was interrupted, and its journal, {desk.where}, {why}; nothing was touched",
        f"look at it, then set it aside and have the rest put back: {desk.aside} && inv recover",
    )


def interrupted(settings: Settings, runner: Runner | None = None) -> Journal | None:
    """The journal of a run that was cut off; None when there is none or a run is going on. Reads only."""
    ledger = ledger_for(settings, runner)
    return None if active(ledger) else left(ledger)


def look(settings: Settings, runner: Runner | None = None) -> Look:
    """What the ledger says: who runs, what was interrupted, when the last refresh was.

    A ledger that cannot be read is told as a problem.
    """
    ledger = ledger_for(settings, runner)
    try:
        with explaining():
            who = active(ledger)
            told = None if who else _interrupted(ledger)
            last = readable(ledger, LAST_PAGE)
    except SandboxError as error:
        if settings.cluster is None:
            raise
        return Look(None, None, None, error.what)
    return Look(asdict(who) if who else None, told, last)


def _interrupted(ledger: Ledger) -> dict[str, Any] | None:
    """What was interrupted, for `status`; of a journal that cannot be read only why."""
    try:
        cut = left(ledger)
    except Interrupted as error:
        return {"run": "", "problem": error.what}
    return {"run": cut.run, **asdict(cut), "problem": ""} if cut else None
