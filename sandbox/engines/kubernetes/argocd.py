"""Pause Argo CD's automated sync of the sandbox's application, and give it back exactly as it was.

`automated.enabled: false` keeps the other values. A cluster whose Application knows no such field drops it
without a word, so it is read back; there the whole of `automated` is set aside. The original is also written
onto the Application, in the same patch, so that either copy suffices.
"""

from __future__ import annotations

import json
import time
from typing import Any

from sandbox import jsonfile
from sandbox.engines.kubernetes.kubectl import Conflict, Kubectl, Object
from sandbox.errors import Failed, UsageError
from sandbox.pods import ArgoCd

KIND = "applications.argoproj.io"
ORIGINAL = "dolibarr-sandbox/original-sync-policy"
_INSTANCE, _TRACKING = "app.kubernetes.io/instance", "argocd.argoproj.io/tracking-id"
_TRIES = 10  # its controller writes to it often
_SYNC_ENDS = 120.0  # seconds that a sync which is running may take


def read(kubectl: Kubectl, argocd: ArgoCd, deployment: str) -> dict[str, Any]:
    """What a pause must put back; empty when Argo CD would not touch the replicas anyway.

    Raises:
        UsageError: there is no such Application.
    """
    found = _get(kubectl, argocd)
    automated = _automated(found)
    kept = found["metadata"].get("annotations", {}).get(ORIGINAL)
    if kept is not None:  # an earlier run's pause, whose journal is lost: its original is the original
        automated = jsonfile.parsed(kept)
    elif automated is None or automated.get("enabled") is False or _leaves_alone(found, deployment):
        return {}
    name, namespace = argocd.application, argocd.namespace
    return {"name": name, "namespace": namespace, "uid": found["metadata"]["uid"], "automated": automated}


def pause(kubectl: Kubectl, state: dict[str, Any]) -> None:
    """Switch automated sync off, and wait until no sync is running.

    Raises:
        Failed: it does not stay off; the message says who switches it on.
    """
    argocd = ArgoCd(state["name"], state["namespace"])
    note = {ORIGINAL: json.dumps(state["automated"])}
    found = _patched(kubectl, argocd, {"enabled": False}, note)
    if not kubectl.dry and _automated(found) != {**state["automated"], "enabled": False}:
        found = _patched(kubectl, argocd, None, note)
    deadline = time.monotonic() + _SYNC_ENDS
    while not kubectl.dry and _syncing(found := check(kubectl, state)):
        if time.monotonic() > deadline:
            raise Failed(f"a sync of {argocd.application} does not end", "wait for it, then try again")
        time.sleep(0.5)


def check(kubectl: Kubectl, state: dict[str, Any]) -> Object:
    """The Application, whose automated sync is still off.

    Raises:
        Failed: it is on again; the message says who did that and what to configure.
    """
    found = _get(kubectl, ArgoCd(state["name"], state["namespace"]))
    if not _is_ours(found, state):
        raise Failed(f"the pause of application {state['name']} was undone by {_who(found)}", _remedy(found))
    return found


def resume(kubectl: Kubectl, state: dict[str, Any]) -> tuple[str, ...]:
    """Put the policy back where it is still the one that was set; what was left alone, and why."""
    argocd = ArgoCd(state["name"], state["namespace"])
    for _ in range(_TRIES):
        found = _get(kubectl, argocd)
        if found["metadata"]["uid"] != state["uid"]:
            return (f"application {argocd.application} was made anew meanwhile, and is left as it is",)
        if ORIGINAL not in found["metadata"].get("annotations", {}):
            changed = _automated(found) != state["automated"]
            told = f"the sync policy of {argocd.application} was changed meanwhile, and is left as it is"
            return (told,) if changed else ()
        ours = _is_ours(found, state)
        spec: Object = {"automated": _back(found, state["automated"])} if ours else {}
        patch: Object = {"metadata": {"annotations": {ORIGINAL: None}}, "spec": {"syncPolicy": spec}}
        try:
            _swapped(kubectl, found, patch if ours else {"metadata": patch["metadata"]})
        except Conflict:
            continue
        same = ours or _automated(found) == state["automated"]
        return () if same else (f"{_who(found)} changed the sync policy of {argocd.application} meanwhile",)
    raise Failed(f"application {argocd.application} is written to all the time", "run: inv recover")


def _back(found: Object, original: Object) -> Object:
    """The merge patch from what was set to the original."""
    live = _automated(found)
    return original if live is None else {**original, "enabled": original.get("enabled")}


def _is_ours(found: Object, state: dict[str, Any]) -> bool:
    """Whether the policy is the one that a pause sets."""
    automated = _automated(found)
    noted = ORIGINAL in found["metadata"].get("annotations", {})
    return automated == {**state["automated"], "enabled": False} or (automated is None and noted)


def _get(kubectl: Kubectl, argocd: ArgoCd) -> Object:
    found = kubectl.within(argocd.namespace).get(KIND, argocd.application)
    if found is None:
        raise UsageError(
            f"there is no application {argocd.application} in namespace {argocd.namespace}",
            "check kubernetes.argocd",
        )
    return found


def _automated(found: Object) -> Object | None:
    automated = (found.get("spec", {}).get("syncPolicy") or {}).get("automated")
    return automated if isinstance(automated, dict) else None


def _patched(kubectl: Kubectl, argocd: ArgoCd, automated: Object | None, note: Object) -> Object:
    patch = {"metadata": {"annotations": note}, "spec": {"syncPolicy": {"automated": automated}}}
    for _ in range(_TRIES):
        found = _get(kubectl, argocd)
        try:
            return _swapped(kubectl, found, patch)
        except Conflict:
            time.sleep(0.1)
    raise Failed(f"application {argocd.application} is written to all the time", "try again")


def _swapped(kubectl: Kubectl, found: Object, patch: Object) -> Object:
    """The Application after a patch of exactly the version that was read."""
    metadata = found["metadata"]
    swap = {"resourceVersion": metadata["resourceVersion"], **patch["metadata"]}
    there = kubectl.within(metadata["namespace"])
    return there.patch(KIND, metadata["name"], {**patch, "metadata": swap})


def _syncing(found: Object) -> bool:
    phase = found.get("status", {}).get("operationState", {}).get("phase")
    return "operation" in found or phase in {"Running", "Terminating"}


def _leaves_alone(found: Object, deployment: str) -> bool:
    """Whether Argo CD neither compares nor sets the Deployment's replicas."""
    spec = found.get("spec", {})
    if "RespectIgnoreDifferences=true" not in (spec.get("syncPolicy") or {}).get("syncOptions", []):
        return False
    return any(
        one.get("group") == "apps"
        and one.get("kind") == "Deployment"
        and one.get("name", deployment) == deployment
        and "/spec/replicas" in one.get("jsonPointers", [])
        for one in spec.get("ignoreDifferences", [])
    )


def _who(found: Object) -> str:
    """Who manages the Application, as far as it says."""
    metadata = found["metadata"]
    for owner in metadata.get("ownerReferences", []):
        return f"{owner['kind']} {owner['name']}, which owns it"
    parent = metadata.get("annotations", {}).get(_TRACKING, "").partition(":")[0]
    parent = parent or metadata.get("labels", {}).get(_INSTANCE, "")
    if parent:
        return f"its parent application {parent}"
    writers = [one.get("manager", "?") for one in metadata.get("managedFields", [])]
    return f"somebody: its writers are {', '.join(sorted(set(writers)))}" if writers else "somebody"


def _remedy(found: Object) -> str:
    if any(owner["kind"] == "ApplicationSet" for owner in found["metadata"].get("ownerReferences", [])):
        return "give the ApplicationSet ignoreApplicationDifferences with jsonPointers: [/spec/syncPolicy]"
    return (
        "let the parent ignore it (ignoreDifferences, kind Application, jsonPointers: [/spec/syncPolicy],"
        " with RespectIgnoreDifferences=true), or use refresh.strategy: swap, which pauses nothing"
    )
