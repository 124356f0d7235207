"""The sandbox's URL is never prod's, by whatever name, address or spelling; two servers may be two."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from invoke.config import Config

from sandbox import addresses
from sandbox.addresses import Place
from sandbox.errors import Refused
from sandbox.settings import Settings, load
from sandbox.sides import refuse_prod_url
from tests.support import Double, document, forwarded, login_page, ops, run

RUN = '<meta name="dolibarr-sandbox" content="20261101T080000-0a0b0c">'
HERE, FAR, OWN = "127.0.0.1", "192.0.2.7", "127.0.0.9"
NAMES = {"erp.test": HERE, "erp-sandbox.test": HERE, "far.test": FAR, "own.test": OWN}


def settings(url: str, prod: str, **more: Any) -> Settings:
    return load(Config(), base={"url": url, "prod": {"url": prod}, "timeouts": {"read": 2}, **more})


@pytest.fixture
def double() -> Iterator[Double]:
    with Double().serving() as server:
        yield server


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names as /etc/hosts could have them."""
    real = socket.getaddrinfo

    def known(host: Any, *words: Any, **more: Any) -> Any:
        if more.get("flags") == socket.AI_NUMERICHOST:
            return real(host, *words, **more)
        if host == "slow.test":
            time.sleep(5)
        return real(NAMES.get(str(host).rstrip("."), host), *words, **more)

    monkeypatch.setattr(socket, "getaddrinfo", known)


# spellings of http://127.0.0.1:8069, one server
ONE = (
    "http://localhost:8069",
    "http://LOCALHOST.:8069",
    "http://127.0.0.1:8069/",
    "https://127.0.0.1:8069",
    "http://127.1:8069",
    "http://0x7f000001:8069",
    "http://0.0.0.0:8069",
    "http://127%2E0.0.1:8069",
    "http://[::1]:8069",
    "http://[0:0:0:0:0:0:0:1]:8069",
    "http://[::ffff:127.0.0.1]:8069",
    "http://erp.localhost:8069",
    "http://erp.test:8069",
    "http://erp.test.:8069/",
    "http://127.0.0.1:8069/index.php",
)
# pairs of one place by its name
SAME = (
    ("https://erp.example", "https://ERP.example."),
    ("http://erp.example", "https://erp.example:443/"),
    ("http://erp.example:80/dolibarr", "http://erp.example//dolibarr/"),
    ("http://erp.example/dolibarr", "http://erp.example/%64olibarr"),
    ("http://erp.example/dolibarr", "http://erp.example/a/../dolibarr/index.php"),
    ("http://bücher.example", "http://xn--bcher-kva.example"),
)
TWO = (
    ("http://erp.example:8080", "http://erp.example:8081"),
    ("http://erp.example/a", "http://erp.example/b"),
    ("http://127.0.0.1:8069", "http://192.0.2.7:8069"),
    ("http://erp.test:8069", "http://far.test:8069"),
)


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("alias", ONE)
def test_prods_own_server_is_refused_by_every_name_and_address(alias: str) -> None:
    for url, prod in ((alias, "http://127.0.0.1:8069"), ("http://127.0.0.1:8069", alias)):
        with pytest.raises(Refused, match="prod's own") as told:
            refuse_prod_url(settings(url, prod))
        assert "sandbox.url" in told.value.next_step


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(("url", "prod"), SAME)
def test_prods_own_url_is_refused_however_it_is_spelled(url: str, prod: str) -> None:
    for one, other in ((url, prod), (prod, url)):
        with pytest.raises(Refused, match="prod's own URL"):
            refuse_prod_url(settings(one, other))


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(("url", "prod"), TWO)
def test_two_places_are_two(url: str, prod: str) -> None:
    assert refuse_prod_url(settings(url, prod)) == ""


@pytest.mark.usefixtures("names")
def test_two_names_of_one_address_are_two_unless_both_show_one_mark(double: Double) -> None:
    port = double.url.rpartition(":")[2]
    pair = settings(f"http://erp-sandbox.test:{port}", f"http://erp.test:{port}")
    double.replies["/"] = login_page(RUN)
    with pytest.raises(Refused, match="both show the mark 20261101T080000-0a0b0c"):
        refuse_prod_url(pair)
    assert refuse_prod_url(pair, ask=False) == ""
    double.replies["/"] = login_page("")
    assert "whether they are one ERP is not known" in refuse_prod_url(pair)
    pages = iter([login_page(RUN), login_page("")] * 2)  # two virtual hosts
    double.replies["/"] = lambda: next(pages)
    assert refuse_prod_url(pair) == ""


@pytest.mark.usefixtures("names")
def test_a_name_of_this_machine_is_asked_beside_its_loopback(double: Double) -> None:
    double.replies["/"] = login_page(RUN)
    port = double.url.rpartition(":")[2]
    # 127.0.0.9 is this machine's too, and nothing listens there: nothing is known of it, and nothing refused
    assert refuse_prod_url(settings(double.url, f"http://own.test:{port}")) == ""


@pytest.mark.usefixtures("names")
def test_a_name_server_that_does_not_answer_is_told_and_holds_nobody_up() -> None:
    began = time.monotonic()
    note = refuse_prod_url(settings("http://slow.test", "http://127.0.0.1"))
    assert "slow.test does not resolve" in note
    assert "nowhere.invalid does not resolve" in refuse_prod_url(
        settings("http://127.0.0.1", "http://nowhere.invalid")
    )
    assert time.monotonic() - began < 4


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_an_ipv6_address_in_brackets_is_an_address() -> None:
    assert Place.of("http://[2001:DB8:0::1]:8069/") == Place("2001:db8::1", 8069, "")
    assert Place.of("http://[2001:db8::1]").numeric
    assert addresses.resolved(Place.of("http://[2001:db8::1]")) == [frozenset({"2001:db8::1"})]


@pytest.mark.parametrize("task", ["status", "relink-env", "provision"])
def test_a_name_beside_its_address_gets_no_key(tmp_path: Path, double: Double, task: str) -> None:
    folder = ops(tmp_path / "ops", f"sandbox:\n  url: {double.url}\n")
    (folder / "test").mkdir()
    (folder / "test/.ai_agent_sandbox.key").write_text("a-key\n")
    done = run(folder, task, INVOKE_SANDBOX_PROD_URL=double.url.replace("127.0.0.1", "localhost"))
    assert done.returncode == 3
    assert "prod's own address 127.0.0.1" in done.stderr
    assert double.asked == []


def test_a_port_forward_to_prod_is_known_by_the_page_that_it_shows(tmp_path: Path, double: Double) -> None:
    """Names and ports tell nothing of it; the mark that the sandbox should show does."""
    double.replies["/"] = login_page("")
    with forwarded(double.url) as port:
        folder = ops(tmp_path / "ops", f"sandbox:\n  url: {port}\n  prod: {{url: '{double.url}'}}\n")
        state = folder / ".sandbox/sandbox"
        state.mkdir(parents=True)
        (state / "last-refresh.json").write_text('{"run": "r", "marks": ["20261101T080000-0a0b0c"]}')
        seen = document(run(folder, "status", "--json"))
    assert seen["proven"] is False
    assert "shows a login page without a sandbox's mark" in seen["proven_why"]
