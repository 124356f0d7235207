"""Processes that the lab started: is this one ours and alive, and how it is stopped."""

from __future__ import annotations

import signal
import socket
from contextlib import closing

import psutil

from sandbox.errors import Failed
from sandbox.lab import HOST

_SKEW = 5.0  # seconds; a boot clock and a wall clock drift apart


def ours(pid: int, mark: str, *, born: float | None = None) -> psutil.Process | None:
    """The live process `pid` if its command line holds `mark`, else None.

    Args:
        pid: a process id from a file; its process may be long gone and the id used by another.
        mark: a path that only the lab's own process has among its arguments.
        born: when it started, in seconds since the epoch, where that is known.
    """
    if pid <= 0:
        return None
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or mark not in process.cmdline():
            return None
        if born is not None and abs(process.create_time() - born) > _SKEW:
            return None
    except (psutil.NoSuchProcess, psutil.AccessDenied, ValueError):
        return None
    return process


def stop(process: psutil.Process, first: signal.Signals, *, patience: float) -> None:
    """Ask a process to end with `first`, kill it after `patience` seconds.

    Raises:
        Failed: it survives even that.
    """
    for sign, seconds in ((first, patience), (signal.SIGKILL, 5.0)):
        try:
            process.send_signal(sign)
            gone(process, seconds)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            continue
        else:
            return
    raise Failed(f"process {process.pid} does not end", f"look at it with: ps -fp {process.pid}")


def gone(process: psutil.Process, seconds: float) -> None:
    """Wait until a process has ended; one that nobody reaped counts as ended.

    Raises:
        psutil.TimeoutExpired: it is still there after `seconds`.
    """
    step = 0.02
    waited = 0.0
    while waited < seconds:
        try:
            process.wait(timeout=step)
        except psutil.TimeoutExpired:
            waited += step
            if process.status() == psutil.STATUS_ZOMBIE:
                return
        else:
            return
    raise psutil.TimeoutExpired(seconds, pid=process.pid)


def listen(preferred: int | None) -> socket.socket:
    """A bound TCP socket on loopback: at the preferred port, or at a free one when that is taken."""
    for port in (preferred or 0, 0):
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, port))
        except OSError:
            server.close()
        else:
            return server
    raise Failed(f"no port can be opened on {HOST}", "look at: ss -ltn")


def free_port(preferred: int | None) -> int:
    """A port that nobody listens on now: the preferred one when it is free."""
    with closing(listen(preferred)) as server:
        port: int = server.getsockname()[1]
        return port
