"""Files that nobody else can read, at no moment: born with mode 600, each takes its place in one step."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import tempfile
import time
from pathlib import Path

_STALE_SECONDS = 60  # what is older was left by a killed writer


def replace(path: Path, text: str, *, keep_owner: bool = False) -> None:
    """Write the file beside its place, on disk, and rename it; a link is replaced, not followed.

    Args:
        path: the file; its folder is there.
        text: what it holds.
        keep_owner: run as root, give it to whoever owns the one that is there.

    Raises:
        OSError: it cannot be written, or is, or leads to, no file, such as a device; it is as it was.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no file", str(path))
    _forget_stale(path)
    descriptor, temporary = tempfile.mkstemp(".tmp", f".{path.name}.", path.parent)  # born 600, O_EXCL
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            if keep_owner and os.geteuid() == 0 and path.exists():
                owner = path.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _forget_stale(path: Path) -> None:
    """Remove what a killed writer left, but nothing that a running one may still be writing."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                left.unlink()
