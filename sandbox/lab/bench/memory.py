"""The most memory that a command and the database server took together, while it ran."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_EVERY = 0.2  # seconds
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass
class Peak:
    """Megabytes; a page that several processes share counts once."""

    client: float = 0.0  # the command and all that it started
    python: float = 0.0  # its largest Python process
    server: float = 0.0  # the database server with its sessions, at the same moment or another
    together: float = 0.0


@contextmanager
def watched(client: psutil.Process, server: psutil.Process) -> Iterator[Peak]:
    """Watch both while the block runs."""
    peak, over = Peak(), threading.Event()

    def look() -> None:
        while not over.wait(_EVERY):
            mine, theirs = _tree(client), _tree(server)
            peak.client = max(peak.client, sum(mine.values()))
            python = [size for name, size in mine.items() if name[1].startswith(("python", "inv"))]
            peak.python = max([peak.python, *python])
            peak.server = max(peak.server, sum(theirs.values()))
            peak.together = max(peak.together, sum(mine.values()) + sum(theirs.values()))

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield peak
    finally:
        over.set()
        watching.join()


def _tree(root: psutil.Process) -> dict[tuple[int, str], float]:
    """Megabytes of each process of a tree."""
    found = {}
    with suppress(psutil.NoSuchProcess):
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, OSError):
                told = _PSS.search(Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii"))
                found[process.pid, process.name()] = int(told[1]) / 1024 if told else 0.0
    return found
