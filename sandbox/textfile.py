"""Read a small text file whose place somebody else chose: whatever is there is told, and never waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_MOST = 64 * 1024 * 1024  # bytes; a device such as /dev/zero has no end


def read(path: Path) -> str:
    """The file's text, UTF-8, with its line ends as they are.

    Raises:
        FileNotFoundError: it is not there.
        OSError: it cannot be read, is no file, or no text; `strerror` says why.
    """
    try:  # without waiting for the writer of a FIFO
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:  # a NUL in its name
        raise OSError(errno.EINVAL, "its name holds a NUL", repr(path)) from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise OSError(errno.EFBIG, "it is too large", str(path))
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise OSError(errno.EILSEQ, "it is no UTF-8 text", str(path)) from None
