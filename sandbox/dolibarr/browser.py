"""Find a browser, launch it, and keep it on the sandbox's host.

Playwright is imported when a browser is wanted, never before: `inv --list` must stay quick.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox.dolibarr.driver import driver
from sandbox.errors import Failed, UsageError
from sandbox.temporary import temporary_folder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

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
_ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # the suggestions of an address bar that nobody sees would take a process and half a second for each page
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup",
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SHARED: ContextVar[Browser | None] = ContextVar("shared", default=None)


@dataclass
class Window:
    """A browser page that cannot leave the sandbox's host, and what it was kept from visiting."""

    page: Page
    strayed: list[str] = field(default_factory=list)


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
def window(url: str, executable: Path | None, timeout: float, *, headless: bool) -> Iterator[Window]:
    """Open a fresh browser page, with no cookie, cache or history of anybody's.

    Raises:
        UsageError: no browser, or no display.
        Failed: the browser does not start.
    """
    refuse_without_display(headless=headless)
    with _running(executable, headless=headless) as browser:
        size = {"viewport": {"width": 1280, "height": 1000}} if headless else {"no_viewport": True}
        options: dict[str, Any] = {**size, "accept_downloads": False, "service_workers": "block"}
        context = browser.new_context(**options)
        try:
            context.set_default_timeout(timeout * 1000)
            opened = Window(context.new_page())
            _confine(context, opened, url)
            yield opened
        finally:
            _closed(context)


@contextmanager
def shared() -> Iterator[None]:
    """Have one browser for all headless windows of this thread: to start one takes a second."""
    with _running(None, headless=True) as browser:
        token = _SHARED.set(browser)
        try:
            yield
        finally:
            _SHARED.reset(token)


@contextmanager
def _running(executable: Path | None, *, headless: bool) -> Iterator[Browser]:
    browser = _SHARED.get() if headless and executable is None else None
    if browser is not None:
        yield browser
        return
    with temporary_folder() as folder, driver() as playwright:
        browser = _launched(playwright, executable, folder, headless=headless)
        try:
            yield browser
        finally:
            _closed(browser)


def _launched(playwright: Playwright, executable: Path | None, folder: Path, *, headless: bool) -> Browser:
    from playwright.sync_api import Error  # noqa: PLC0415

    program = find(playwright, executable, headless=headless)
    # so it leaves nothing in the home or among temporary files, and has a path for its socket
    mine = dict.fromkeys(("TMPDIR", "XDG_CACHE_HOME", "BREAKPAD_DUMP_LOCATION"), str(folder))
    try:
        return playwright.chromium.launch(
            executable_path=program,
            headless=headless,
            args=list(_ARGUMENTS),
            timeout=60_000,
            env={**os.environ, **mine},
        )
    except Error as error:
        text = str(error)
        if "DISPLAY" in text or "XServer" in text or "ozone_platform" in text:
            raise _no_display() from None
        line = next((line for line in text.splitlines() if line.strip()), "no reason given")
        raise Failed(
            f"the browser {program} does not start: {line.strip()[:200]}",
            "start it by hand to see why, or set browser.executable to another one",
        ) from None


def _closed(opened: Browser | BrowserContext) -> None:
    from playwright.sync_api import Error  # noqa: PLC0415

    try:
        opened.close()
    except Error:
        return  # it is gone already: the person closed it, or Ctrl-C reached it too


def same_place(url: str, base: str) -> bool:
    """Whether a URL is on the host of `base`; http may become https on the default ports."""
    here, there = urlsplit(url), urlsplit(base)
    if here.hostname != there.hostname:
        return False
    ports = [parts.port or _DEFAULT_PORTS.get(parts.scheme) for parts in (here, there)]
    return ports[0] == ports[1] or ports == [443, 80]


def _origins(url: str) -> list[str]:
    """Patterns of the origins that `same_place` accepts."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    host = re.escape(f"[{name}]" if ":" in name else name)
    default = _DEFAULT_PORTS[parts.scheme]
    if parts.port not in (None, default):
        return [f"{parts.scheme}://{host}:{parts.port}"]
    return [f"{scheme}://{host}(:{_DEFAULT_PORTS[scheme]})?" for scheme in {parts.scheme, "https"}]


def _confine(context: BrowserContext, window: Window, url: str) -> None:
    """Stop every request to another host: prod's by a wrong link, telemetry, fonts.

    Playwright's routes do not see where a redirect leads, so the browser's own protocol guards documents.
    """
    own = "|".join(_origins(url))
    context.route(re.compile(rf"^(?!({own})(/|$)|data:|blob:|about:)"), lambda route: route.abort())
    session = context.new_cdp_session(window.page)

    def guard(event: dict[str, Any]) -> None:
        target = event["request"]["url"]
        request = {"requestId": event["requestId"]}
        if same_place(target, url) or not target.startswith("http"):
            session.send("Fetch.continueRequest", request)
        else:
            window.strayed.append(target.split("?")[0])
            session.send("Fetch.failRequest", {**request, "errorReason": "BlockedByClient"})

    session.on("Fetch.requestPaused", guard)
    session.send("Fetch.enable", {"patterns": [{"urlPattern": "*", "resourceType": "Document"}]})
