"""The guard before every rename and removal of a folder, and the mark of what may be replaced.

It runs where the folder is, right before the folder is touched: what was judged when a run began may be
another thing an hour later. Knows no engine.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import sysconfig
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from shlex import join, quote

from sandbox.errors import Refused

MARK = ".dolibarr-sandbox-mark"  # a file in each folder that a run of ours made or adopted
REFUSED = 93  # how a text ends whose guard refused
_LINE = re.compile(r"^dolibarr-sandbox guard: (\w+)\t([^\t\n]*)\t([^\n]*)$", re.MULTILINE)
_ADOPTABLE = ("unmarked", "another")


@dataclass(frozen=True)
class Mark:
    """What the mark in a folder says."""

    database: str  # the sandbox's, by name
    run: str  # the run that made or adopted the folder
    host: str = ""  # where that ran; empty: an older version did not tell
    pid: int = 0

    def text(self) -> str:
        """As it stands in the file."""
        return json.dumps(asdict(self))

    @property
    def begins(self) -> str:
        """How the text begins for each and every run of that database's sandbox."""
        return f"{json.dumps({'database': self.database})[:-1]},"

    @classmethod
    def read(cls, text: str) -> Mark | None:
        """The mark of that text; None for none, or for one that is no documents folder's."""
        try:
            told = json.loads(text)
            return cls(
                str(told["database"]), str(told["run"]), str(told.get("host", "")), int(told.get("pid", 0))
            )
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return None


@dataclass(frozen=True)
class Judgement:
    """Why a folder may not be replaced."""

    rule: str  # as in guard.sh
    folder: str  # resolved
    detail: str

    @classmethod
    def read(cls, stderr: str) -> Judgement | None:
        """What a guard said on standard error; None when none refused."""
        found = _LINE.search(stderr)
        return cls(*found.groups()) if found else None

    @property
    def adoptable(self) -> bool:
        """Whether a person may say that it is this sandbox's."""
        return self.rule in _ADOPTABLE

    @property
    def identity(self) -> str:
        """The device:inode of a folder that may be adopted."""
        return self.detail.split(" ")[0]

    @property
    def files(self) -> tuple[int, int, int]:
        """Of a folder that may be adopted: how many files, their bytes, and when the newest was written."""
        count, size, newest = map(int, self.detail.split(" ")[1:4])
        return count, size, newest

    @property
    def whose(self) -> str:
        """The database of the sandbox that the folder is marked for; empty: it is not."""
        found = Mark.read(" ".join(self.detail.split(" ")[4:])) if self.adoptable else None
        return found.database if found else ""

    @property
    def why(self) -> str:
        """The rule that it breaks, in words that follow the folder's name."""
        if self.rule == "another" and not self.whose:
            return "carries a mark that is no documents folder's of this sandbox"
        return _RULES[self.rule].format(detail=self.detail, whose=self.whose) + self._lost

    @property
    def _lost(self) -> str:
        if not self.adoptable:
            return ""
        count, size, newest = self.files
        last = f", the last written {moment(newest)}" if count else ""
        return f"; its files would be lost: {count:,} of them, {size:,} bytes{last}"

    def refused(self, written: str = "") -> Refused:
        """The error.

        Args:
            written: the folder as the settings have it, where they are known.
        """
        named = written if written in {"", self.folder} else f"{written}, which is {self.folder},"
        what = f"{named or self.folder} is never renamed, emptied or removed: it {self.why}"
        if self.adoptable:
            return Refused(what, "if it is this sandbox's: inv refresh --yes --adopt")
        return Refused(what, "set documents to a folder that is this sandbox's alone, then: inv status")


_RULES = {
    "link": "leads elsewhere, to {detail}, which was not so when it was looked at",
    "file": "is no folder",
    "line": "cannot be judged: its name, or that of what it must not hold, has a line break",
    "changed": "is another one than a moment ago",
    "closed": "cannot be looked into by this user",
    "system": "is a folder of the system's",
    "home": "is or holds a home, {detail}",
    "holds": "is or holds {detail}",
    "inside": "lies in {detail}",
    "mount": "holds a mount point, {detail}",
    "postgresql": "is or lies in the data of a PostgreSQL server, {detail}",
    "tracked": "holds what git tracks: {detail}",
    "unmarked": "carries no mark of a run of ours",
    "another": "is marked for the sandbox of another database, {whose}",
}


@dataclass(frozen=True)
class Guard:
    """What one sandbox's folders must be, for the shell texts that rename and remove them.

    Args:
        database: the name of the sandbox's database.
        run: whose work it is.
        kept: paths, where the folders are, that none of these may be or hold.
        around: paths in which none of these may lie.
    """

    database: str
    run: str
    kept: tuple[str, ...] = ()
    around: tuple[str, ...] = ()

    def before(self, folder: str, *, adopted: str = "", kind: str = "documents") -> str:
        """Shell text that ends with `REFUSED` unless a folder may be renamed and removed.

        It sets `judged`, for `guard_same`.

        Args:
            folder: an absolute path, resolved when it was looked at.
            adopted: device:inode of a folder that a person adopted.
            kind: kept, for the folder of a checkpoint.
        """
        call = f"guard {kind} {quote(folder)} {self.words(adopted)}"
        return f"{self.functions()}judged=$({call}) || exit {REFUSED}\n"

    def words(self, adopted: str = "") -> str:
        """Shell words: what the function `guard` takes behind a folder."""
        more = (*self.around, *dict.fromkeys((*self.around, *self.kept)))
        return join((self._mark.begins, adopted, str(len(self.around)), *more))

    @staticmethod
    @cache
    def functions() -> str:
        """Shell text: the functions of guard.sh."""
        return resources.files("sandbox").joinpath("guard.sh").read_text(encoding="utf-8")

    def marked(self, folder: str, *, owner: str = "") -> str:
        """Shell text that marks a folder as this sandbox's.

        Args:
            folder: a folder that is there.
            owner: uid:gid for the mark; empty: whoever writes it.
        """
        path = quote(f"{folder}/{MARK}")
        given = f" && chown -h {owner} {path}" if owner else ""
        # what was there may be a link: it is removed, never followed. Others may read it: it tells no secret
        write = f"(set -C; printf '%s\\n' {quote(self._mark.text())} >{path}) && chmod 644 {path}"
        return f"{{ rm -f -- {path} && {write}{given}; }} || exit 1\n"

    def unmarked(self, folder: str, run: str) -> str:
        """Shell text that takes back the mark which `run` gave a folder by adopting it."""
        path, mine = quote(f"{folder}/{MARK}"), quote(json.dumps({"run": run})[1:-1])
        return f"[ ! -f {path} ] || [ -L {path} ] || ! grep -qF {mine} {path} || rm -f -- {path}\n"

    @property
    def _mark(self) -> Mark:
        return Mark(self.database, self.run, socket.gethostname(), os.getpid())


def moment(seconds: int) -> str:
    """A time as people read it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def own_places() -> tuple[str, ...]:
    """Where this program and its interpreter are: no documents lie there, or around them."""
    names = ("purelib", "platlib", "stdlib", "scripts")
    found = [sysconfig.get_path(name) for name in names]
    return tuple(dict.fromkeys([str(Path(__file__).parent), *found, str(Path(sys.executable).parent)]))
