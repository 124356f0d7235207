"""How a page of Dolibarr fails; apart from the pages, so that nothing needs Playwright to name it."""

from __future__ import annotations

from pathlib import Path

from sandbox.errors import Failed


class LoggedOut(Exception):
    """The login form came where another page was expected: the session has ended."""


class DolibarrPageError(Failed):
    """A page of Dolibarr did not show or do what it should.

    Args:
        page: the path of the page.
        expected: what should have been there.
        seen: what was there, in the page's own words where it has some.
        next_step: what mends it.
    """

    def __init__(self, page: str, expected: str, seen: str, next_step: str = "") -> None:
        super().__init__(f"{page}: expected {expected}; seen: {seen}", next_step)
        self.page, self.expected, self.seen = page, expected, seen
        self.folder: Path | None = None

    def kept_in(self, folder: Path) -> None:
        """Tell where the screenshot and the trail are."""
        self.folder = folder
        self.next_step = f"{self.next_step or 'look at the page'} (screenshot and steps: {folder})"
