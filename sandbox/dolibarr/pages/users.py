"""The user list and the user card: find, create, enable, and give a key."""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

from sandbox import redact
from sandbox.dolibarr.failure import DolibarrPageError
from sandbox.dolibarr.pages.site import Site
from sandbox.errors import Failed

_CANDIDATES = 20  # cards looked into, when the list does not show the login itself
_CREATE, _EDIT = "form[name=createuser]", "form[name=updateuser]"
_ENABLE = "a[href*='action=enable'], a[href*='action=confirm_enable']"
_ROWS = """() => [...document.querySelectorAll('tr[data-rowid]')].map(row => (
  {id: Number(row.dataset.rowid), texts: [...row.cells].map(cell => cell.textContent.trim())}))"""
_CARD = """form => {
  const value = name => (form.querySelector(`[name=${name}]`) || {value: ''}).value;
  const key = form.querySelector('#api_key');
  return {login: value('login'), admin: value('admin'), key: key !== null && key.type !== 'hidden'};
}"""
_COMPLETE = """(form, known) => {
  // what this Dolibarr requires, and nothing that it only offers: the page marks it
  const rows = [...form.querySelectorAll('tr')].filter(row => row.querySelector('.fieldrequired'));
  for (const field of rows.flatMap(row => [...row.querySelectorAll('input, select, textarea')])) {
    if (!field.name || ['hidden', 'submit', 'button', 'checkbox'].includes(field.type)) { continue; }
    if (field.value && field.value !== '-1') { continue; }
    if (field.tagName === 'SELECT') {
      const values = [...field.options].map(option => option.value).filter(v => v && v !== '-1' && v !== '0');
      field.value = values.includes('other') ? 'other' : (values[0] || field.value);
    } else if (field.type !== 'password' && field.name !== 'password') {
      field.value = known[field.name] || known.login;
    }
  }
}"""
_CREATE_VALUES = """(form, known) => {
  const set = (name, value) => {
    const field = form.querySelector(`[name=${name}]`);
    if (field) { field.value = value; }
  };
  set('lastname', known.lastname);
  set('admin', '0');
  const employee = form.querySelector('input[type=checkbox][name=employee]');
  if (employee) { employee.checked = false; }
  set('login', known.login);  // last: v23 proposes one of its own from the name
}"""
_ENABLE_NOW = """form => {
  const token = form.querySelector('input[name=token]').value;
  const id = new URL(form.getAttribute('action'), location.href).searchParams.get('id');
  const query = new URLSearchParams({id, action: 'confirm_enable', confirm: 'yes', token});
  location.href = location.pathname + '?' + query;
}"""


@dataclass(frozen=True)
class Account:
    """What a user's edit form tells."""

    user_id: int
    login: str
    admin: bool
    has_key_field: bool


def known_values(login: str) -> dict[str, str]:
    """What a required field gets when nobody else can say."""
    mailbox = re.sub(r"[^A-Za-z0-9._-]", "-", login)
    return {
        "login": login,
        "lastname": login,
        "firstname": "AI agent",
        "email": f"{mailbox}@sandbox.invalid",
    }


def made_password() -> str:
    """A password that meets every rule of length, kinds and repetition that Dolibarr can be set to.

    It begins with a letter: PHP compares it with 0, and Dolibarr 16 takes one that begins with "-" for an
    error and undoes the user without a word.
    """
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "!#%+:=@_") * 8
    return "".join(secrets.choice(kind) for kind in kinds)


class UserList:
    """``/user/list.php``, with the filters that show enabled and disabled users alike."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def find(self, login: str) -> Account | None:
        """The user of exactly this login, enabled or not, or None."""
        self.site.open(
            f"/user/list.php?search_login={quote(login)}&search_statut=-1&search_status=-1&mode=common&limit=500",
            "table.liste",
            "the list of users",
        )
        rows = self.site.ask(_ROWS)
        # a search finds parts of a login, and a column can be hidden: the card decides
        likely = sorted(rows, key=lambda row: login not in row["texts"])
        for row in likely[:_CANDIDATES]:
            account = UserCard(self.site, row["id"]).read()
            if account.login == login:
                return account
        return None


class UserCard:
    """``/user/card.php`` of one user."""

    def __init__(self, site: Site, user_id: int) -> None:
        self.site, self.user_id = site, user_id

    @property
    def path(self) -> str:
        """The card's path."""
        return f"/user/card.php?id={self.user_id}"

    @classmethod
    def create(cls, site: Site, login: str) -> UserCard:
        """Create an enabled user without any right, with a password that nobody knows.

        Raises:
            DolibarrPageError: Dolibarr refuses it, and says why.
        """
        site.open("/user/card.php?action=create", _CREATE, "the form for a new user")
        form = site.page.locator(_CREATE)
        if site.shows(f"{_CREATE} [name=password]"):
            password = made_password()
            redact.add(password)
            site.put(f"{_CREATE} [name=password]", password)  # Dolibarr prefills one in clear
        known = known_values(login)
        form.evaluate(_CREATE_VALUES, known)
        form.evaluate(_COMPLETE, known)
        site.submit(_CREATE, "input[name=save]")
        site.await_one("#id-top", "Dolibarr's menu")
        number = parse_qs(urlsplit(site.page.url).query).get("id", [""])[0]
        if site.shows(_CREATE) or not number.isdigit():
            raise site.wrong(
                f"the card of the new user {login}",
                "mend what it complains about; a user that exists and is in no list must be renamed by hand",
            )
        site.trail.note("created", site.path, user=int(number))
        return cls(site, int(number))

    def read(self) -> Account:
        """Read the edit form."""
        self.site.open(f"{self.path}&action=edit", _EDIT, f"the form of user {self.user_id}")
        seen = self.site.page.locator(_EDIT).evaluate(_CARD)
        return Account(self.user_id, seen["login"], seen["admin"] not in ("", "0"), seen["key"])

    def enable(self) -> bool:
        """Enable the user when it is disabled; whether it was.

        Raises:
            DolibarrPageError: it stays disabled.
        """
        self.site.open(self.path, "div.fiche", f"the card of user {self.user_id}")
        if not self.site.shows(_ENABLE):
            return False
        self.site.open(f"{self.path}&action=edit", _EDIT, f"the form of user {self.user_id}")
        with self.site.leaving():
            self.site.page.locator(_EDIT).evaluate(_ENABLE_NOW)
        self.site.open(self.path, "div.fiche", f"the card of user {self.user_id}")
        if self.site.shows(_ENABLE):
            raise self.site.wrong("the user to be enabled", "enable it by hand, then run it again")
        self.site.trail.note("enabled", self.site.path)
        return True

    def set_key(self, key: str, login: str) -> None:
        """Give the user an API key; the old one works until this one is saved.

        Raises:
            Failed: this Dolibarr keeps keys elsewhere, or its API module is off.
            DolibarrPageError: Dolibarr refuses it, and says why.
        """
        if not self.read().has_key_field:
            raise self._no_key_field()
        form = self.site.page.locator(_EDIT)
        form.evaluate(_COMPLETE, known_values(login))
        self.site.put(f"{_EDIT} #api_key", key)
        self.site.submit(_EDIT, "input[name=save]")
        self.site.await_one("#id-top", "Dolibarr's menu")
        if self.site.shows(f"{_EDIT}, {_CREATE}, .jnotify-notification-error"):
            raise self.site.wrong("the key to be saved", "save the user's card by hand to see why it refuses")
        self.site.trail.note("key set", self.site.path)

    def _no_key_field(self) -> Failed:
        self.site.open(self.path, "div.fiche", f"the card of user {self.user_id}")
        if "api_token/list.php" in self.site.page.content():
            return DolibarrPageError(
                self.site.path,
                "a field for the API key",
                "this Dolibarr keeps keys in a table of their own (API_IN_TOKEN_TABLE=1)",
                "set API_IN_TOKEN_TABLE to 0 in the sandbox (Home > Setup > Other setup), then run it again",
            )
        return DolibarrPageError(
            self.site.path,
            "a field for the API key",
            "there is none",
            "switch on the module API / Web services (REST server) (Home > Setup > Modules), "
            "and log in as an administrator",
        )
