"""The user that the lab's PostgreSQL runs as: its programs refuse root, and initdb a user without a name.

Then it runs in a user namespace in which we are somebody else: outside of that, its processes and its data
are ours, so it may be in any folder that we own. Where the kernel refuses this, root gives server and data to
another user, who may enter every folder that root may.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import UsageError
from sandbox.shell import lines

_NOBODY = 65534
_NAMESPACE = ("unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", "--")
# for a machine that has no name for that user either
_NAMING = ("unshare", "--user", "--map-root-user", "--mount", "--", "sh", "-c")
_NAMED = 'mount --bind "$0" /etc/passwd && exec "$@"'


@dataclass(frozen=True)
class User:
    """The words before a program that make it run as this user, and whose its files are."""

    words: tuple[str, ...]
    uid: int
    gid: int

    def why_not(self, *program: str) -> str:
        """Why a program of PostgreSQL's does not run as this user; empty when it does."""
        try:
            argv = [*self.words, *program]
            done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            return str(error)
        said = [line for line in lines(done.stderr) if "hint:" not in line]
        return "" if done.returncode == 0 else (said or [f"exit code {done.returncode}"])[-1]

    def make(self, data: Path) -> None:
        """Make the data folder, which is this user's alone.

        Raises:
            UsageError: it cannot be given to that user.
        """
        data.mkdir(mode=0o700)
        try:
            os.chown(data, self.uid, self.gid)
        except OSError as error:
            data.rmdir()
            why = f"{data} cannot be given to uid {self.uid}, as whom PostgreSQL would run: {error.strerror}"
            raise UsageError(why, _PLAIN) from None


def choose(initdb: Path, data: Path) -> User:
    """The user for a new data folder: the first one as whom `initdb` runs.

    Raises:
        UsageError: there is none.
    """
    why = []
    for user in _candidates():
        why.append(user.why_not(str(initdb), "--show", f"--pgdata={data}"))
        if not why[-1]:
            return user
    raise UsageError(f"PostgreSQL does not run here as uid {os.geteuid()}: {'; '.join(why)}", _PLAIN)


def owner(data: Path) -> User:
    """The user of an existing data folder.

    Raises:
        UsageError: it belongs to somebody whom we cannot be.
    """
    found, uid = data.stat(), os.geteuid()
    if found.st_uid == uid:
        return _mine(uid)
    if uid == 0:
        return _other(found.st_uid, found.st_gid)
    raise UsageError(f"{data} belongs to uid {found.st_uid}, not to you (uid {uid})", "run it as that user")


_PLAIN = "run it as a plain user, in that user's folder; to make one: useradd -m lab && su - lab"


def _candidates() -> tuple[User, ...]:
    """Who to try, in this order."""
    uid = os.geteuid()
    return (_mine(uid), _other(_NOBODY, _NOBODY)) if uid == 0 else (_mine(uid),)


def _mine(uid: int) -> User:
    """Ourselves, under another name where PostgreSQL asks for one."""
    words: tuple[str, ...] = ()
    if uid == 0 or not _has_name(uid):
        passwd = str(Path(__file__).with_name("passwd"))
        words = _NAMESPACE if _has_name(_NOBODY) else (*_NAMING, _NAMED, passwd, *_NAMESPACE)
    return User(words, uid, os.getegid())


def _other(uid: int, gid: int) -> User:
    """Another user than root, able to pass folders that root closed, and told so when it asks (access(2))."""
    words = ("setpriv", "--reuid", str(uid), "--regid", str(gid), "--clear-groups", "--securebits")
    passing = ("+no_setuid_fixup", "--inh-caps", "+dac_override", "--ambient-caps", "+dac_override", "--")
    return User((*words, *passing), uid, gid)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
