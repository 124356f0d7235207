"""The browser's page on one Dolibarr: opening, submitting, waiting, and telling what went wrong where."""

from __future__ import annotations

import contextlib
from typing import Any

from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from sandbox.dolibarr.failure import DolibarrPageError, LoggedOut
from sandbox.dolibarr.trail import Trail

LOGIN_FORM = "form#login"
INSIDE = "body:has(#id-top):not(:has(form#login))"
_NEXT = "is the login an administrator's? otherwise look at the page"
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
        page: Playwright's page.
        url: the base URL, without a slash at its end.
        trail: remembers the steps.
    """

    def __init__(self, page: Page, url: str, trail: Trail) -> None:
        self.page, self.url, self.trail = page, url, trail
        self.path = "/"

    def visit(self, path: str) -> int:
        """Go to a path and wait until its document is read; the HTTP status."""
        self.path = path.partition("?")[0]
        response = self.page.goto(self.url + path, wait_until="commit")
        # documents end early, `load` may take 15 s: DOM ready is all that the forms need
        self.page.wait_for_load_state("domcontentloaded")
        status = response.status if response else 0
        self.trail.note("open", self.path, status=status)
        return status

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
        with self.page.expect_navigation(wait_until="commit"):
            self.page.locator(form).evaluate(
                "(form, button) => form.requestSubmit(form.querySelector(button))", button
            )
        self.page.wait_for_load_state("domcontentloaded")

    def put(self, field: str, secret: str) -> None:
        """Set a field without typing: nothing of it in Playwright's logs, dots on the screen."""
        self.page.locator(field).evaluate(_PUT, secret)

    def ask(self, script: str, argument: object = None) -> Any:
        """Evaluate a script in the page."""
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
