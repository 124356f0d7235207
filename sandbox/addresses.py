"""Where a URL leads, so that two spellings of one place are seen to be one."""

from __future__ import annotations

import ipaddress
import posixpath
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_PATIENCE = 2.0  # seconds for a name server; nothing waits longer for one
_WEB = (80, 443)
_LOCAL, _LOOPBACK = "localhost", "127.0.0.1"
Addresses = frozenset[str]


@dataclass(frozen=True)
class Place:
    """Host, port and path of a URL, each spelled in one way; http and https with their own ports are one."""

    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Place:
        """The place that a URL names; user, query and fragment name none."""
        parts = urlsplit(url)
        port = parts.port or _WEB[parts.scheme == "https"]
        path = posixpath.normpath(f"/{unquote(parts.path)}").removesuffix("/index.php").strip("/")
        return cls(_host(parts.hostname or ""), _WEB[0] if port in _WEB else port, path)

    @property
    def numeric(self) -> bool:
        """Whether the host is an address, or this machine itself, and no name that a server could go by."""
        return self.host == _LOCAL or _numeric(self.host) is not None


def resolved(*places: Place) -> list[Addresses | None]:
    """The addresses of each host, all asked at once; None: not known within a short while."""
    found: list[Addresses | None] = [None for _ in places]

    def ask(number: int, host: str) -> None:
        found[number] = _ask(host)

    # no pool: it would wait at the end of the program for a name server that does not answer
    threads = [
        threading.Thread(target=ask, args=(number, place.host), daemon=True)
        for number, place in enumerate(places)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + _PATIENCE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(found)


def all_of_this_machine(addresses: Addresses) -> bool:
    """Whether every one of them is this machine's own, so that one server may answer on all."""
    return all(map(_own, addresses))


def _own(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _host(name: str) -> str:
    host = unquote(name).lower().rstrip(".")
    with suppress(UnicodeError):  # an address, or no name at all: it stays as it is
        host = host.encode("idna").decode("ascii").rstrip(".")
    return _numeric(host) or host


def _numeric(host: str) -> str | None:
    """An address in its usual form, such as that of 0x7f.1; None for a name."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return _usual(str(found[0][4][0]))


def _ask(host: str) -> Addresses | None:
    if host == _LOCAL or host.endswith(f".{_LOCAL}"):  # by definition, whatever a name server says
        return frozenset({_LOOPBACK})
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    return frozenset(_usual(str(entry[4][0])) for entry in found)


def _usual(address: str) -> str:
    """One spelling: an IPv4 address within IPv6 is that address; loopback and "any" lead to this machine."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_unspecified or str(ip) == "::1":
        return _LOOPBACK
    return str(ip)
