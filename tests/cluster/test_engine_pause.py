"""A pause that does not hold is noticed before anything is lost, and says who undoes it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from invoke.config import Config

from sandbox.engines.kubernetes import LeaseLedger
from sandbox.engines.ledger import JOURNAL, Taken
from sandbox.settings import Settings, load
from tests.cluster.kube import eventually, get, kubectl, listed, patch
from tests.cluster.manifests import GROUP, definition
from tests.cluster.world import World
from tests.support import ops, run
from tests.worlds import context

KIND = "applications.argoproj.io"
TRACKING = "argocd.argoproj.io/tracking-id"


def test_a_parent_that_undoes_the_pause_is_named_and_nothing_is_lost(world: World, tmp_path: Path) -> None:
    desk = world.desk(tmp_path / "desk")
    world.rehearse()
    tracked = {TRACKING: "all-of-them:argoproj.io/Application:argocd/erp"}
    patch(KIND, "erp", world.argocd, {"metadata": {"annotations": tracked}})
    parent = {"spec": {"syncPolicy": {"automated": {"prune": True, "selfHeal": True, "enabled": True}}}}
    try:
        with world.healer(parent):
            eventually(lambda: "enabled" in world.application()["policy"]["automated"], "the parent's work")
            done = run(desk, "refresh", "--yes", INVOKE_SANDBOX_REFRESH_STRATEGY="in-place")
            assert done.returncode == 1, done.stderr
            assert "parent application all-of-them" in done.stderr
            assert "ignoreDifferences" in done.stderr
            assert world.application()["annotations"] == tracked
    finally:
        patch(KIND, "erp", world.argocd, {"metadata": {"annotations": {TRACKING: None}}})
        world.restore_policy()
    assert world.content() == ("old", "old")
    world.whole()


def keeps_enabled(world: World) -> bool:
    """Whether the cluster's Applications have the field, by a patch that changes nothing."""
    change = json.dumps({"spec": {"syncPolicy": {"automated": {"enabled": False}}}})
    words = ["patch", KIND, "erp", "-n", world.argocd, "--type=merge", "--dry-run=server", "-o", "json"]
    told = json.loads(kubectl(*words, "-p", change))
    return "enabled" in told["spec"]["syncPolicy"]["automated"]


@pytest.fixture
def old_argocd(world: World) -> Iterator[World]:
    """The world under a definition that does not know `enabled`, as Argo CD had before 3.1."""
    name = f"applications.{GROUP}"
    before = json.loads(kubectl("get", "crd", name, "-o", "json"))["spec"]
    flags = {"prune": {"type": "boolean"}, "selfHeal": {"type": "boolean"}}
    options = {"type": "array", "items": {"type": "string"}}
    fields = {"automated": {"type": "object", "properties": flags}, "syncOptions": options}
    older = definition({"type": "object", "properties": fields})["spec"]
    define(name, older)
    try:
        eventually(lambda: not keeps_enabled(world), "a definition without the field")
        yield world
    finally:
        define(name, before)
        eventually(lambda: keeps_enabled(world), "a definition with the field")


def define(name: str, spec: dict[str, Any]) -> None:
    """Make a resource definition this one."""
    change = [{"op": "replace", "path": "/spec/versions", "value": spec["versions"]}]
    kubectl("patch", "crd", name, "--type=json", "-p", json.dumps(change))


def test_where_enabled_is_pruned_the_whole_of_automated_is_set_aside(
    old_argocd: World, tmp_path: Path
) -> None:
    desk = old_argocd.desk(tmp_path / "desk")
    old_argocd.rehearse()
    with old_argocd.started(desk, "refresh", "--yes", INVOKE_SANDBOX_REFRESH_STRATEGY="in-place") as going:
        eventually(lambda: "automated" not in old_argocd.application()["policy"], "the policy set aside")
        assert going.wait(timeout=240) == 0, (desk / "said").read_text()
    assert old_argocd.content() == ("new", "new")
    old_argocd.whole()


def test_a_sync_that_is_running_is_waited_for(world: World, tmp_path: Path) -> None:
    desk = world.desk(tmp_path / "desk")
    world.rehearse()
    patch(KIND, "erp", world.argocd, {"status": {"operationState": {"phase": "Running"}}})
    with world.started(desk, "refresh", "--yes", INVOKE_SANDBOX_REFRESH_STRATEGY="in-place") as going:
        eventually(
            lambda: world.application()["policy"]["automated"].get("enabled") is False, "automated sync off"
        )
        assert get("deployment", "erp", world.sandbox)["spec"]["replicas"] == world.replicas
        patch(KIND, "erp", world.argocd, {"status": {"operationState": {"phase": "Succeeded"}}})
        assert going.wait(timeout=240) == 0, (desk / "said").read_text()
    assert world.content() == ("new", "new")
    world.whole()


def test_a_documents_pod_that_would_be_stopped_is_refused(world: World, tmp_path: Path) -> None:
    tree = world.settings()
    pod = listed("pods", world.sandbox, "-l", "app=erp")[0]["metadata"]["name"]
    tree["kubernetes"]["documents"] = {"pod": pod}
    tree["refresh"] = {"strategy": "in-place"}
    desk = ops(tmp_path / "desk", "sandbox: " + json.dumps(tree) + "\n")
    done = run(desk, "refresh", "--yes")
    assert done.returncode == 2
    assert "stops with deployment erp" in done.stderr
    world.whole()


def settings(world: World) -> Settings:
    return load(Config(), base=world.settings())


def test_of_many_that_want_the_lease_at_once_one_gets_it(world: World) -> None:
    given = settings(world)
    assert given.cluster is not None
    ledgers = [LeaseLedger(given, given.cluster, context()) for _ in range(3)]
    start, over = threading.Barrier(3), threading.Event()
    got: list[str] = []
    refused: list[str] = []

    def want(number: int) -> None:
        start.wait()
        try:
            with ledgers[number].hold({"run": f"run-{number}"}) as desk:
                got.append(f"run-{number}")
                desk.write(JOURNAL, {"by": f"run-{number}"})
                over.wait(60)
                desk.remove(JOURNAL)
        except Taken as taken:
            refused.append(str((taken.holder or {}).get("run")))
            if len(refused) == 2:
                over.set()

    threads = [threading.Thread(target=want, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert len(got) == 1
    assert refused == got * 2
    assert ledgers[0].read(JOURNAL) is None
    assert ledgers[0].holder() is None


def test_a_page_written_by_one_is_read_by_all(world: World) -> None:
    given = settings(world)
    assert given.cluster is not None
    first, second = (LeaseLedger(given, given.cluster, context()) for _ in range(2))
    page = {"strategy": "in-place", "pause": {"deployment": {"replicas": 3}}, "text": "ünï\n'\"$x"}
    with first.hold({"run": "mine"}) as desk:
        desk.write(JOURNAL, page)
        assert second.read(JOURNAL) == page
        assert (second.holder() or {})["run"] == "mine"
    assert second.read(JOURNAL) == page  # it outlives its writer
    with second.hold({"run": "theirs"}) as desk:
        desk.remove(JOURNAL)
    assert kubectl("get", "leases", "-n", world.sandbox, "-o", "name").count("lease") == 1
