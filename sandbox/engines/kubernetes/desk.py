"""The Lease while it is ours: a thread renews it, and every page and every change proves that it still is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from shlex import join, quote
from typing import Any

from sandbox.engines.kubernetes import note
from sandbox.engines.kubernetes.kubectl import Conflict, Kubectl, Object
from sandbox.engines.ledger import Page
from sandbox.errors import Busy, SandboxError, Unreachable
from sandbox.shell import Runner

RENEWS = 3.0  # seconds between two renewals
_FRESH = 6.0  # a renewal that is older is repeated before the next change


@dataclass(frozen=True)
class Place:
    """Where the Lease is."""

    kubectl: Kubectl
    name: str

    @property
    def where(self) -> str:
        """For people."""
        return f"lease {self.name} in namespace {self.kubectl.namespace}"

    @property
    def aside(self) -> str:
        """The command that removes the journal, after writing all of the Lease to a file."""
        read = self.kubectl.words("get", "lease", self.name, "-o", "yaml")
        remove = self.kubectl.words("annotate", "lease", self.name, f"{note.journal_annotation()}-")
        return f"{join(read)} > {quote(f'{self.name}.yaml')} && {join(remove)}"

    def get(self) -> Object | None:
        """The Lease; None when nobody ever held it."""
        return self.kubectl.get("lease", self.name)


class LeaseDesk:
    """The Lease while it is ours; a thread renews it.

    Args:
        at: where the Lease is.
        found: the Lease as it was taken.
    """

    def __init__(self, at: Place, found: Object) -> None:
        self._at, self._found = at, found
        self._run = note.identity(found)
        self._turn = threading.RLock()
        self._over = threading.Event()
        self._renewed = _clock()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    @property
    def where(self) -> str:
        """The Lease."""
        return self._at.where

    @property
    def aside(self) -> str:
        """The command that sets the journal aside."""
        return self._at.aside

    def begin(self) -> None:
        """Begin to renew it."""
        self._thread.start()

    def end(self) -> None:
        """Renew it no more and give it back, if it still is ours; a lost cluster finds a dead holder."""
        self._over.set()
        self._thread.join()
        with suppress(SandboxError):
            self._swap(note.freed)

    def read(self, name: str) -> Page | None:
        """A page; None when there is none."""
        with self._turn:
            return note.page_of(self._found, name)

    def write(self, name: str, page: Page) -> None:
        """Write a page, if the Lease still is ours; the API server has it when this returns."""
        self._swap(lambda thing: note.with_page(thing, name, page))

    def remove(self, name: str) -> None:
        """Remove a page, if the Lease still is ours."""
        self._swap(lambda thing: note.with_page(thing, name, None))

    def guarded(self, runner: Runner) -> Runner:
        """A runner that changes nothing once the Lease is another's."""
        return _Guarded(runner, self)

    def sure(self) -> None:
        """Prove that the Lease is ours, unless that was proven a moment ago.

        Raises:
            Busy: it was taken over: this machine slept, or lost the cluster.
        """
        if _clock() - self._renewed > _FRESH:
            self._swap(lambda thing: thing)

    def _renew(self) -> None:
        while not self._over.wait(RENEWS):
            with suppress(Exception):  # the next change finds out; a thread that ends would tell nobody
                self._swap(lambda thing: thing)

    def _swap(self, change: Callable[[Object], Object]) -> None:
        """Write the Lease by compare-and-swap; tried again while the cluster is away, up to `note.EXPIRES`.

        Raises:
            Busy: it is another's by now.
            Unreachable: the cluster does not answer.
        """
        deadline = time.monotonic() + note.EXPIRES
        while True:
            try:
                with self._turn:
                    self._found = self._at.kubectl.put(
                        "replace", note.stamped(change(note.copied(self._found)))
                    )
                    self._renewed = _clock()
            except Conflict:
                self._again()
            except Unreachable:
                if time.monotonic() > deadline or self._over.is_set():
                    raise
                time.sleep(1)
            else:
                return

    def _again(self) -> None:
        """Read the Lease anew: an answer may have been lost, but its holder must be us."""
        found = self._at.get()
        if found is None or note.identity(found) != self._run:
            who = note.who(found)
            raise Busy(
                f"this run lost the sandbox to another: {who.get('run') if who else 'its lease is gone'}",
                "this machine slept, or lost the cluster; look: inv status",
            )
        with self._turn:
            self._found = found


class _Guarded:
    """A runner whose changes are made only while a Lease is held."""

    def __init__(self, runner: Runner, desk: LeaseDesk) -> None:
        self._runner, self._desk = runner, desk

    @property
    def config(self) -> Any:
        """Invoke's configuration."""
        return self._runner.config

    def run(self, command: str, **kwargs: Any) -> Any:
        """Run a shell text; one that changes something, only while the Lease is ours."""
        if kwargs.get("dry") is not False:
            self._desk.sure()
        return self._runner.run(command, **kwargs)


def _clock() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
