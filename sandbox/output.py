"""Standard output and error that may break at any moment, without any effect on what is being done.

A pipe whose reader ended (`| head`), a closed descriptor (`>&-`) and a closed terminal (EIO) want nothing
more: what is written there goes nowhere. What could not be written for any other reason, such as a full disk,
is remembered, and told at the end.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from invoke.exceptions import Exit

from sandbox.errors import ExitCode

_GONE = {errno.EPIPE, errno.EIO, errno.EBADF}
_unwritten: list[OSError] = []  # of standard output
_depth = 0


class _Steady(io.FileIO):
    """A descriptor that takes whatever is written to it.

    Args:
        descriptor: of standard output or error.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._descriptor = descriptor

    def write(self, data: Any) -> int:
        """See `FileIO.write`; never fails."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _GONE and self._descriptor == 1:
                _unwritten.append(error)
            _nowhere(self._descriptor)  # also for what others write there
            return len(memoryview(data).cast("B"))


@contextmanager
def steady() -> Iterator[None]:
    """While inside, and from then on, nothing fails by what becomes of the output; the outermost tells of it.

    Raises:
        Exit: with 1, when it ends and part of the output could not be written; what was to be done is done.
    """
    global _depth  # noqa: PLW0603  # as there is one standard output
    _install()
    before = ""
    _depth += 1
    try:
        yield
    except Exit as error:
        before = error.message or ""
        raise
    finally:
        _depth -= 1
        _flush()
        if _unwritten and not _depth:
            why = f"standard output could not be written: {_unwritten[0].strerror}; all else was done"
            _unwritten.clear()
            raise Exit("\n".join(filter(None, (before, why))), code=int(ExitCode.FAILED)) from None


def _install() -> None:
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream, own = getattr(sys, name), getattr(sys, f"__{name}__")
        if stream is not own or isinstance(getattr(getattr(own, "buffer", None), "raw", None), _Steady):
            continue  # somebody led it elsewhere, or it was done before
        if own is None:  # it was closed when we began
            _opened(descriptor)
        made = _stream(descriptor, own)
        setattr(sys, name, made)
        setattr(sys, f"__{name}__", made)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(ValueError):  # a test's own may be closed
            stream.flush()


def _stream(descriptor: int, own: TextIO | None) -> TextIO:
    """A text stream like `own`, whose unwritten rest comes first."""
    raw = _Steady(descriptor)
    if not isinstance(own, io.TextIOWrapper):
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace")
    try:
        own.flush()
    except OSError as error:
        if error.errno not in _GONE and descriptor == 1:
            _unwritten.append(error)
        _nowhere(descriptor)
        own.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        own.encoding,
        own.errors,
        line_buffering=own.line_buffering,
        write_through=own.write_through,
    )


def _opened(descriptor: int) -> None:
    """Give a closed descriptor back its meaning, so that no file of ours passes for standard output."""
    try:
        os.fstat(descriptor)
    except OSError:
        _nowhere(descriptor)


def _nowhere(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)
