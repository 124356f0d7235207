"""This process's place among machines and containers: where its process id means something."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

_LARGEST_PID = 2**31 - 1
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def here() -> str:
    """The running kernel and the space of process ids in it; empty where that cannot be told."""
    with suppress(OSError):
        # a container that uses its node's network has the node's name, but not its processes
        return f"{_BOOT.read_text(encoding='ascii').strip()} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115
    return ""


def ended(host: str, pid: int) -> bool:
    """Whether a process of the machine `host` is known to be gone; False when it cannot be known."""
    return host == socket.gethostname() and _gone(pid)


def ended_at(place: str, pid: int) -> bool:
    """Whether a process of the place that `here` told there is known to be gone."""
    return bool(place) and place == here() and _gone(pid)


def _gone(pid: int) -> bool:
    if not 0 < pid <= _LARGEST_PID:
        return False  # no process id: nothing is known
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
