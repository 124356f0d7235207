"""Nothing is read from prod while nobody looks who waits there: the refresh ends, the old sandbox stays."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from sandbox.lab.access import READER
from sandbox.lifecycle import journal
from sandbox.lifecycle.blocked import Blocked
from sandbox.shell import RUN_VARIABLE
from tests.prod_waits import MODES, checkpointed, goes_on, refreshed, stopped, stops, until
from tests.worlds import World, same

OURS = f"FROM pg_stat_activity WHERE usename = '{READER}' AND datname = %s"
SOON = 5.0  # seconds


@pytest.fixture(scope="module")
def shared(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with checkpointed(lab_root, tmp_path_factory.mktemp("unwatched")) as made:
        yield made


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    shared.overlay = {}
    yield shared
    assert {name for name in shared.leftovers() if "__cp" not in name} == set()
    shared.overlay = {}
    refreshed(shared, "full")
    same(shared)


@contextmanager
def limited(world: World) -> Iterator[None]:
    """Prod lets no more sessions of the reader in than there are."""
    world.rows("postgres", f"ALTER ROLE {READER} CONNECTION LIMIT 1")
    try:
        yield
    finally:
        world.rows("postgres", f"ALTER ROLE {READER} CONNECTION LIMIT -1")


def sessions(world: World) -> int:
    return int(world.rows("postgres", f"SELECT count(*) {OURS}", world.prod)[0][0])


def kill(world: World, name: str, descriptor: int) -> None:
    """Kill that process of the refresh whose descriptor is the pipe in which looks are asked for."""
    run = json.loads((world.state / journal.JOURNAL).read_text())["holder"]["run"]
    found = []
    for process in psutil.process_iter(["name"]):
        try:
            pipe = Path(f"/proc/{process.pid}/fd/{descriptor}").readlink()
            if process.environ().get(RUN_VARIABLE) == run and "/look" in str(pipe):
                found += [process] if process.name() == name else []
        except (OSError, psutil.Error):
            continue
    assert found
    for process in found:
        process.send_signal(signal.SIGKILL)


def the_program(world: World) -> None:
    kill(world, "psql", 0)


def whoever_asks_it_to_look(world: World) -> None:
    kill(world, "bash", 1)


def its_session(world: World) -> None:
    end = f"SELECT pg_terminate_backend(pid) {OURS} AND query LIKE 'WITH RECURSIVE ours%%'"
    until(lambda: (True,) in world.rows("postgres", end, world.prod))


@pytest.mark.parametrize(
    ("mode", "dies"),
    [
        ("full", the_program),
        ("incremental", the_program),
        ("in-place", its_session),
        ("full", whoever_asks_it_to_look),
        pytest.param("one dump", the_program, marks=pytest.mark.slow),
        pytest.param("in-place", whoever_asks_it_to_look, marks=pytest.mark.slow),
    ],
)
def test_when_who_watches_dies_all_sessions_on_prod_end_though_prod_lets_nobody_in(
    world: World, mode: str, dies: Callable[[World], None]
) -> None:
    before = world.dump(world.sandbox)
    stops(world, "pg_dump", f"-d {world.prod} ")
    with stopped(world, mode) as refresh, limited(world):
        assert sessions(world) >= 2
        dies(world)
        until(lambda: sessions(world) == 0, SOON)
        with pytest.raises(Blocked, match="watches who waits on prod was ended") as told:
            refresh.result(timeout=SOON)
        assert told.value.next_step == "run it again: inv refresh --yes"
    assert world.dump(world.sandbox) == before


def test_when_the_snapshots_session_dies_the_others_end_too(world: World) -> None:
    """What reads on without it would be watched by nobody."""
    before = world.dump(world.sandbox)
    stops(world, "pg_dump", "--section=data")
    with stopped(world, "one dump") as refresh:
        end = f"SELECT pg_terminate_backend(pid) {OURS} AND state = 'idle in transaction'"
        assert (True,) in world.rows("postgres", end, world.prod)
        until(lambda: sessions(world) == 0, SOON)
        goes_on(world)
        assert refresh.exception(timeout=60) is not None
    assert world.dump(world.sandbox) == before


@pytest.mark.parametrize(
    "mode", ["full", *(pytest.param(mode, marks=pytest.mark.slow) for mode in MODES[1:])]
)
def test_a_prod_that_does_not_let_who_watches_in_is_named(world: World, mode: str) -> None:
    before = world.dump(world.sandbox)
    stops(world, "psql", "set relations ")  # whoever is to hold the snapshot
    with stopped(world, mode) as refresh, limited(world):
        goes_on(world)
        with pytest.raises(Blocked, match=f'too many connections for role "{READER}"') as told:
            refresh.result(timeout=30)
    assert told.value.next_step.startswith("raise that limit, or set refresh.jobs lower")
    assert world.dump(world.sandbox) == before
