"""An administrator's session in Dolibarr's web pages: the few things that provision asks of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sandbox.dolibarr.credentials import Credentials
from sandbox.dolibarr.failure import DolibarrPageError, LoggedOut
from sandbox.dolibarr.pages.login import LoginPage
from sandbox.dolibarr.pages.permissions import PermissionsPage
from sandbox.dolibarr.pages.site import Site
from sandbox.dolibarr.pages.users import Account, UserCard, UserList
from sandbox.dolibarr.rights import Right

_OWN_ID = """() => {
  const link = document.querySelector('a.login-dropdown-a, a[href*="/user/card.php?id="]');
  return link ? Number(new URL(link.href, location.href).searchParams.get('id')) : 0;
}"""
_Result = TypeVar("_Result")


class Admin:
    """Does each thing once more after a new login when the session ended under it; each can be repeated.

    Args:
        site: the browser's page on Dolibarr.
        credentials: an administrator's, when there is a file with them.
        say: tells the person what is waited for.
        headless: nobody is there to help.
    """

    def __init__(
        self, site: Site, credentials: Credentials | None, say: Callable[[str], None], *, headless: bool
    ) -> None:
        self.site = site
        self._login = LoginPage(site, credentials, say, headless=headless)
        self.own_id = 0

    def enter(self) -> None:
        """Log in."""
        self._login.enter()
        self.own_id = int(self.site.ask(_OWN_ID))

    def find(self, login: str) -> Account | None:
        """The user of exactly this login, enabled or not."""
        return self._logged_in(lambda: UserList(self.site).find(login))

    def offered_rights(self, user_id: int | None) -> list[Right]:
        """The rights on a user's permissions page; the administrator's own page when None."""
        return self._logged_in(PermissionsPage(self.site, user_id or self.own_id).read)

    def create(self, login: str) -> int:
        """Create a user and tell its number, also when it was created meanwhile."""

        def once() -> int:
            try:
                return UserCard.create(self.site, login).user_id
            except (DolibarrPageError, LoggedOut) as problem:
                # somebody else was quicker, or it was created and the answer was lost
                found = UserList(self.site).find(login)
                if found is None:
                    raise problem from None
                return found.user_id

        return self._logged_in(once)

    def enable(self, user_id: int) -> bool:
        """Enable a disabled user; whether it was disabled."""
        return self._logged_in(UserCard(self.site, user_id).enable)

    def grant(self, user_id: int, names: tuple[str, ...], milliseconds: float) -> list[str]:
        """Grant what is missing; which rights were."""
        return self._logged_in(lambda: PermissionsPage(self.site, user_id).grant(names, milliseconds))

    def set_key(self, user_id: int, key: str, login: str) -> None:
        """Give a user an API key."""
        self._logged_in(lambda: UserCard(self.site, user_id).set_key(key, login))

    def _logged_in(self, do: Callable[[], _Result]) -> _Result:
        try:
            return do()
        except LoggedOut:
            self.site.trail.note("the session ended; logging in again")
            self._login.enter()
        try:
            return do()
        except LoggedOut:
            raise DolibarrPageError(
                self.site.path,
                "to stay logged in",
                "the login form, twice",
                "does Dolibarr keep its sessions? check its session folder and its clock",
            ) from None
