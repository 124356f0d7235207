"""One lab's folder: where each of its files is, and how they are written."""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.errors import Busy, Refused
from sandbox.guard import MARK
from sandbox.lab import folder_of, read_state
from sandbox.privatefile import replace as write_private

Say = Callable[[str], None]
_PATIENCE = 180.0  # seconds that a second run waits for the first one


@dataclass(frozen=True)
class Folder:
    """The paths of one lab."""

    root: Path

    @property
    def path(self) -> Path:
        """The lab's folder itself, mode 700."""
        return folder_of(self.root)

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder, which belongs to the user that PostgreSQL runs as."""
        return self.path / "postgres"

    @property
    def passwords(self) -> Path:
        """The roles' passwords, in libpq's pgpass format."""
        return self.path / "pgpass"

    @property
    def postgres_log(self) -> Path:
        """What PostgreSQL logs."""
        return self.path / "postgres.log"

    @property
    def erp_config(self) -> Path:
        """What the stand-in ERP is started with."""
        return self.path / "erp.json"

    @property
    def erp_log(self) -> Path:
        """What the ERP logs."""
        return self.path / "erp.log"

    @property
    def dolibarr(self) -> Path:
        """The copy of a real Dolibarr, in a lab that has one."""
        return self.path / "dolibarr"

    @property
    def credentials(self) -> Path:
        """The lab's own copy of the administrator's login and password."""
        return self.path / "credentials.env"

    def documents(self, side: str) -> Path:
        """The documents folder of a side."""
        return self.path / side / "documents"

    def make(self) -> None:
        """Create the folder, closed to others, ignored by git and marked as a lab's.

        Raises:
            Refused: something else is there.
        """
        self.refuse_foreign()
        fresh = not self.path.exists() or not any(self.path.iterdir())
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if fresh:
            write_private(self.path / MARK, '{"lab": true}\n')
        ignore = self.path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")

    def refuse_foreign(self, *, marked: bool = False) -> None:
        """Refuse a folder in which no lab of ours is.

        Args:
            marked: what an older version made does not do: something is about to be removed.

        Raises:
            Refused: it is a link, or has something in it that no `lab.up` made.
        """
        path, mark = self.path, self.path / MARK
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise Refused(f"{path} is no folder of its own", "remove it, then run: inv lab.up")
        if not path.exists() or not any(path.iterdir()) or (mark.is_file() and not mark.is_symlink()):
            return
        if marked or not (path / "lab.json").is_file():
            raise Refused(f"{path} carries no mark of inv lab.up, and is left alone", "move or remove it")

    def state(self) -> dict[str, Any]:
        """What `lab.json` says, empty when there is none."""
        return read_state(self.path)

    def write_state(self, state: dict[str, Any]) -> None:
        """Replace `lab.json` atomically."""
        write_private(self.path / "lab.json", json.dumps(state, indent=2) + "\n")

    @contextlib.contextmanager
    def lock(self, say: Say) -> Iterator[None]:
        """Hold the lab against other runs of up and down; a run that died holds nothing.

        Raises:
            Busy: another run held it for minutes.
        """
        with (self.path / "lock").open("w") as handle:
            until = time.monotonic() + _PATIENCE
            told = False
            while not _locked(handle.fileno()):
                if time.monotonic() > until:
                    raise Busy(
                        f"another run holds the lab in {self.path}", "wait for it, then run this again"
                    )
                if not told:
                    say("waiting for another run on this lab")
                told = True
                time.sleep(0.1)
            yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
