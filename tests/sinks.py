"""The outside world, as a mail server and a web that write down whatever reaches them."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Sink:
    """What arrived, one line each."""

    def __init__(self) -> None:
        self.received: list[str] = []


@contextmanager
def mail() -> Iterator[tuple[int, Sink]]:
    """A mail server that takes everything; its port, and what it took."""
    sink = Sink()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            sink.received.append("connected")
            self.wfile.write(b"220 sink\r\n")
            for line in self.rfile:
                words = line.decode(errors="replace").strip()
                if words.upper().startswith("QUIT"):
                    self.wfile.write(b"221 bye\r\n")
                    return
                if words.upper() == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    text = iter(self.rfile.readline, b".\r\n")
                    sink.received.append(b"".join(text).decode(errors="replace"))
                self.wfile.write(b"250 sink\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    with _serving(server):
        yield server.server_address[1], sink


@contextmanager
def web() -> Iterator[tuple[int, Sink]]:
    """A proxy to nowhere that answers 200 for every site; its port, and what it was asked."""
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sink.received.append(f"{self.path} {body.decode(errors='replace')}")
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET  # noqa: N815  # the name that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with _serving(server):
        yield server.server_address[1], sink


@contextmanager
def anything(host: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[int, Sink]]:
    """A server of no kind, which takes every connection and every datagram; its port, and how each began."""
    sink = Sink()

    class Stream(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(2)
            sink.received.append(str(self.request.recv(200)))

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            sink.received.append(f"datagram {self.request[0]!r}")

    streams = socketserver.ThreadingTCPServer((host, port), Stream)
    datagrams = socketserver.UDPServer((host, streams.server_address[1]), Datagram)
    with _serving(streams), _serving(datagrams):
        yield streams.server_address[1], sink


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
