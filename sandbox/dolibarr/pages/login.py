"""The login form: filled from the credentials, completed by the person where there is one."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from sandbox.dolibarr.credentials import Credentials
from sandbox.dolibarr.failure import DolibarrPageError
from sandbox.dolibarr.pages.site import INSIDE, LOGIN_FORM, Site
from sandbox.errors import Failed

PERSON_SECONDS = 600  # to find the phone with the second factor
_BUTTON = "input[type=submit], button[type=submit], button:not([type])"
_EXTRA = """form => [...form.querySelectorAll('input:not([type=hidden]), select')]
  .filter(field => !['username', 'password'].includes(field.name || field.id))
  .filter(field => !['submit', 'button', 'checkbox', 'image'].includes(field.type))
  .filter(field => field.offsetParent !== null && !(field.tagName === 'SELECT' && field.value))
  .map(field => field.name || field.id)"""


class LoginPage:
    """Gets the browser inside Dolibarr.

    Args:
        site: the browser's page.
        credentials: an administrator's, when there is a file with them.
        headless: nobody is there to help.
        say: tells the person what is waited for.
    """

    def __init__(
        self, site: Site, credentials: Credentials | None, say: Callable[[str], None], *, headless: bool
    ) -> None:
        self.site, self.credentials, self.say, self.headless = site, credentials, say, headless

    def enter(self) -> None:
        """Come out logged in.

        Raises:
            DolibarrPageError: the login is refused, asks for more than a machine has, or nobody completed it.
            Failed: what answers is not Dolibarr, or wants its installer.
        """
        status = self.site.visit("/")
        if not self.site.shows(f"{LOGIN_FORM}, {INSIDE}", 5000):
            raise self._not_dolibarr(status)
        if self.site.shows(INSIDE):
            return
        submitted = self._fill_and_submit()
        if self.site.shows(INSIDE):
            return
        if self.headless:
            raise self._refused()
        self._wait_for_person(submitted=submitted)

    def _fill_and_submit(self) -> bool:
        """Fill the form; submit it once, unless it asks for something that only a person has."""
        if self.credentials is None:
            return False
        extra = self.site.page.locator(LOGIN_FORM).evaluate(_EXTRA)
        self.site.page.locator(f"{LOGIN_FORM} #username").fill(self.credentials.login)
        self.site.put(f"{LOGIN_FORM} #password", self.credentials.password)
        if extra and self.headless:
            raise DolibarrPageError(
                self.site.path,
                "a login form with a name and a password",
                f"it also asks for {', '.join(extra)} (a captcha or a second factor)",
                "run without --headless and complete the login yourself",
            )
        if not extra:
            self.site.submit(LOGIN_FORM, _BUTTON)
        return not extra

    def _refused(self) -> DolibarrPageError:
        source = self.credentials.source if self.credentials else "the credentials file"
        if self.site.shows(LOGIN_FORM):
            return self.site.wrong(
                "to be logged in",
                f"check the name and password in {source}, and that the account is enabled and not locked",
            )
        return self._interstitial()

    def _interstitial(self) -> DolibarrPageError:
        if self.site.shows("input[type=password]"):
            error = self.site.wrong(
                "to be logged in",
                "Dolibarr asks for a new password: set it in your own browser, correct the credentials file",
            )
            error.what += " (a page that asks for a password)"
            return error
        return self.site.wrong(
            "Dolibarr's menu after the login", "run without --headless and complete the login yourself"
        )

    def _wait_for_person(self, *, submitted: bool) -> None:
        complaint = self.site.messages(500) if submitted else ""
        prefix = f"Dolibarr says: {complaint}. " if complaint else ""
        self.say(f"{prefix}Complete the login in the browser window; it goes on by itself.")
        self.site.wait(PERSON_SECONDS)
        try:
            self.site.page.wait_for_selector(INSIDE, state="attached", timeout=PERSON_SECONDS * 1000)
        except PlaywrightTimeoutError:
            raise self.site.wrong(
                f"somebody to complete the login within {PERSON_SECONDS // 60} minutes",
                "run it again when you are at the screen, or use --headless with the credentials file",
            ) from None
        self.site.trail.note("logged in by the person")

    def _not_dolibarr(self, status: int) -> Failed:
        url = self.site.url
        if "/install/" in self.site.page.url:
            return Failed(
                f"Dolibarr at {url} wants its installer: its database is empty or older than its code",
                "run: inv refresh --yes, or upgrade the sandbox",
            )
        title = self.site.trail.quote(self.site.page.title())
        return DolibarrPageError(
            self.site.path,
            "Dolibarr's login form",
            f"HTTP {status} and a page titled {title!r}",
            f"check the setting url ({url}): is it Dolibarr, with the path that it is installed under?",
        )
