"""A folder for files that a program of somebody else's needs for a while: with a short and plain path."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST = 50  # bytes: a browser makes a folder in it with a socket, whose path may have 107
SHELL_SIGNS = frozenset('"$`\\')  # what a shell reads between double quotes


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for this user only, removed afterwards; in `/tmp` where `TMPDIR` has a long or an odd path."""
    usual = tempfile.gettempdir()
    fits = len(os.fsencode(usual)) <= _LONGEST and not SHELL_SIGNS & set(usual)
    places = [usual] if fits else ["/tmp", "/var/tmp"]  # noqa: S108  # mkdtemp makes it, with mode 700
    place = next((place for place in places if os.access(place, os.W_OK | os.X_OK)), usual)
    with tempfile.TemporaryDirectory(
        prefix="dolibarr-sandbox-", dir=place, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)
