"""Nothing is armed before the URL and the database are proven to be one sandbox; on any ERP (see desk.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from sandbox.dolibarr.shown import look
from sandbox.errors import ExitCode
from sandbox.lab.access import password_of
from sandbox.lab.server import SUPERUSER
from sandbox.lifecycle.relink import relink
from sandbox.settings import Timeouts
from tests.provision.desk import Desk
from tests.provision.proxy import Answered, Asked, Proxy
from tests.support import forwarded, slow_but
from tests.worlds import context

SOON = Timeouts(5, 10)
HEADERS = "SELECT entity, value FROM llx_const WHERE name = 'MAIN_HTML_HEADER' ORDER BY entity"
pytestmark = pytest.mark.usefixtures("reachable")


@pytest.fixture
def reachable(desk: Desk) -> None:
    if not desk.erp.access:
        pytest.skip("DOLIBARR_TEST_URL: the tasks do not reach that ERP's database")


def mark_of(desk: Desk) -> str:
    return str(desk.erp.execute("SELECT value FROM llx_const WHERE name = 'DOLIBARR_SANDBOX'")[0][0])


@contextmanager
def copied(desk: Desk) -> Iterator[dict[str, Any]]:
    """The settings of another database: a copy of the ERP's, its mark included, that no ERP serves."""
    given = desk.erp.access["database"]
    live, copy = given["name"], f"{given['name']}_copy"
    secret = password_of(Path(desk.erp.access["postgres"]["passwords"]), SUPERUSER)
    where = {"host": given["host"], "port": given["port"], "dbname": "postgres"}
    with psycopg.connect(user=SUPERUSER, password=secret, autocommit=True, **where) as session:
        session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [live])
        words = [sql.Identifier(copy), sql.Identifier(live), sql.Identifier(given["user"])]
        session.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*words))
        try:
            yield {"database": {**given, "name": copy}}
        finally:
            session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(words[0]))


def test_provision_proves_the_url_and_leaves_the_pages_as_they_were(desk: Desk, agent: str) -> None:
    desk.provision(f"{agent}_first")  # from now on the head has the mark
    before = desk.erp.execute(HEADERS)
    report = desk.provision(agent)
    assert (report.proven, report.proven_why) == (True, "")
    assert any("proven" in line and mark_of(desk) in line for line in desk.said)
    assert look(desk.erp.url, SOON).mark == mark_of(desk)
    assert desk.erp.execute(HEADERS) == before


@pytest.mark.slow
def test_what_prod_has_in_the_head_of_an_entity_stays_and_hides_no_mark(desk: Desk, agent: str) -> None:
    with desk.erp.constant("MAIN_HTML_HEADER", '<meta name="prods">'):
        assert desk.provision(agent).proven
        headers = dict(desk.erp.execute(HEADERS))
        mark = f'<meta name="dolibarr-sandbox" content="{mark_of(desk)}">'
        assert headers == {0: mark, 1: f'{mark}<meta name="prods">'}


def test_a_proxy_before_the_sandbox_is_proven_too(desk: Desk, proxy: Proxy, agent: str) -> None:
    assert desk.provision(agent, url=proxy.url).proven


def test_an_erp_on_another_database_is_refused_even_on_a_copy(desk: Desk, agent: str) -> None:
    with copied(desk) as elsewhere:
        error = desk.failing(agent, **elsewhere)
    assert error.code == ExitCode.REFUSED
    assert "serves a copy" in error.what
    assert desk.erp.url in error.what
    assert elsewhere["database"]["name"] in error.what
    assert agent not in desk.erp.users()


def test_a_database_without_a_mark_is_refused(desk: Desk, agent: str) -> None:
    with desk.erp.constant("DOLIBARR_SANDBOX", None), desk.erp.constant("MAIN_HTML_HEADER", None):
        error = desk.failing(agent)
        assert desk.erp.execute(HEADERS) == []
    assert error.code == ExitCode.REFUSED
    assert "inv refresh --yes" in error.next_step
    assert agent not in desk.erp.users()


def test_a_page_without_the_mark_is_refused_with_what_was_seen(desk: Desk, proxy: Proxy, agent: str) -> None:
    old = Answered(body=b'<meta name="dolibarr-sandbox" content="another"><form id="login"></form>')
    broken = Answered(502, body=b"<title>Bad Gateway</title>")
    seen = {
        "shows the mark another": old,
        "shows a login page without a sandbox's mark": Answered(body=b'<form id="login"></form>'),
        "answers HTTP 502 with a page titled 'Bad Gateway'": broken,
        "redirects to https://login.example/": Answered(302, {"Location": "https://login.example/?next=/"}),
    }
    for words, page in seen.items():

        def instead(asked: Asked, page: Answered = page) -> Answered | None:
            return page if asked.path == "/" else None

        proxy.before = instead
        error = desk.failing(agent, url=proxy.url)
        assert error.code == ExitCode.REFUSED
        assert words in error.what
    assert agent not in desk.erp.users()


@pytest.mark.parametrize("reached", slow_but({False}, [True, False]))
def test_prods_url_that_leads_to_the_sandbox_is_refused(
    desk: Desk, proxy: Proxy, agent: str, reached: bool
) -> None:
    desk.provision(f"{agent}_first")
    desk.reached = reached
    with forwarded(desk.erp.url) as port:
        for alias in (proxy.url, port):
            error = desk.failing(agent, prod={"url": alias})
            assert error.code == ExitCode.REFUSED
            assert alias in error.what
            assert mark_of(desk) in error.what
    assert agent not in desk.erp.users()


@pytest.mark.slow
def test_prods_url_that_does_not_answer_is_told_and_blocks_nothing(desk: Desk, agent: str) -> None:
    assert desk.provision(agent, prod={"url": "http://127.0.0.1:9"}).proven
    assert any("prod's URL was not compared: http://127.0.0.1:9 does not" in line for line in desk.said)


def test_without_access_to_the_database_it_is_told_and_goes_on(desk: Desk, agent: str) -> None:
    desk.reached = False
    report = desk.provision(agent)
    assert (report.proven, desk.relinked) == (None, 1)
    assert "no access" in report.proven_why
    assert any(line.startswith("not proven") for line in desk.said)


def test_relink_proves_too_and_writes_no_env_for_another_database(desk: Desk, agent: str) -> None:
    desk.provision(agent)
    settings = desk.settings(agent)
    with copied(desk) as elsewhere, pytest.raises(Exception, match="serves a copy"):
        relink(desk.settings(agent, **elsewhere), context())
    assert not settings.files.env.exists()
    assert relink(settings, context()).proven
    assert settings.files.env.exists()
