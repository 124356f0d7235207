"""A server that drips: it answers in ways that never end, and remembers nobody."""

from __future__ import annotations

import itertools
import socket
import socketserver
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support import served

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
PAUSE = 0.05  # seconds between two pieces, far below any timeout
Way = Callable[[socket.socket], None]


def _headers(link: socket.socket) -> None:
    link.sendall(HEAD)
    for number in itertools.count():
        link.sendall(f"X-{number}: a\r\n".encode())
        time.sleep(PAUSE * 4)  # clients take a hundred


def _line(link: socket.socket) -> None:
    for byte in itertools.cycle(HEAD[:20]):
        link.sendall(bytes([byte]))
        time.sleep(PAUSE)


def _body(link: socket.socket) -> None:
    link.sendall(HEAD + b"\r\n<!doctype html><title>")
    while True:
        link.sendall(b"x")
        time.sleep(PAUSE)


def _chunks(link: socket.socket) -> None:
    link.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        link.sendall(b"1\r\nx\r\n")
        time.sleep(PAUSE)


def _informational(link: socket.socket) -> None:
    while True:
        link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(PAUSE)


def _flood(link: socket.socket) -> None:
    while True:
        link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def _silence(link: socket.socket) -> None:
    while link.recv(65536):
        pass


def _endless(link: socket.socket) -> None:
    link.sendall(HEAD + b"\r\n<!doctype html>")
    while True:
        link.sendall(b"<p>" * 20000)


def _redirects(link: socket.socket) -> None:
    time.sleep(0.3)
    link.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def _record(link: socket.socket) -> None:
    link.sendall(b"\x16\x03\x03\x40\x00")  # of a TLS handshake, with 16,384 bytes
    while True:
        link.sendall(b"\x02")
        time.sleep(PAUSE)


def answer(body: bytes, kind: bytes = b"text/html") -> bytes:
    """A whole answer."""
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
    return head % (kind, len(body)) + body


WAYS: dict[str, Way] = {
    "headers": _headers,
    "a byte of a header": _line,
    "a byte of the body": _body,
    "chunks": _chunks,
    "100 Continue": _informational,
    "a flood of 100 Continue": _flood,
    "silence": _silence,
    "a body without an end": _endless,
    "redirects": _redirects,
    "a TLS record": _record,
}


@contextmanager
def dripping(
    way: Way, before: Callable[[bytes], bytes | None] = lambda _: None, tls: Path | None = None
) -> Iterator[str]:
    """Answer so, but for requests to which `before` gives a whole answer; the URL.

    Args:
        way: how, after a request's head has come.
        before: told the head.
        tls: a file with a certificate and its key, for https.
    """

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), _secured(self.request, tls) as link:
                given = before(link.recv(65536))
                if given is None:
                    way(link)
                else:
                    link.sendall(given)

    with served(Handler) as port:
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}"


def _secured(link: socket.socket, tls: Path | None) -> socket.socket:
    if tls is None:
        return link
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls)
    return context.wrap_socket(link, server_side=True)
