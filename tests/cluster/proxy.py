"""A TCP proxy before the API server, whose connections can be cut and which can be away for a while."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.cluster.kube import kubectl


class Proxy:
    """Hands bytes on, until it is told not to."""

    def __init__(self, host: str, port: int) -> None:
        self._goal = (host, port)
        self._open: set[socket.socket] = set()
        self._away = False
        self._turn = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def _serve(self) -> None:
        while True:
            try:
                client = self._server.accept()[0]
            except OSError:
                return
            if self._away:
                client.close()
                continue
            server = socket.create_connection(self._goal)
            with self._turn:
                self._open |= {client, server}
            for pair in ((client, server), (server, client)):
                thread = threading.Thread(target=self._carry, args=pair, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def cut(self, *, away: bool = False) -> None:
        """End every connection; with `away` accept no other until `back`."""
        self._away = away
        with self._turn:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self._open.clear()

    def back(self) -> None:
        """Serve again."""
        self._away = False

    def end(self) -> None:
        """Serve no more."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)


@contextmanager
def proxied(folder: Path) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the API server, and a kubeconfig that leads through it."""
    text = kubectl("config", "view", "--raw", "--minify", "--flatten")
    found = re.search(r"server: (\S+)", text)
    assert found is not None
    parts = urlsplit(found[1])
    proxy = Proxy(parts.hostname or "", parts.port or 443)
    config = folder / "kubeconfig"
    config.touch(mode=0o600)
    config.write_text(text.replace(found[1], f"https://127.0.0.1:{proxy.port}"))
    try:
        yield proxy, str(config)
    finally:
        proxy.end()
