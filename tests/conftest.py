"""Fixtures that start real parts: one lab for the whole run, and its sandbox as good as new."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from sandbox.lab import access, documents, seed
from sandbox.lab.folder import Folder
from sandbox.lab.life import down, up
from sandbox.lab.server import SUPERUSER

pytest.register_assert_rewrite("tests.worlds", "tests.incremental")
pytest_plugins = ("tests.conformance", "tests.untested")

# files that take longest; the first to begin, so that no process is left alone with one at the end
LONGEST = ("refresh_incremental_exact", "cycle", "refresh_incremental", "checkpoint_cycle", "converges")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {f"test_{name}": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session")
def lab_root(tmp_path_factory: pytest.TempPathFactory, dolibarr: Path | None) -> Iterator[Path]:
    """The root of a running lab that all tests share."""
    root = tmp_path_factory.mktemp("lab")
    up(root, dolibarr=dolibarr, say=print)
    yield root
    down(root, say=print)


@pytest.fixture
def fresh_sandbox(lab_root: Path) -> Path:
    """The same root, its sandbox put back to what a new lab has: alive, out of date, without the agent."""
    renew_sandbox(lab_root)
    return lab_root


def renew_sandbox(root: Path) -> None:
    folder = Folder(root)
    port = folder.state()["database_port"]
    with access.connected(folder.passwords, port, SUPERUSER, "postgres", autocommit=True) as session:
        named = session.execute("SELECT datname FROM pg_database WHERE datname LIKE 'dolibarr\\_sandbox%'")
        for (name,) in named.fetchall():
            session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    access.copy_to_sandbox(folder.passwords, port)
    seed.age(folder.passwords, port)
    shutil.rmtree(folder.path / "sandbox")
    documents.copy_to_sandbox(folder.documents("prod"), folder.documents("sandbox"))
