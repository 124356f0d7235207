"""The whole cycle on the cluster, as a person does it: the real `inv`, pods, a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import envfile
from tests.cluster.kube import eventually
from tests.cluster.world import World
from tests.support import document, run

REHEARSAL = ("-m", "sandbox.lab.rehearsal")


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Path:
    """The folder of somebody who looks after the sandbox whose sides share a server."""
    return world.desk(tmp_path / "desk")


def refreshed(world: World, folder: Path, strategy: str) -> None:
    world.rehearse()
    assert world.content() == ("old", "old")
    done = run(folder, "refresh", "--yes", "--json", INVOKE_SANDBOX_REFRESH_STRATEGY=strategy)
    assert done.returncode == 0, done.stderr
    assert document(done)["strategy"] == strategy
    assert world.content() == ("new", "new")
    world.whole()


def test_the_whole_cycle(world: World, desk: Path) -> None:
    done = run(desk, "status", "--json")
    assert (done.returncode, document(done)["reason"]) == (4, "no_key"), done.stderr
    for strategy in ("swap", "in-place"):
        refreshed(world, desk, strategy)
    for words in (["provision", "--headless"], ["relink-env"], ["save", "--yes"], ["status"]):
        done = run(desk, *words)
        assert done.returncode == 0, done.stderr
    key = envfile.read_secret(desk / "test/.ai_agent_sandbox.key")
    assert key is not None
    done = run(desk, program=REHEARSAL)
    assert done.returncode == 0, done.stderr
    customer = done.stdout.partition("customer ")[2].split()[0]
    done = run(desk, "diff", "--check", "--json")
    assert done.returncode == 8, done.stderr
    assert {"llx_facture", "llx_societe"} <= {table["table"] for table in document(done)["tables"]}
    done = run(desk, "rewind", "--yes")
    assert done.returncode == 0, done.stderr
    assert "HTTP 404" in run(desk, "--look", customer, program=REHEARSAL).stdout
    assert run(desk, "status").returncode == 0
    world.rehearse()
    done = run(desk, "refresh", "--yes", "--json")
    assert (document(done)["mode"], document(done)["base"]) == ("incremental", "baseline"), done.stderr
    assert (
        run(desk, "forget", "--name", "baseline", "--yes").returncode == 0
    )  # it is a folder among the documents
    assert world.content() == ("new", "new")
    world.whole()


def test_each_strategy_works_between_two_servers(apart: World, tmp_path: Path) -> None:
    desk = apart.desk(tmp_path / "desk")
    for strategy in ("swap", "in-place"):
        refreshed(apart, desk, strategy)


def test_a_dry_run_changes_nothing(world: World, desk: Path) -> None:
    world.rehearse()
    before = world.tables("sandbox")
    for strategy in ("swap", "in-place"):
        done = run(desk, "--dry", "refresh", "--yes", INVOKE_SANDBOX_REFRESH_STRATEGY=strategy)
        assert done.returncode == 0, done.stderr
    assert run(desk, "refresh").returncode == 3
    assert world.content() == ("old", "old")
    assert world.tables("sandbox") == before
    world.whole()


def test_two_refreshes_at_once_one_runs_and_the_other_names_it(world: World, tmp_path: Path) -> None:
    first, second = (world.desk(tmp_path / name) for name in ("first", "second"))
    with world.started(first, "refresh", "--yes") as going:
        status = eventually(lambda: document(run(second, "status", "--json"))["running"], "the first run")
        done = run(second, "refresh", "--yes")
        assert going.wait(timeout=120) == 0
    assert done.returncode == 6
    assert f"process {status['pid']}" in done.stderr
    assert world.content() == ("new", "new")
    world.whole()
