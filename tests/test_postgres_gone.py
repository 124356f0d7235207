"""A query of ours whose client is gone does not go on by itself, on either side."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.engines import Engine, engine_for
from sandbox.lifecycle.observe import observe_prod, observe_sandbox
from sandbox.postgres import ABLE, together
from sandbox.shell import observe
from tests.worlds import World, context

RUN = "its-client-goes"
PATIENCE = 60.0  # seconds; the query itself would take longer than the whole test run
OURS = f"SELECT pid FROM pg_stat_activity WHERE application_name = 'dolibarr-sandbox/{RUN}'"


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(lab_root, tmp_path_factory.mktemp("gone")).make()
    yield made
    made.drop()


@pytest.fixture
def engine(world: World) -> Engine:
    return engine_for(world.settings(), RUN)


def waited(world: World, *, running: bool) -> bool:
    """Whether the query came, or went, in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if bool(world.rows(world.sandbox, OURS)) is running:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("side", ["prod", "sandbox"])
def test_a_query_whose_client_was_killed_ends(world: World, engine: Engine, side: str) -> None:
    (observe_prod if side == "prod" else observe_sandbox)(engine, context())
    place = engine.settings.prod if side == "prod" else engine.settings.sandbox
    text = engine.database_command(place, engine.access(place).psql("SELECT pg_sleep(3600);").text())
    client = subprocess.Popen(["sh", "-c", text], start_new_session=True)
    try:
        assert waited(world, running=True)
    finally:
        os.killpg(client.pid, signal.SIGKILL)
        client.wait()
    try:
        assert waited(world, running=False)
    finally:
        world.rows(world.sandbox, OURS.replace("pid", "pg_terminate_backend(pid)", 1))


def test_a_server_that_cannot_do_it_is_asked_for_nothing(engine: Engine) -> None:
    place = engine.settings.sandbox
    unknown = ABLE.replace("client_connection_check_interval", "no_such_setting")
    elsewhere = ABLE.replace("linux", "another system")
    for script, able in ((ABLE, ["watches"]), (unknown, []), (elsewhere, [])):
        told = observe(context(), engine.access(place).psql(script).text())
        assert (told.exited, together(told.stdout), told.stderr) == (0, {"able": able}, "")
    engine.learn(place, ["watches"])
    assert "client_connection_check_interval" in engine.access(place).env["PGOPTIONS"]
    engine.learn(place, [])
    assert "client_connection_check_interval" not in engine.access(place).env["PGOPTIONS"]
