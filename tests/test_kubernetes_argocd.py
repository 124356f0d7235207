"""Pausing an Application of a cluster that knows no `enabled`, and of one that does: a stand-in keeps it."""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.engines.kubernetes import argocd
from sandbox.engines.kubernetes.kubectl import Kubectl
from sandbox.errors import Failed
from sandbox.pods import ArgoCd
from tests.worlds import context

# an API server's part: compare-and-swap, a merge patch, and the pruning of what the schema does not know
KEEPER = """#!{python}
import json, sys
from pathlib import Path
path = Path({path!r})
kept = json.loads(path.read_text())
def merged(low, high):
    if not isinstance(high, dict):
        return high
    low = dict(low) if isinstance(low, dict) else {{}}
    for key, value in high.items():
        if value is None:
            low.pop(key, None)
        else:
            low[key] = merged(low.get(key), value)
    return low
for word in sys.argv:
    if word.startswith("--patch="):
        patch = json.loads(word.removeprefix("--patch="))
        if patch["metadata"].pop("resourceVersion") != kept["metadata"]["resourceVersion"]:
            sys.exit("Error from server (Conflict): the object has been modified")
        kept = merged(kept, patch)
        if {prunes}:
            kept["spec"].get("syncPolicy", {{}}).get("automated", {{}}).pop("enabled", None)
        kept["metadata"]["resourceVersion"] = str(int(kept["metadata"]["resourceVersion"]) + 1)
        path.write_text(json.dumps(kept))
print(json.dumps(kept))
"""
ERP = ArgoCd("erp", "argocd")


class Keeper:
    """One Application, as the stand-in keeps it."""

    def __init__(self, folder: Path, *, prunes: bool) -> None:
        self.path = folder / "application.json"
        program = folder / "kubectl"
        program.write_text(KEEPER.format(python=sys.executable, path=str(self.path), prunes=prunes))
        program.chmod(0o755)
        self.kubectl = Kubectl(context(), None, "argocd")

    @property
    def now(self) -> dict[str, Any]:
        found = json.loads(self.path.read_text())
        assert isinstance(found, dict)
        return found

    def put(self, policy: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
        """Make it; what must be the same afterwards."""
        spec = {"project": "default"} | ({} if policy is None else {"syncPolicy": policy})
        metadata = {"name": "erp", "namespace": "argocd", "uid": "u", "annotations": {"theirs": "1"}}
        made = {"metadata": {**metadata, "resourceVersion": "1"}, "spec": {**spec, **more}}
        self.path.write_text(json.dumps(made))
        return copy.deepcopy(made)

    def same(self, before: dict[str, Any]) -> bool:
        now = self.now
        now["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
        return bool(now == before)


@pytest.fixture(params=[False, True], ids=["knows enabled", "prunes enabled"])
def keeper(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return Keeper(tmp_path, prunes=request.param)


@pytest.mark.parametrize("automated", [{}, {"prune": True, "selfHeal": True}])
def test_a_pause_holds_and_goes_without_a_trace(keeper: Keeper, automated: dict[str, Any]) -> None:
    before = keeper.put({"automated": automated, "syncOptions": ["A=b"]})
    state = argocd.read(keeper.kubectl, ERP, "erp")
    argocd.pause(keeper.kubectl, state)
    policy = keeper.now["spec"]["syncPolicy"]
    assert policy.get("automated") in (None, {**automated, "enabled": False})
    assert argocd.ORIGINAL in keeper.now["metadata"]["annotations"]
    argocd.check(keeper.kubectl, state)
    # a run whose journal is lost reads the same original from the Application itself
    assert argocd.read(keeper.kubectl, ERP, "erp") == state
    assert argocd.resume(keeper.kubectl, state) == ()
    assert keeper.same(before)
    assert argocd.resume(keeper.kubectl, state) == ()
    assert keeper.same(before)


def test_what_somebody_set_meanwhile_is_left_and_told(keeper: Keeper) -> None:
    keeper.put({"automated": {"selfHeal": True}})
    state = argocd.read(keeper.kubectl, ERP, "erp")
    argocd.pause(keeper.kubectl, state)
    now = keeper.now
    now["spec"]["syncPolicy"]["automated"] = {"prune": True}
    now["metadata"]["ownerReferences"] = [{"kind": "ApplicationSet", "name": "everybody"}]
    keeper.path.write_text(json.dumps(now))
    with pytest.raises(Failed, match="undone by ApplicationSet everybody") as told:
        argocd.check(keeper.kubectl, state)
    assert "ignoreApplicationDifferences" in told.value.next_step
    (note,) = argocd.resume(keeper.kubectl, state)
    assert "everybody" in note
    assert keeper.now["spec"]["syncPolicy"]["automated"] == {"prune": True}
    assert keeper.now["metadata"]["annotations"] == {"theirs": "1"}


@pytest.mark.parametrize("policy", [None, {}, {"automated": {"enabled": False}}, {"syncOptions": []}])
def test_without_automated_sync_there_is_nothing_to_pause(
    keeper: Keeper, policy: dict[str, Any] | None
) -> None:
    keeper.put(policy)
    assert argocd.read(keeper.kubectl, ERP, "erp") == {}


def test_replicas_that_argo_cd_leaves_alone_need_no_pause(keeper: Keeper) -> None:
    ignored = [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]
    policy = {"automated": {"selfHeal": True}, "syncOptions": ["RespectIgnoreDifferences=true"]}
    keeper.put(policy, ignoreDifferences=ignored)
    assert argocd.read(keeper.kubectl, ERP, "erp") == {}
    keeper.put({"automated": {"selfHeal": True}}, ignoreDifferences=ignored)  # compared, but still set
    assert argocd.read(keeper.kubectl, ERP, "erp") != {}


def test_an_application_that_was_made_anew_is_left_alone(keeper: Keeper) -> None:
    keeper.put({"automated": {"selfHeal": True}})
    state = argocd.read(keeper.kubectl, ERP, "erp")
    argocd.pause(keeper.kubectl, state)
    before = keeper.put({"automated": {"selfHeal": True}})
    (note,) = argocd.resume(keeper.kubectl, {**state, "uid": "another"})
    assert "anew" in note
    assert keeper.same(before)
