"""The stand-in ERP in the foreground, as a container runs it: python -m tests.cluster.erp CONFIG PORT."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import waitress  # type: ignore[import-untyped]

from sandbox.lab.erp.app import create_app
from sandbox.lab.erp.config import Config


def main(config: str, port: str) -> None:
    """Serve until SIGTERM; several replicas share the node's port."""
    signal.signal(signal.SIGTERM, _leave)  # the first process of a container ignores it otherwise
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind(("127.0.0.1", int(port)))
    listening.listen(128)
    waitress.serve(create_app(Config.read(Path(config))), sockets=[listening], threads=4, _quiet=True)


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
