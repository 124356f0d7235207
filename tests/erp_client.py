"""A person at the lab's ERP: logs in, makes users, gives keys and rights, calls the API."""

from __future__ import annotations

import functools
import json
import re
import secrets
from pathlib import Path
from typing import Any

import requests
from dotenv import dotenv_values

from sandbox.lab import configuration

TIMEOUT = 30
ASKED = {"firstname": "Test", "gender": "other", "civility_code": "MR"}  # what some versions insist on


def settings(root: Path) -> dict[str, Any]:
    found = configuration(root)
    assert found is not None
    return found


def admin_password(root: Path) -> str:
    return dotenv_values(root / "test" / ".env.sandbox", interpolate=False)["DOLIBARR_ADMIN_PASSWORD"] or ""


def messages(answer: requests.Response) -> list[tuple[str, str]]:
    """The texts that the page's script shows, each with its kind; 16 writes login errors into the page."""
    found = re.findall(r'\$\.jnotify\(("(?:[^"\\]|\\.)*"),\s*"(\w+)"', answer.text)
    shown = re.findall(r'login_main_message[^"]*"><div class="error">\s*(.*?)\s*</div>', answer.text)
    said = [(json.loads(text.replace("\\'", "'")), kind) for text, kind in found]
    return said + [(text, "error") for text in shown]


class Person:
    """One browser."""

    def __init__(self, url: str, **headers: str) -> None:
        self.url, self.token = url, ""
        self.session = requests.Session()
        # version 16 refuses a POST that does not say where it comes from; browsers do
        self.session.headers.update({"Referer": f"{url}/", **headers})

    def get(self, path: str, **query: object) -> requests.Response:
        shown = {name: str(value) for name, value in query.items()}
        return self.session.get(self.url + path, params=shown, timeout=TIMEOUT, allow_redirects=False)

    def post(self, path: str, **fields: object) -> requests.Response:
        given = {"token": self.token, **fields}
        return self.session.post(self.url + path, data=given, timeout=TIMEOUT, allow_redirects=False)

    def log_in(self, login: str, password: str) -> requests.Response:
        page = self.get("/")
        self.token = re.findall(r'name="token" value="(\w+)"', page.text)[0]
        return self.post("/index.php?mainmenu=home", actionlogin="login", username=login, password=password)

    def add_user(self, **fields: object) -> tuple[int, str]:
        """Make a user with a random login; its number and login."""
        login = f"robot_{secrets.token_hex(4)}"
        given = {"lastname": "Robot", "login": login, "password": "Abcd1234ZZ!!", **ASKED, **fields}
        done = self.post("/user/card.php", action="add", **given)
        assert done.status_code == 302, messages(done)
        return int(re.findall(r"[?&]id=(\d+)", done.headers["Location"])[0]), login

    def change_user(self, number: int, login: str, **fields: object) -> requests.Response:
        given = {"action": "update", "lastname": "Robot", "login": login, **ASKED, **fields}
        return self.post(f"/user/card.php?id={number}", **given)

    def grant(self, number: int, right: object, **query: object) -> requests.Response:
        asked = {"action": "addrights", "entity": 1, "rights": right, "confirm": "yes", "token": self.token}
        return self.get("/user/perms.php", id=number, **{**asked, **query})

    def rights(self, number: int) -> dict[str, str]:
        """The permissions page: each right's name, and how it stands there."""
        page = self.get("/user/perms.php", id=number).text
        rows = re.findall(r"<!-- (\w+(?:->\w+)+) -->\n<tr(.*?)</tr>", page, re.DOTALL)
        return {name.replace("->", "."): _standing(row) for name, row in rows}


def _standing(row: str) -> str:
    links = {"granted": "action=delrights", "open": "action=addrights"}
    return next((name for name, link in links.items() if link in row), "inherited")


def administrator(root: Path, **headers: str) -> Person:
    person = Person(settings(root)["url"], **headers)
    assert 'id="id-top"' in person.log_in("admin", admin_password(root)).text
    return person


@functools.cache
def _one_administrator(root: Path) -> Person:
    return administrator(root)


def call(root: Path, method: str, path: str, key: str | None = None, **more: Any) -> requests.Response:
    """Call the API."""
    headers = {"DOLAPIKEY": key} if key else {}
    url = settings(root)["url"] + "/api/index.php" + path
    return requests.request(method, url, headers=headers, timeout=TIMEOUT, allow_redirects=False, **more)


def flat(tree: object, path: str = "") -> set[str]:
    """The names of the rights in a tree of them; Dolibarr leaves empty branches standing."""
    if isinstance(tree, dict):
        return {name for key in tree for name in flat(tree[key], f"{path}.{key}".lstrip("."))}
    return {path} if tree else set()


def robot(root: Path, *rights: int) -> tuple[int, str, str]:
    """Make a user with a key and rights; its number, login and key."""
    admin, key = _one_administrator(root), f"k{secrets.token_hex(20)}"
    number, login = admin.add_user()
    admin.change_user(number, login, api_key=key)  # some versions drop a key that is given on creating
    for right in rights:
        admin.grant(number, right)
    return number, login, key
