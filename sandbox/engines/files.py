"""A ledger of files in one folder: the lock is the kernel's and dies with its holder."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox import jsonfile
from sandbox.engines.ledger import CONTENT, JOURNAL, LAST, Desk, Page, Taken
from sandbox.printable import typed
from sandbox.shell import Runner

LOCK = "lock"
_PATIENCE = 0.5  # seconds; a `status` holds the lock for microseconds while it looks


@dataclass(frozen=True)
class FileLedger:
    """The ledger in a state folder of this machine."""

    folder: Path

    @property
    def where(self) -> str:
        """The journal's file."""
        return str(self._path(JOURNAL))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def read(self, name: str) -> Page | None:
        """A page; None when there is none.

        Raises:
            Damaged: there is one that cannot be read.
        """
        return jsonfile.read(self._path(name))

    @property
    def aside(self) -> str:
        """The command that sets the journal aside."""
        return f"mv -- {typed(self.where)} {typed(f'{self.where}.damaged')}"

    def write(self, name: str, page: Page) -> None:
        """Write a page; on disk before this returns.

        Raises:
            Failed: it cannot be written; the one that was there stays.
        """
        jsonfile.replace(self._path(name), page)

    def remove(self, name: str) -> None:
        """Remove a page, and what a killed run left of writing any."""
        self._path(name).unlink(missing_ok=True)
        for half in (JOURNAL, LAST, CONTENT):
            Path(f"{self._path(half)}.new").unlink(missing_ok=True)

    def guarded(self, runner: Runner) -> Runner:
        """The runner itself: the kernel's lock is not lost while its holder lives."""
        return runner

    @contextmanager
    def hold(self, who: Page) -> Iterator[Desk]:
        """Hold the lock.

        Raises:
            Taken: another process holds it.
            Failed: its file cannot be written.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / LOCK
        file = _locked(path)
        try:
            with jsonfile.writing(path):
                os.ftruncate(file, 0)
                os.write(file, json.dumps(who).encode())
            yield self
        finally:
            path.unlink(missing_ok=True)  # while it is held: nobody can take a file that is about to go
            os.close(file)

    def holder(self) -> Page | None:
        """Who holds the lock at this moment; reads only."""
        try:
            file = os.open(self.folder / LOCK, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _said(self.folder / LOCK) or {}
        else:
            return None
        finally:
            os.close(file)


def _said(path: Path) -> Page | None:
    """What the lock's holder says of itself; None while it does not."""
    try:
        return jsonfile.read(path)
    except jsonfile.Damaged:
        return None


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
                raise Taken(_said(path)) from None
            time.sleep(0.02)
        os.close(file)
