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
    return reach(lambda: request.getfixturevalue("lab_root"))


@pytest.fixture
def desk(erp: Erp, tmp_path: Path) -> Desk:
    made = Desk(erp, tmp_path)
    made.write_credentials()
    return made


@pytest.fixture(scope="module")
def one_browser() -> Iterator[None]:
    """One browser for a file's tests; each provision has a fresh page in it."""
    with browser.shared():
        yield


@pytest.fixture
def proxy(erp: Erp) -> Iterator[Proxy]:
    with Proxy(erp.url).serving() as serving:
        yield serving


@pytest.fixture
def agent() -> str:
    """A login that no other test uses."""
    return f"agent_{time.time_ns() // 1000}"
