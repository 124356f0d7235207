"""Connections that are cut and pods that die in the middle of a refresh: old or new, one command mends."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.lab.faults.proxy import Proxy
from tests.cluster.kube import eventually, kubectl, listed, ready
from tests.cluster.node import api_server, restart
from tests.cluster.proxy import proxied
from tests.cluster.world import World
from tests.support import document, run

AWAY = 8.0  # seconds
# the journal is written before the copy begins, and a client whose writing was cut writes again
COPYING = "SELECT 1 FROM pg_stat_activity WHERE application_name ~ '^dolibarr-sandbox/[^ ]+$'"


def phase(world: World) -> str | None:
    """The journal's phase."""
    for lease in listed("leases", world.sandbox):
        text = lease["metadata"].get("annotations", {}).get("dolibarr-sandbox/journal")
        if text:
            return str(json.loads(text)["phase"])
    return None


def cut(proxy: Proxy, seconds: float) -> None:
    """End every connection, and take no other for some seconds."""
    proxy.cut()
    time.sleep(seconds)
    proxy.mend()


def broken(world: World, desk: Path, config: str, strategy: str, blow: Callable[[], Any]) -> int:
    """Start a refresh, hit it while it copies, and wait for its end."""
    world.rehearse()
    variables = {"KUBECONFIG": config, "INVOKE_SANDBOX_REFRESH_STRATEGY": strategy}
    with world.started(desk, "refresh", "--yes", **variables) as going:
        eventually(lambda: phase(world) == "copy" and world.rows(COPYING), "the copy")
        blow()
        return int(going.wait(timeout=240))


def mended(world: World, desk: Path, code: int, *by: str) -> None:
    """The sandbox is old or new; what an interrupted run left is told, and put back by one command."""
    words = by or ("recover",)
    seen = run(desk, "status", "--json")
    assert (seen.returncode == 7) == (document(seen)["interrupted"] is not None)
    assert code == 0 or code in {1, 2, 5, 6, 7}
    done = run(desk, *words, "--json")
    assert done.returncode == 0, done.stderr
    assert world.content() in {("old", "old"), ("new", "new")}
    assert (code != 0 and words == ("recover",)) or world.content() == ("new", "new")
    world.whole()


@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_a_cut_connection_is_no_success_and_is_mended(world: World, tmp_path: Path, strategy: str) -> None:
    desk = world.desk(tmp_path / "desk")
    with proxied(tmp_path) as (proxy, config):
        code = broken(world, desk, config, strategy, lambda: cut(proxy, 0))
    mended(world, desk, code)


def test_an_api_server_that_is_away_for_a_while_strands_nothing(world: World, tmp_path: Path) -> None:
    desk = world.desk(tmp_path / "desk")
    with proxied(tmp_path) as (proxy, config):
        code = broken(world, desk, config, "in-place", lambda: cut(proxy, AWAY))
    assert code != 0
    mended(world, desk, code)


@pytest.mark.parametrize("by", [("recover",), ("refresh", "--yes")], ids=["recover", "refresh"])
def test_an_api_server_that_is_killed_and_started_anew_strands_nothing(
    world: World, tmp_path: Path, by: tuple[str, ...]
) -> None:
    server = api_server()
    desk = world.desk(tmp_path / "desk")
    code = broken(world, desk, os.environ["KUBECONFIG"], "in-place", lambda: restart(server))
    assert code != 0  # every stream went through it
    mended(world, desk, code, *by)


def test_a_database_pod_that_dies_leaves_old_or_new(world: World, tmp_path: Path) -> None:
    desk = world.desk(tmp_path / "desk")

    def kill() -> None:
        kubectl("delete", "pod", "postgresql-0", "-n", world.prod, "--grace-period=0", "--force")

    with proxied(tmp_path) as (_, config):
        code = broken(world, desk, config, "in-place", kill)
    assert code != 0
    ready(world.prod, "app=postgresql")
    mended(world, desk, code)


def test_a_client_that_lost_its_lease_changes_nothing_more(world: World, tmp_path: Path) -> None:
    desk = world.desk(tmp_path / "desk")
    world.rehearse()
    with world.started(desk, "refresh", "--yes") as going:
        name = eventually(
            lambda: [one["metadata"]["name"] for one in listed("leases", world.sandbox) if phase(world)],
            "the lease",
        )[0]
        thief = {"spec": {"holderIdentity": "another", "renewTime": "2026-01-01T00:00:00.000000Z"}}
        words = ["patch", "lease", name, "-n", world.sandbox, "--type=merge", "-p", json.dumps(thief)]
        kubectl(*words)
        code = going.wait(timeout=240)
    assert code in {6, 7}, (desk / "said").read_text()
    done = run(desk, "recover", "--json")
    assert done.returncode == 0, done.stderr
    assert world.content() == ("old", "old")
    world.whole()
