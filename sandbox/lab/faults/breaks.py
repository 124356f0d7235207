"""The ways in which a refresh is broken."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import psutil

from sandbox.lab import configuration
from sandbox.lab.faults.proxy import Proxy
from sandbox.lab.faults.site import Site

_BRIEF = 0.4  # seconds that a trouble lasts which passes
_POLL = 0.002


class Break:
    """One way; `strike` breaks something while the client runs, `mend` takes the cause away.

    Args:
        site: where.
        chance: what the trial draws from.
        lasting: whether the cause stays until the client has ended.
    """

    def __init__(self, site: Site, chance: random.Random, *, lasting: bool) -> None:
        self.site, self.chance, self.lasting = site, chance, lasting

    def variables(self) -> dict[str, str]:
        """What the client's environment needs for it."""
        return {}

    def strike(self, client: subprocess.Popen[str]) -> bool:
        """Break it; False when there was nothing left to break."""
        raise NotImplementedError

    def mend(self) -> None:
        """Take the cause away; may be called twice."""

    def end(self) -> None:
        """The trial is over."""


class Client(Break):
    """SIGKILL `inv` itself."""

    def strike(self, client: subprocess.Popen[str]) -> bool:
        """Kill it."""
        if client.poll() is not None:
            return False
        client.kill()
        return True


class Worker(Break):
    """SIGKILL any one process of the pipeline."""

    name = ""

    def strike(self, client: subprocess.Popen[str]) -> bool:
        """Kill one, as soon as there is one."""
        while client.poll() is None:
            with suppress(psutil.NoSuchProcess):
                found = [p for p in psutil.Process(client.pid).children(recursive=True) if self._fits(p)]
                if found:
                    self.chance.choice(sorted(found, key=lambda process: process.pid)).kill()
                    return True
            time.sleep(_POLL)
        return False

    def _fits(self, process: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess):
            return process.status() != psutil.STATUS_ZOMBIE and process.name().startswith(self.name)
        return False


class Psql(Worker):
    """SIGKILL a psql."""

    name = "psql"


class Passing(Break):
    """A trouble that passes by itself, or lasts until the client has given up."""

    def strike(self, client: subprocess.Popen[str]) -> bool:
        """Break it; mend it at once when it is a brief one."""
        if client.poll() is not None:
            return False
        self.begin()
        if not self.lasting:
            time.sleep(_BRIEF)
            self.mend()
        return True

    def begin(self) -> None:
        """Make the trouble."""
        raise NotImplementedError


class Server(Passing):
    """Stop the database server with `immediate`, and start it again."""

    def begin(self) -> None:
        """Stop it."""
        self.site.server.end(signal.SIGQUIT)

    def mend(self) -> None:
        """Start it at its port."""
        self.site.revive()


class Disk(Passing):
    """Fill the disk of the database server, the documents and the journal to the last byte."""

    def begin(self) -> None:
        """Fill it."""
        size = 1 << 22
        with (self.site.root / "filler").open("ab") as filler:
            while size:
                place = os.fstat(filler.fileno()).st_size
                try:
                    os.posix_fallocate(filler.fileno(), place, size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2

    def mend(self) -> None:
        """Make room, and start a server that gave up."""
        (self.site.root / "filler").unlink(missing_ok=True)
        self.site.revive()


class Connection(Passing):
    """Reset every connection to the database server."""

    def variables(self) -> dict[str, str]:
        """The lab's own settings, but both sides are reached through the proxy."""
        self.proxy = Proxy(self.site.port)
        settings = configuration(self.site.root) or {}
        for side in (settings, settings["prod"]):
            side["database"]["port"] = self.proxy.port
        return dict(_variables("INVOKE_SANDBOX", settings))

    def begin(self) -> None:
        """Cut them."""
        self.proxy.cut()

    def mend(self) -> None:
        """Let new ones through."""
        self.proxy.mend()

    def end(self) -> None:
        """Nobody needs the proxy any more."""
        self.proxy.close()


def _variables(prefix: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The environment that says what a tree of settings says."""
    for key, value in tree.items():
        name = f"{prefix}_{key.upper()}"
        if isinstance(value, Mapping):
            yield from _variables(name, value)
        else:
            yield name, str(value)


KINDS: dict[str, type[Break]] = {
    "client": Client,
    "worker": Worker,
    "psql": Psql,
    "server": Server,
    "disk": Disk,
    "connection": Connection,
}
