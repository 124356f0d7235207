"""Start the stand-in: `python -m sandbox.lab.erp CONFIG --listen FD --pid FILE`.

It takes over a socket that its caller bound, so that no other program can take the port in between. It
leaves its caller as soon as it listens: exit code 0 means that connections are accepted.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import waitress  # type: ignore[import-untyped]

from sandbox.lab.erp.app import create_app
from sandbox.lab.erp.config import Config

_THREADS = 8
_GLANCE = 2.0  # seconds between two looks at the lab's folder


def main() -> None:
    """Listen, detach, serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="sandbox.lab.erp")
    parser.add_argument("config", type=Path)
    parser.add_argument("--listen", type=int, required=True, metavar="FD", help="a bound TCP socket")
    parser.add_argument("--pid", type=Path, required=True, help="where to write the server's process id")
    given = parser.parse_args()
    app = create_app(Config.read(given.config))
    listening = socket.socket(fileno=given.listen)
    listening.listen(128)
    child = os.fork()  # before any thread is started
    if child:
        given.pid.write_text(f"{child}\n", encoding="utf-8")
        os._exit(0)
    os.setsid()
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_watch, args=(given.config,), daemon=True).start()
    waitress.serve(app, sockets=[listening], threads=_THREADS, ident="stand-in", _quiet=True)


def _watch(config: Path) -> None:
    """End together with the lab's folder: a lab that was deleted while it ran must not leave a server."""
    while config.exists():
        time.sleep(_GLANCE)
    os.kill(os.getpid(), signal.SIGTERM)


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
