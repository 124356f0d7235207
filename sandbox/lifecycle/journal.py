"""What is in progress, so that any later command can see it and undo it; and who holds the lock.

The lock is the kernel's and dies with its holder. The journal is written before each effect and removed
when nothing is left to undo.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox import jsonfile
from sandbox.errors import Busy, Failed
from sandbox.settings import Settings

LOCK, JOURNAL, LAST = "lock", "journal.json", "last-refresh.json"
_PATIENCE = 0.5  # seconds; a `status` holds the lock for microseconds while it looks


@dataclass(frozen=True)
class Holder:
    """Who runs, or ran, and since when."""

    run: str
    pid: int
    host: str
    user: str
    since: str  # ISO 8601, UTC

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
    oid: int = 0  # the database that a rewind is to replace
    checkpoint: str = ""  # the name of the one that is saved, rewound to or forgotten

    @property
    def run(self) -> str:
        """The run's id."""
        return self.holder.run


@dataclass(frozen=True)
class Look:
    """What the files say about this sandbox, as `status` shows it."""

    running: dict[str, Any] | None
    interrupted: dict[str, Any] | None
    last_refresh: dict[str, Any] | None


def new_run() -> str:
    """A run's id: when it began, and something that no other has."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def now() -> str:
    """The time, ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def holder(run: str) -> Holder:
    """This process, as the holder of `run`."""
    return Holder(run, os.getpid(), socket.gethostname(), _user(), now())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())


class Book:
    """The journal of one run; only the lock's holder has one.

    Args:
        state: the sandbox's state folder.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self.page: Journal | None = None

    def write(self, page: Journal) -> None:
        """Write the journal; on disk before this returns.

        Raises:
            Failed: it cannot be written; the one that was there stays.
        """
        jsonfile.replace(self.state / JOURNAL, asdict(page))
        self.page = page

    def turn(self, phase: str, **changes: Any) -> None:
        """Write the next phase of a journal that was begun."""
        if self.page is None:
            raise Failed("a phase was written before its journal was begun")
        self.write(replace(self.page, phase=phase, **changes))

    def clear(self) -> None:
        """Remove the journal: nothing is left to undo."""
        (self.state / JOURNAL).unlink(missing_ok=True)
        Path(f"{self.state / JOURNAL}.new").unlink(missing_ok=True)
        Path(f"{self.state / LAST}.new").unlink(missing_ok=True)
        self.page = None

    def record(self, last: dict[str, Any]) -> None:
        """Write what `status` shows of the last refresh."""
        jsonfile.replace(self.state / LAST, last)


@contextmanager
def held(state: Path, run: str) -> Iterator[Book]:
    """Hold the sandbox's lock.

    Raises:
        Busy: another run holds it; the message says who.
        Failed: its file cannot be written.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state / LOCK
    file = _locked(path)
    try:
        with jsonfile.writing(path):
            os.ftruncate(file, 0)
            os.write(file, json.dumps(asdict(holder(run))).encode())
        yield Book(state)
    finally:
        path.unlink(missing_ok=True)  # while it is held: nobody can take a file that is about to go
        os.close(file)


def _locked(path: Path) -> int:
    deadline = time.monotonic() + _PATIENCE
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file), path.stat()):
                return file
        except FileNotFoundError:
            pass  # its holder ended, and removed it, in between
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(file)
                raise busy(path.parent) from None
            time.sleep(0.02)
        os.close(file)


def busy(state: Path) -> Busy:
    """The error that names who holds the lock."""
    who = _holder(state)
    return Busy(
        f"another run holds this sandbox: {who or 'it just began'}", "wait until it ends, or end that process"
    )


def _holder(state: Path) -> Holder | None:
    found = jsonfile.read(state / LOCK)
    return Holder(**found) if found else None


def active(state: Path) -> Holder | None:
    """Who holds the lock at this moment; reads only."""
    try:
        file = os.open(state / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(state) or Holder("?", 0, "?", "?", "?")
    else:
        return None
    finally:
        os.close(file)


def left(state: Path) -> Journal | None:
    """The journal on disk, whoever wrote it.

    Raises:
        Failed: it cannot be read.
    """
    found = jsonfile.read(state / JOURNAL)
    if found is None:
        return None
    try:
        return Journal(**{**found, "holder": Holder(**found["holder"])})
    except (TypeError, KeyError):
        raise Failed(
            f"{state / JOURNAL} is of another version", "run recover with the version that wrote it"
        ) from None


def interrupted(settings: Settings) -> Journal | None:
    """The journal of a run that was cut off; None when there is none or a run is going on. Files only."""
    state = settings.files.state
    return None if active(state) else left(state)


def look(settings: Settings) -> Look:
    """What the files say: who runs, what was interrupted, when the last refresh was."""
    state = settings.files.state
    who = active(state)
    cut = None if who else left(state)
    told = {"run": cut.run, **asdict(cut)} if cut else None
    return Look(asdict(who) if who else None, told, jsonfile.read(state / LAST))
