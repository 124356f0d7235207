"""What an ERP's login page shows of a sandbox's mark: by it a URL is tied to a database."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from sandbox.dolibarr.api import Answer, Client
from sandbox.dolibarr.confine import same_place
from sandbox.errors import Unreachable
from sandbox.settings import Timeouts

_HOPS = 3  # redirects within one host, such as to https or to /index.php
_REDIRECTS = range(300, 400)
_MARK = re.compile(r'<meta name="dolibarr-sandbox" content="([^"<>]*)">')
_FORM = re.compile(r'<form\b[^>]*\bid="login"')
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_LONGEST_TITLE = 60  # characters


@dataclass(frozen=True)
class Shown:
    """What was seen at one URL.

    Args:
        mark: the mark that the page shows; None: it shows none.
        dolibarr: it was Dolibarr's login page, which would show the mark of its database.
        words: what was seen, for people: "shows …", "answers …".
    """

    mark: str | None
    dolibarr: bool
    words: str


def look(url: str, timeouts: Timeouts) -> Shown:
    """Look at the login page; an ERP that does not answer is told, and no redirect to another host followed.

    Args:
        url: the ERP's base URL.
        timeouts: for each request; with its redirects it takes no longer than both together.
    """
    client = Client(url, timeouts)
    at, until = f"{url}/", client.deadline
    try:
        answer = client.page(at, until)
        for _ in range(_HOPS):
            target = _target(at, answer)
            if answer.status not in _REDIRECTS or not same_place(target, url):
                break
            at = target
            answer = client.page(at, until)
    except Unreachable as error:
        return Shown(None, dolibarr=False, words=error.what.removeprefix(f"{url} "))
    return _read(answer, at)


def look_at_both(url: str, prods: str | None, timeouts: Timeouts) -> tuple[Shown, Shown | None]:
    """Look at two ERPs at the same time; see `look`."""
    with ThreadPoolExecutor(1) as meanwhile:
        other = meanwhile.submit(look, prods, timeouts) if prods else None
        return look(url, timeouts), other.result() if other else None


def _target(at: str, answer: Answer) -> str:
    """Where an answer redirects to; empty: nowhere that could be asked."""
    try:
        target = urljoin(at, answer.location)
        return target if urlsplit(target).scheme in {"http", "https"} else ""
    except ValueError:
        return ""


def _read(answer: Answer, at: str) -> Shown:
    text = answer.text
    found = _MARK.search(text)
    if found is not None:
        return Shown(found[1], dolibarr=True, words=f"shows the mark {found[1]}")
    if _FORM.search(text):
        return Shown(None, dolibarr=True, words="shows a login page without a sandbox's mark")
    if answer.status in _REDIRECTS:
        return Shown(
            None,
            dolibarr=False,
            words=f"redirects to {_target(at, answer).split('?')[0] or 'what is no URL'}",
        )
    title = _TITLE.search(text)
    named = " ".join(title[1].split())[:_LONGEST_TITLE] if title else ""
    page = f"a page titled {named!r}" if named else f"{answer.content_type.split(';')[0] or 'nothing'}"
    return Shown(None, dolibarr=False, words=f"answers HTTP {answer.status} with {page} and no login form")
