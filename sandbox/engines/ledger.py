"""Where a sandbox's lock and its pages are kept: what is in progress, the last refresh, and its content.

A ledger knows nothing of what is written on a page. Only who holds it may write.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from sandbox.jsonfile import Damaged
from sandbox.shell import Runner

JOURNAL, LAST, CONTENT = "journal", "last-refresh", "content"
Page = dict[str, Any]


class Taken(Exception):
    """Another run holds the ledger.

    Args:
        holder: what it says of itself; None when it does not say.
    """

    def __init__(self, holder: Page | None) -> None:
        super().__init__("taken")
        self.holder = holder


class Desk(Protocol):
    """A ledger's pages; only its holder writes."""

    @property
    def where(self) -> str:
        """Where the pages are, for people."""

    def read(self, name: str) -> Page | None:
        """A page; None when there is none.

        Raises:
            Damaged: there is one that cannot be read.
        """

    @property
    def aside(self) -> str:
        """The command that sets a journal aside which nobody can believe, for people to look at."""

    def write(self, name: str, page: Page) -> None:
        """Write a page; it outlives us when this returns."""

    def remove(self, name: str) -> None:
        """Remove a page, if it is there."""

    def guarded(self, runner: Runner) -> Runner:
        """A runner that changes nothing once the ledger is held no more."""


class Ledger(Protocol):
    """What anybody can read, and one at a time can hold."""

    @property
    def where(self) -> str:
        """Where the pages are, for people."""

    def read(self, name: str) -> Page | None:
        """A page; None when there is none.

        Raises:
            Damaged: there is one that cannot be read.
        """

    @property
    def aside(self) -> str:
        """The command that sets a journal aside which nobody can believe, for people to look at."""

    def hold(self, who: Page) -> AbstractContextManager[Desk]:
        """Be its only holder while inside.

        Raises:
            Taken: another run is.
        """

    def holder(self) -> Page | None:
        """Who holds it at this moment; empty when its holder does not say."""


def readable(at: Desk | Ledger, name: str) -> Page | None:
    """A page that only tells, or saves time; None when there is none that can be read."""
    try:
        return at.read(name)
    except Damaged:
        return None
