"""Find a browser and launch it, kept on the sandbox's host.

Playwright is imported when a browser is wanted, never before: `inv --list` must stay quick.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.dolibarr import confine
from sandbox.dolibarr.driver import driver
from sandbox.dolibarr.watch import Watch
from sandbox.errors import Failed, UsageError
from sandbox.shell import first_line
from sandbox.temporary import temporary_folder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Playwright

_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
    "microsoft-edge-stable",
)
_APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_CLOSING = 5.0  # seconds
_SHARED: ContextVar[Callable[[], Browser] | None] = ContextVar("shared", default=None)


def find(playwright: Playwright, configured: Path | None, *, headless: bool) -> Path:
    """The browser to drive: the configured one, Playwright's own download, or the system's.

    Raises:
        UsageError: there is none, or the configured one is no program.
    """
    if configured is not None:
        if not (configured.is_file() and os.access(configured, os.X_OK)):
            raise UsageError(
                f"browser.executable is no program: {configured}", "correct it, or leave it unset"
            )
        return configured
    own = Path(playwright.chromium.executable_path)
    if shutil.which(own):
        return own
    if headless and os.access(own.parents[2], os.R_OK | os.X_OK):  # not in a home that may not be entered
        # `playwright install --only-shell` brings a browser without windows, in a folder of its own
        folder = own.parents[1].name.replace("chromium-", "chromium_headless_shell-")
        for shell in own.parents[2].glob(f"{folder}/*/*headless*shell*"):
            if os.access(shell, os.X_OK):
                return shell
    for name in (*_NAMES, *_APPLICATIONS):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise UsageError(
        "no browser was found: neither Playwright's own nor Chromium, Chrome or Edge on PATH",
        "run: playwright install chromium, or on Debian: apt install chromium",
    )


def refuse_without_display(*, headless: bool) -> None:
    """Refuse a window where nobody could see one.

    Raises:
        UsageError: there is no display.
    """
    if headless or not sys.platform.startswith("linux"):
        return
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise _no_display()


def _no_display() -> UsageError:
    return UsageError(
        "there is no display to show the browser on",
        "add --headless (it needs the credentials file), or set DISPLAY",
    )


@contextmanager
def window(url: str, executable: Path | None, timeout: float, *, headless: bool) -> Iterator[confine.Window]:
    """Open a fresh browser page, with no cookie, cache or history of anybody's.

    Raises:
        UsageError: no browser, or no display.
        Failed: the browser does not start.
    """
    refuse_without_display(headless=headless)
    with _running(executable, confine.rules(confine.own(url)), headless=headless) as browser:
        size = {"viewport": {"width": 1280, "height": 1000}} if headless else {"no_viewport": True}
        options: dict[str, Any] = {**size, "accept_downloads": False, "service_workers": "block"}
        context, watch = browser.new_context(**options), Watch(browser)
        try:
            context.set_default_timeout(timeout * 1000)
            opened = confine.Window(context.new_page(), watch)
            confine.to(url, context, opened)
            yield opened
        finally:
            watch.give(_CLOSING)
            _closed(context)
            watch.stop()


@contextmanager
def shared(host: str) -> Iterator[None]:
    """Have one browser for all headless windows of this thread that are on one host, whatever the port.

    To start one takes a second.
    """
    with temporary_folder() as folder, driver() as playwright:
        running: list[Browser] = []

        def one() -> Browser:
            if not (running and running[-1].is_connected()):  # a test may have ended it
                running.append(_launched(playwright, None, confine.rules([host]), folder, headless=True))
            return running[-1]

        token = _SHARED.set(one)
        try:
            yield
        finally:
            _SHARED.reset(token)
            for browser in running:
                _closed(browser)


@contextmanager
def _running(executable: Path | None, rules: str, *, headless: bool) -> Iterator[Browser]:
    one = _SHARED.get() if headless and executable is None else None
    if one is not None:
        yield one()
        return
    with temporary_folder() as folder, driver() as playwright:
        browser = _launched(playwright, executable, rules, folder, headless=headless)
        try:
            yield browser
        finally:
            _closed(browser)


def _launched(
    playwright: Playwright, executable: Path | None, rules: str, folder: Path, *, headless: bool
) -> Browser:
    from playwright.sync_api import Error  # noqa: PLC0415

    program = find(playwright, executable, headless=headless)
    # so it leaves nothing in the home or among temporary files, and has a path for its socket
    mine = dict.fromkeys(("TMPDIR", "XDG_CACHE_HOME", "BREAKPAD_DUMP_LOCATION"), str(folder))
    try:
        return playwright.chromium.launch(
            executable_path=program,
            headless=headless,
            args=confine.arguments(rules),
            timeout=60_000,
            env={**confine.environment(), **mine},
        )
    except Error as error:
        text = str(error)
        if "DISPLAY" in text or "XServer" in text or "ozone_platform" in text:
            raise _no_display() from None
        raise Failed(
            f"the browser {program} does not start: {first_line(text)[:200] or 'no reason given'}",
            "start it by hand to see why, or set browser.executable to another one",
        ) from None


def _closed(opened: Browser | BrowserContext) -> None:
    from playwright.sync_api import Error  # noqa: PLC0415

    try:
        opened.close()
    except Error:
        return  # it is gone already: the person closed it, or Ctrl-C reached it too
