"""An administrator's session in a browser; whatever breaks it is told in one line, with its next step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandbox.dolibarr import browser
from sandbox.dolibarr.confine import Window
from sandbox.dolibarr.credentials import Credentials
from sandbox.dolibarr.driver import discreet
from sandbox.dolibarr.failure import DolibarrPageError
from sandbox.dolibarr.trail import Trail
from sandbox.errors import Failed, Refused, SandboxError, Unreachable
from sandbox.settings import Settings

if TYPE_CHECKING:
    from sandbox.dolibarr.admin import Admin
    from sandbox.dolibarr.pages.site import Site

_SILENT = ("ERR_CONNECTION", "ERR_NAME", "ERR_ADDRESS", "ERR_INTERNET", "ERR_TIMED_OUT", "ERR_EMPTY")
_PICTURE = 0.8  # seconds for the picture of a page that was too late
_AGAIN = "run it again: it goes on from what is there"


@contextmanager
def administrator(
    settings: Settings,
    credentials: Credentials | None,
    trail: Trail,
    say: Callable[[str], None],
    *,
    headless: bool,
) -> Iterator[Admin]:
    """Log in; on a failure keep a masked screenshot and the steps below the state folder.

    Raises:
        UsageError: no browser, or no display.
        Refused: the sandbox sends the browser to another host.
        Unreachable: the sandbox does not answer.
        Failed: anything else; a `DolibarrPageError` when a page is to blame.
    """
    with discreet():
        from playwright.sync_api import Error  # noqa: PLC0415  # only when a browser is wanted

    from sandbox.dolibarr.admin import Admin  # noqa: PLC0415
    from sandbox.dolibarr.pages.site import Site  # noqa: PLC0415

    timeout = settings.browser.timeout
    with browser.window(settings.url, settings.browser.executable, timeout, headless=headless) as window:
        site = Site(window, settings.url, trail, timeout)
        try:
            admin = Admin(site, credentials, say, headless=headless)
            admin.enter()
            yield admin
        except Error as error:
            window.watch.give(_PICTURE if "Timeout" in str(error) else timeout)
            raise _kept(_translated(str(error), window, site, timeout), site, settings) from None
        except SandboxError as error:
            window.watch.give(timeout)
            raise _kept(error, site, settings) from None


def _translated(text: str, window: Window, site: Site, timeout: float) -> SandboxError:
    """What one of Playwright's errors means; its own text may quote the page and is not passed on."""
    if window.strayed:
        return Refused(
            f"{site.url} sends the browser to {window.strayed[-1]}, which is not the sandbox",
            "correct $dolibarr_main_url_root in the sandbox's conf.php, or the setting url",
        )
    if window.watch.ended or "Timeout" in text:
        return DolibarrPageError(
            site.path, f"an answer within {timeout:g} s", "none", "look at its load, or raise browser.timeout"
        )
    if "has been closed" in text or "Target crashed" in text or "Connection closed" in text:
        return Failed(f"the browser was closed at {site.path}", _AGAIN + "; leave the window open to its end")
    if "ERR_CERT" in text or "ERR_SSL" in text:
        return Failed(
            f"the browser does not trust the certificate of {site.url}",
            "add the authority to the system's (or the browser's) trusted ones",
        )
    if any(sign in text for sign in _SILENT):
        return Unreachable(f"{site.url} does not answer", "check the URL, the network, and that it runs")
    first = site.trail.quote(text.partition("\n")[0])
    return DolibarrPageError(site.path, "the page to work as Dolibarr's do", first, _AGAIN)


def _kept(error: SandboxError, site: Site, settings: Settings) -> SandboxError:
    """Keep the picture of a page that went wrong; what no page is to blame for needs none."""
    if isinstance(error, DolibarrPageError):
        error.kept_in(site.trail.keep(settings.files.state, site.page, error.what))
    return error
