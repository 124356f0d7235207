"""A page that never comes, or never comes to rest, holds provision no longer than browser.timeout."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.dripping import WAYS, Way, answer, dripping
from tests.provision.desk import Desk
from tests.support import slow_but

TIMEOUT = 2.0
STARTING = 1.5  # seconds in which a shared browser, which the case before may have ended, is there again
LOGIN = '<form id="login" method="post"></form>'
API = answer(b'{"success": {"code": 200, "dolibarr_version": "23.0.0"}}', b"application/json")
PAGES = {  # of which a part drips, or that keep the browser busy
    "a style sheet": f'<link rel="stylesheet" href="/part">{LOGIN}',
    "a script": f'<script src="/part"></script>{LOGIN}',
    "a script without an end": f"{LOGIN}<script>while (true) {{ }}</script>",
    "a dialog": f"{LOGIN}<script>while (true) {{ alert('x'); }}</script>",
}
CASES = [name for name in (*WAYS, *PAGES) if name != "a TLS record"]
QUICK = {"headers", "a byte of the body", "a script without an end"}


def answered(page: str | None) -> Callable[[bytes], bytes | None]:
    """The API and the page that is asked for as a proof come whole, and `page` to the browser."""

    def before(head: bytes) -> bytes | None:
        path = head.split(b" ")[1]
        if path.startswith(b"/api/"):
            return API
        if b"Mozilla" not in head:
            return answer(LOGIN.encode())
        return answer(page.encode()) if page and path == b"/" else None

    return before


@pytest.mark.usefixtures("one_browser")
@pytest.mark.parametrize("name", slow_but(QUICK, CASES))
def test_provision_ends_with_the_deadline_of_a_page(desk: Desk, name: str, agent: str) -> None:
    way: Way = WAYS.get(name, WAYS["a byte of the body"])
    desk.reached = False
    with dripping(way, answered(PAGES.get(name))) as url:
        desk.erp = replace(desk.erp, url=url)
        started = time.monotonic()
        error = desk.failing(agent, browser={"timeout": TIMEOUT}, timeouts={"connect": 1, "read": 1})
        assert time.monotonic() - started < TIMEOUT + 1 + STARTING
    assert f"/: expected an answer within {TIMEOUT:g} s; seen: none" in error.what
    assert len(desk.kept()) == 1
