"""A TCP proxy on loopback before a server, whose connections can be cut."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

from sandbox.lab import HOST
from sandbox.lab.processes import listen

_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a close sends RST, as a router that forgot a connection does
_IN_ORDER = struct.pack("ii", 0, 0)
_PIECE = 1 << 16


class Proxy:
    """Carries bytes between clients and one server until it is closed.

    Args:
        port: the server's.
        host: the server's.
    """

    def __init__(self, port: int, host: str = HOST) -> None:
        self._target, self._cut = (host, port), False
        self._listener = listen(None)
        self._listener.listen(64)
        self.port: int = self._listener.getsockname()[1]
        self._live: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Reset every connection, and refuse new ones until `mend`."""
        with self._lock:
            self._cut = True
            for end in self._live:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                    end.shutdown(socket.SHUT_RD)  # wakes whoever reads from it, who closes it

    def mend(self) -> None:
        """Take connections again."""
        self._cut = False

    def close(self) -> None:
        """Take no more, and end all."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE if self._cut else _IN_ORDER)
        with client, suppress(OSError):
            if self._cut:
                return
            with socket.create_connection(self._target) as server:
                with self._lock:
                    self._live |= {client, server}
                back = threading.Thread(target=self._carry, args=(server, client), daemon=True)
                back.start()
                self._carry(client, server)
                back.join()
                with self._lock:
                    self._live -= {client, server}

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                sink.sendall(piece)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
