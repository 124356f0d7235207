"""Fixtures of the provision tests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.dolibarr import browser
from tests.provision.desk import Desk, Erp, reach
from tests.provision.proxy import Proxy


@pytest.fixture(scope="session")
def erp(request: pytest.FixtureRequest) -> Erp:
    found = reach(lambda: request.getfixturevalue("lab_root"))
    found.execute(
        "INSERT INTO llx_const (name, entity, value, type, visible) SELECT %s, 0, 'tests', 'chaine', 0"
        " WHERE NOT EXISTS (SELECT FROM llx_const WHERE name = %s)",
        *["DOLIBARR_SANDBOX"] * 2,
    )
    return found


@pytest.fixture
def desk(erp: Erp, tmp_path: Path) -> Desk:
    made = Desk(erp, tmp_path)
    made.write_credentials()
    return made


@pytest.fixture(scope="module")
def one_browser() -> Iterator[None]:
    """One browser for a file's tests; each provision has a fresh page in it."""
    with browser.shared("127.0.0.1"):
        yield


@pytest.fixture
def proxy(erp: Erp) -> Iterator[Proxy]:
    with Proxy(erp.url).serving() as serving:
        yield serving


@pytest.fixture
def agent() -> str:
    """A login that no other test uses."""
    return f"agent_{time.time_ns() // 1000}"
