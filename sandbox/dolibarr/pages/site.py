"""The browser's page on one Dolibarr: opening, submitting, waiting, and telling what went wrong where."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from sandbox.dolibarr.confine import Window
from sandbox.dolibarr.failure import DolibarrPageError, LoggedOut
from sandbox.dolibarr.trail import Trail

LOGIN_FORM = "form#login"
INSIDE = "body:has(#id-top):not(:has(form#login))"
_NEXT = "is the login an administrator's? otherwise look at the page"
_SPARE = 1.0  # seconds that Playwright may need to notice that a wait of its own is over
_GRACE = 2000  # milliseconds that a parsed page may take to show what a script makes
_MESSAGES = """() => {
  const kinds = ['error', 'warning'].map(k => `.jnotify-notification-${k} .jnotify-message, div.${k}`);
  const places = [...kinds, '.login_main_message'];
  const texts = places.flatMap(place => [...document.querySelectorAll(place)].map(e => e.textContent.trim()));
  return [...new Set(texts.filter(Boolean))];
}"""
_PUT = """(field, value) => {
  if (field.type === 'text') { field.type = 'password'; }
  field.value = value;
}"""


class Site:
    """One browser page on one Dolibarr.

    Args:
        window: the browser's page.
        url: the base URL, without a slash at its end.
        trail: remembers the steps.
        seconds: in which a page has been asked for, answered and read.
    """

    def __init__(self, window: Window, url: str, trail: Trail, seconds: float) -> None:
        self.page, self.watch = window.page, window.watch
        self.url, self.trail, self.seconds = url, trail, seconds
        self.path = "/"

    def visit(self, path: str) -> int:
        """Go to a path and wait until its document is read; the HTTP status."""
        self.path = path.partition("?")[0]
        self.wait()
        until = time.monotonic() + self.seconds
        response = self.page.goto(self.url + path, wait_until="commit")
        self._read(until)
        status = response.status if response else 0
        self.trail.note("open", self.path, status=status)
        return status

    def wait(self, more: float = 0) -> None:
        """Let what is asked of the page from now on take as long as a page may, and some seconds more."""
        self.watch.give(self.seconds + more + _SPARE)

    def open(self, path: str, wanted: str, expected: str) -> None:
        """Go to a path and wait for a selector.

        Raises:
            LoggedOut: the login form came instead.
            DolibarrPageError: neither came.
        """
        self.visit(path)
        self.await_one(wanted, expected)

    def await_one(self, wanted: str, expected: str) -> None:
        """Wait for a selector on the page that is there; see `open`."""
        if self.shows(LOGIN_FORM):
            raise LoggedOut
        if not self.shows(wanted, _GRACE):
            raise self.wrong(expected)

    def shows(self, selector: str, patience: float = 0) -> bool:
        """Whether the page has an element, now or within some milliseconds."""
        self.wait(patience / 1000)
        if patience:
            with contextlib.suppress(PlaywrightTimeoutError):
                self.page.wait_for_selector(selector, state="attached", timeout=patience)
                return True
        return self.page.locator(selector).count() > 0

    def submit(self, form: str, button: str) -> None:
        """Press a form's button and wait until the answer's document is read.

        The form is asked to submit itself, as the button would: notices that lie over it do not matter.
        """
        self.trail.note("submit", self.path, form=form)
        with self.leaving():
            self.page.locator(form).evaluate(
                "(form, button) => form.requestSubmit(form.querySelector(button))", button
            )

    @contextlib.contextmanager
    def leaving(self) -> Iterator[None]:
        """Do what leads to another page, and wait until its document is read."""
        self.wait()
        until = time.monotonic() + self.seconds
        with self.page.expect_navigation(wait_until="commit"):
            yield
        self._read(until)

    def _read(self, until: float) -> None:
        """Wait until the document is read: it ends early, `load` may take 15 s; the forms need no more."""
        left = max(1, (until - time.monotonic()) * 1000)  # 0 would be no limit
        self.page.wait_for_load_state("domcontentloaded", timeout=left)

    def put(self, field: str, secret: str) -> None:
        """Set a field without typing: nothing of it in Playwright's logs, dots on the screen."""
        self.wait()
        self.page.locator(field).evaluate(_PUT, secret)

    def ask(self, script: str, argument: object = None) -> Any:
        """Evaluate a script in the page."""
        self.wait()
        return self.page.evaluate(script, argument)

    def messages(self, patience: float = 1000) -> str:
        """What the page itself complains about, or an empty text; scripts show it a moment late."""
        places = ".jnotify-message, .login_main_message, div.error"
        self.shows(places, patience)
        return self.trail.quote("; ".join(self.ask(_MESSAGES)))

    def wrong(self, expected: str, next_step: str = _NEXT) -> DolibarrPageError:
        """The failure of the page that is there now."""
        seen = (
            self.messages() or f"a page titled {self.trail.quote(self.page.title())!r}, without any message"
        )
        self.trail.note("wrong", self.path, expected=expected, seen=seen)
        return DolibarrPageError(self.path, expected, seen, next_step)
