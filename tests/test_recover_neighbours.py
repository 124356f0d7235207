"""Two sandboxes side by side, on one machine and one server: what one recovers is never the other's run."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.errors import Busy, Interrupted
from sandbox.guard import MARK, Mark
from sandbox.lifecycle import journal, swap
from sandbox.lifecycle.recover import recover
from sandbox.lifecycle.runs import is_own, is_run, new_run
from sandbox.pods import Cluster
from sandbox.settings import Settings
from tests.prod_waits import goes_on, stops, until
from tests.worlds import World, context

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE %s"


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(lab_root, tmp_path_factory.mktemp("mine")).make()
    made.refresh(db_only=True)
    yield made
    made.drop()


@pytest.fixture
def neighbour(lab_root: Path, tmp_path: Path) -> Iterator[World]:
    made = World(lab_root, tmp_path).make()
    yield made
    made.drop()


def name_in_journal(world: World, run: str) -> None:
    """As if a refresh of that id had been interrupted."""
    database = world.settings().sandbox.database
    assert database is not None
    address = f"{database.name}@{database.host}:{database.port}"
    page = journal.Journal(
        journal.holder(run), "swap", "copy", address, f"{world.sandbox}__next", f"{world.sandbox}__old"
    )
    journal.Book(world.state).write(page)


def name_in_comment(world: World, run: str) -> None:
    """As if that run had made the database beside the live one; no process has that number."""
    world.rows("postgres", f"CREATE DATABASE {world.sandbox}__next OWNER dolibarr_sandbox")
    claim = swap.claim(run, socket.gethostname(), dead_process())
    world.rows("postgres", f"COMMENT ON DATABASE {world.sandbox}__next IS '{claim}'")


def name_in_mark(world: World, run: str) -> None:
    """As if that run had copied the documents."""
    copy = Path(f"{world.documents}__next")
    copy.mkdir()
    (copy / MARK).write_text(Mark(world.sandbox, run, socket.gethostname(), dead_process()).text())


def dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


@pytest.mark.parametrize("name", [name_in_journal, name_in_comment, name_in_mark])
def test_another_sandboxs_run_that_lives_is_left_alone_whatever_names_it(
    world: World, neighbour: World, name: object
) -> None:
    assert callable(name)
    stops(neighbour, "pg_dump", f"-d {neighbour.prod} ")
    driver = neighbour.start("run")
    try:
        until((neighbour.folder / "there").exists)
        run = json.loads((neighbour.state / journal.JOURNAL).read_text())["holder"]["run"]
        sessions = neighbour.rows("postgres", SESSIONS, neighbour.prod, f"dolibarr-sandbox/{run}%")
        assert sessions[0][0] >= 2
        name(world, run)
        for _ in range(2):
            with pytest.raises((Interrupted, Busy)):
                recover(world.settings(), context())
        assert neighbour.rows("postgres", SESSIONS, neighbour.prod, f"dolibarr-sandbox/{run}%") == sessions
        goes_on(neighbour)
        said, _ = driver.communicate(timeout=60)
        assert driver.returncode == 0, said
    finally:
        goes_on(neighbour)
        driver.communicate(timeout=60)
        (world.state / journal.JOURNAL).unlink(missing_ok=True)
        world.rows("postgres", f"DROP DATABASE IF EXISTS {world.sandbox}__next")


def moved(settings: Settings, **changes: object) -> Settings:
    """The same sandbox, or another: with another state folder, database or cluster."""
    sandbox, files = settings.sandbox, settings.files
    if "state" in changes:
        files = replace(files, state=Path(str(changes["state"])))
    database = sandbox.database
    assert database is not None
    if "port" in changes:
        database = replace(database, port=int(str(changes["port"])))
    if "database" in changes:
        database = replace(database, name=str(changes["database"]))
    cluster = Cluster(None, str(changes["namespace"]), None, None, None) if "namespace" in changes else None
    return replace(settings, files=files, sandbox=replace(sandbox, database=database), cluster=cluster)


@pytest.mark.parametrize(
    ("made", "asked", "own"),
    [
        ({}, {}, True),
        ({}, {"state": "/elsewhere"}, True),  # the project was moved
        ({}, {"port": 1}, True),  # a lab's server found its port taken
        ({}, {"state": "/elsewhere", "port": 1}, False),  # another lab's
        ({}, {"state": "/elsewhere", "database": "another"}, False),
        ({"namespace": "a", "state": "/x"}, {"namespace": "a", "state": "/y"}, True),
        ({"namespace": "a"}, {"namespace": "b"}, False),
        ({"namespace": "a"}, {"namespace": "a", "database": "another"}, False),
    ],
)
def test_a_run_s_id_says_which_sandbox_it_belongs_to(
    world: World, made: dict[str, object], asked: dict[str, object], own: bool
) -> None:
    settings = world.settings()
    run = new_run(moved(settings, **made))
    assert is_run(run)
    assert is_own(moved(settings, **asked), run) is own


def test_a_run_s_id_without_a_sandbox_is_no_run_of_this_one(world: World) -> None:
    assert is_run("20261128T010203-a1b2c3")
    assert not is_own(world.settings(), "20261128T010203-a1b2c3")
