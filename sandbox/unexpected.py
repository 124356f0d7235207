"""The error that a person meets instead of a traceback: what any exception that got this far is about.

What data, files, servers and the machine can cause is told as any failure is. The rest is a bug of ours,
and says so.
"""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from invoke.exceptions import CommandTimedOut, ThreadException

from sandbox import shell
from sandbox.errors import Failed, SandboxError, UsageError
from sandbox.version import __version__

_HERE = Path(__file__).parent
# where answers of others are read: what is not as it should be there, they said
_ANSWERS = {"engines/kubernetes/": "the cluster", "dolibarr/": "the server at the URL"}
_UNREADABLE = (LookupError, TypeError, AttributeError, ValueError)
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_WRONG = {errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.ELOOP, errno.ENAMETOOLONG, errno.EEXIST}
_REPORT = (
    "tell the maintainers of dolibarr-sandbox what it prints with INVOKE_DEBUG=1 before the command"
    f" (version {__version__})"
)
# whose exceptions tell of a server, a process or a browser, and not of our code
_OTHERS = {"psycopg": "the lab's database", "psutil": "a process of the lab", "playwright": "the browser"}


def debugging() -> bool:
    """Whether the person asked for tracebacks."""
    return bool(os.environ.get("INVOKE_DEBUG"))


def explained(error: Exception) -> SandboxError:
    """What an exception means.

    Args:
        error: with its traceback.
    """
    if isinstance(error, SandboxError):
        return error
    place = _place(error)
    who = next((who for folder, who in _ANSWERS.items() if place.startswith(folder)), None)
    if who is not None and isinstance(error, _UNREADABLE):
        said = f"{type(error).__name__}: {first_line(error)}, at {place}"
        return Failed(f"{who} answered what cannot be understood ({said})", _REPORT)
    for kind, meaning in _MEANINGS:
        if isinstance(error, kind):
            return meaning(error)
    whose = _OTHERS.get(type(error).__module__.partition(".")[0])
    if whose is not None:
        return Failed(f"{whose}: {type(error).__name__}: {first_line(error)}", "run it again; inv status")
    return _bug(error, place)


@contextmanager
def explaining() -> Iterator[None]:
    """Raise what stops this block as the error that it means; for those who go on after one."""
    try:
        yield
    except SandboxError:
        raise
    except Exception as error:
        raise explained(error) from error


def _place(error: BaseException) -> str:
    """The innermost line of ours: its file, from the package on, and its number."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _HERE in Path(frame.filename).parents]
    return f"{Path(ours[-1].filename).relative_to(_HERE)}:{ours[-1].lineno}" if ours else "no line of ours"


def first_line(error: BaseException) -> str:
    """The first line of what an exception says."""
    return shell.first_line(str(error))[:300] or "no reason given"


def _thread(error: ThreadException) -> SandboxError:
    """What failed in a thread that reads a command's output."""
    inner = [one.value for one in error.exceptions if isinstance(one.value, Exception)]
    return explained(inner[0]) if inner else _bug(error, _place(error))


def _timed_out(error: CommandTimedOut) -> SandboxError:
    return Failed(
        f"a command took longer than {error.timeout} s, and was ended",
        "raise Invoke's --command-timeout (or timeouts.command); then: inv status",
    )


def _file(error: OSError) -> SandboxError:
    named = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    what = f"{' and '.join(named)}: {error.strerror}" if named else f"{error.strerror or first_line(error)}"
    if error.errno == errno.ENOENT and named and os.sep not in named[0]:
        return UsageError(f"{named[0]} is not there", "put it on PATH, or install it")
    if error.errno in _FULL:
        return Failed(what, "make room there, then run it again")
    if error.errno in _FORBIDDEN and named:
        return Failed(what, f"let uid {os.geteuid()} do that, or name another place in the settings")
    if error.errno in _WRONG and named:
        return UsageError(what, "correct it there, or name another place in the settings")
    return Failed(what, "mend that, then run it again")


def _text(error: UnicodeError) -> SandboxError:
    if isinstance(error, UnicodeEncodeError):
        return UsageError(
            f"{error.object[error.start : error.end]!r} cannot be written as {error.encoding}",
            "correct that text; or have UTF-8 everywhere: export LC_ALL=C.UTF-8",
        )
    return UsageError(f"what was read is no text: {first_line(error)}", "save it as UTF-8")


def _deep(error: Exception) -> SandboxError:
    del error
    return Failed("what was read is nested too deeply", "look at what answers, and at the settings")


def _memory(error: Exception) -> SandboxError:
    del error
    return Failed("there is not enough memory", "free some, then run it again")


def _bug(error: BaseException, place: str) -> SandboxError:
    return Failed(f"this is a bug: {type(error).__name__}: {first_line(error)}, at {place}", _REPORT)


_MEANINGS: tuple[tuple[type[Exception], Callable[..., SandboxError]], ...] = (
    (ThreadException, _thread),
    (CommandTimedOut, _timed_out),
    (OSError, _file),
    (UnicodeError, _text),
    (RecursionError, _deep),
    (MemoryError, _memory),
)
