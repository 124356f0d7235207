"""One HTTP request to the host of its URL, and the whole of it within one deadline, however a server drips.

Each wait for the network, from the name's look-up to the last byte, lasts at most for the time that is left:
`requests`, whose timeouts are about one wait each, speaks through a socket that keeps to that.
Nothing stands between: no proxy, no redirect, no cookie, and nothing of the environment's but whom to trust.
"""

from __future__ import annotations

import http.client
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool

from sandbox.settings import Timeouts
from sandbox.version import __version__

_LARGEST = 4 * 1024 * 1024  # bytes of a body
_PIECE = 65536
_PORTS = {"http": 80, "https": 443}
_MEANINGS: tuple[tuple[type[Exception], str], ...] = (
    (ssl.SSLCertVerificationError, "its TLS certificate is not trusted (REQUESTS_CA_BUNDLE names your own)"),
    (ssl.SSLError, "what answers does not speak TLS as it should"),
    (socket.gaierror, "its name does not resolve"),
    (ConnectionRefusedError, "connection refused"),
    (UnicodeError, "its name does not resolve"),
)
# those of requests itself are OSErrors
_FAILURES = (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError)


class NoAnswer(Exception):
    """There was no whole answer; it says why, in words of ours alone."""


@dataclass(frozen=True)
class Reply:
    """One answer, as it came."""

    status: int
    content_type: str
    location: str
    content: bytes


class _Limited:
    """What a socket does until one moment, and not after it."""

    until = math.inf  # of time.monotonic

    def recv_into(self, *words: Any) -> int:
        self.settimeout(_left(self.until))  # type: ignore[attr-defined]
        read: int = super().recv_into(*words)  # type: ignore[misc]
        return read

    def send(self, *words: Any) -> int:
        self.settimeout(_left(self.until))  # type: ignore[attr-defined]
        sent: int = super().send(*words)  # type: ignore[misc]
        return sent

    def sendall(self, *words: Any) -> None:
        self.settimeout(_left(self.until))  # type: ignore[attr-defined]
        super().sendall(*words)  # type: ignore[misc]


class _Socket(_Limited, socket.socket):
    pass


class _Tls(_Limited, ssl.SSLSocket):
    pass


def request(  # noqa: PLR0913, PLR0917
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    timeouts: Timeouts,
    until: float = math.inf,
) -> Reply:
    """Send a request and read its answer; a redirect is an answer.

    Args:
        method: GET or POST.
        url: an http(s) URL.
        headers: each a text that a header can carry.
        body: what to send, if anything.
        timeouts: to get a connection, TLS included; then for the whole answer.
        until: the moment at which it ends in any case, by `time.monotonic`.

    Raises:
        NoAnswer: none, or no whole one in time.
    """
    parts = urlsplit(url)
    try:
        connected = _connected(parts, min(until, time.monotonic() + timeouts.connect))
    except TimeoutError:
        raise NoAnswer(f"no connection within {timeouts.connect:g} s") from None
    except (OSError, UnicodeError) as error:
        raise NoAnswer(_why(error)) from None
    with connected as sock:
        sock.until = min(until, time.monotonic() + timeouts.read)
        try:
            return _exchanged(sock, method, parts, headers, body)
        except _FAILURES as error:
            if time.monotonic() >= sock.until:
                raise NoAnswer(f"no whole answer within {timeouts.read:g} s") from None
            raise NoAnswer(_why(error)) from None


class _Adapter(HTTPAdapter):
    """What `requests` sends through: the one socket that is there."""

    def __init__(self, sock: _Socket | _Tls, parts: SplitResult) -> None:
        super().__init__(max_retries=0)
        self._pool = _Pool(sock, parts)

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        """Whatever `requests` would choose for the URL; no proxy is among it."""
        return self._pool


class _Pool(HTTPConnectionPool):
    def __init__(self, sock: _Socket | _Tls, parts: SplitResult) -> None:
        super().__init__(parts.hostname or "", _port(parts), retries=False)
        self.scheme, self._sock = parts.scheme, sock

    def _new_conn(self) -> HTTPConnection:
        kind = HTTPSConnection if self.scheme == "https" else HTTPConnection
        connection = kind(self.host, self.port)
        connection.sock = self._sock
        return connection


def _exchanged(
    sock: _Socket | _Tls, method: str, parts: SplitResult, headers: Mapping[str, str], body: bytes | None
) -> Reply:
    mine = {"User-Agent": f"dolibarr-sandbox/{__version__}", "Connection": "close"}
    # not by a session: that looks into a redirect, for what it would ask next
    asked = requests.Request(method, parts.geturl(), headers={**mine, **headers}, data=body).prepare()
    with _Adapter(sock, parts).send(asked, stream=True, timeout=_left(sock.until)) as response:
        content = b""
        while piece := response.raw.read(_PIECE, decode_content=False):
            content += piece
            if len(content) > _LARGEST:
                raise NoAnswer(f"its answer has more than {_LARGEST:,} bytes")
        kind, location = (response.headers.get(name, "") for name in ("Content-Type", "Location"))
        return Reply(response.status_code, kind.lower(), location, content)


def _connected(parts: SplitResult, until: float) -> _Socket | _Tls:
    """A connection to the first of the host's addresses that takes one; the time is shared among them."""
    found = _addresses(parts.hostname or "", _port(parts), until)
    problem: OSError = OSError("no address")
    for number, (family, kind, protocol, _, address) in enumerate(found):
        sock = _Socket(family, kind, protocol)
        try:
            sock.settimeout(_left(until) / (len(found) - number))
            sock.connect(address)
            return _secured(sock, parts.hostname or "", until) if parts.scheme == "https" else sock
        except OSError as error:
            sock.close()
            problem = error
    raise problem


def _secured(sock: _Socket, host: str, until: float) -> _Tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which keeps no log of its keys for SSLKEYLOGFILE
    context.sslsocket_class = _Tls
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if bundle:
        folder = Path(bundle).is_dir()
        context.load_verify_locations(None if folder else bundle, bundle if folder else None)
    else:
        context.load_default_certs()
    sock.settimeout(_left(until))
    secured = context.wrap_socket(sock, server_hostname=host)  # its handshake as a whole has the timeout
    assert isinstance(secured, _Tls)  # noqa: S101  # as told above
    return secured


def _addresses(host: str, port: int, until: float) -> list[Any]:
    """What the host's name resolves to; a name server that does not answer is not waited for."""
    found: list[Any] = []

    def ask() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)

    thread = threading.Thread(target=ask, daemon=True)  # nobody waits for it at the end of the program
    thread.start()
    thread.join(_left(until))
    if not found:
        raise TimeoutError
    if isinstance(found[0], Exception):
        raise found[0]
    return list(found[0])


def _left(until: float) -> float:
    """Seconds until then.

    Raises:
        TimeoutError: none are left.
    """
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(left, threading.TIMEOUT_MAX)


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme]


def _why(error: BaseException) -> str:
    """What an error means; its own text may hold what the server said."""
    for kind, meaning in _MEANINGS:
        if isinstance(error, kind):
            return meaning
    if isinstance(error, urllib3.exceptions.IncompleteRead):
        return "its answer was cut off"
    if isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)) and error.__context__:
        return _why(error.__context__)  # what it was made of
    return "network unreachable" if "unreachable" in str(error) else type(error).__name__
