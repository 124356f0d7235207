"""Scale the sandbox's Deployment to 0 and back to what it was; its original is also written onto itself."""

from __future__ import annotations

import time
from typing import Any

from sandbox.engines.kubernetes.kubectl import Conflict, Kubectl, Object
from sandbox.errors import Failed, UsageError

ORIGINAL = "dolibarr-sandbox/original-replicas"
_TRIES = 10
_GONE_WITHIN, _READY_WITHIN = 120.0, 180.0  # seconds
_PAUSE = 0.3  # seconds between two looks


def read(kubectl: Kubectl, name: str) -> dict[str, Any]:
    """What a scale-down must put back; empty when it runs no replica.

    Raises:
        UsageError: there is no such Deployment.
    """
    found = _get(kubectl, name)
    # a run that was cut off may have left it at 0: what it noted is the original
    replicas = int(found["metadata"].get("annotations", {}).get(ORIGINAL) or found["spec"].get("replicas", 1))
    labels = found["spec"]["selector"].get("matchLabels", {})
    if replicas == 0:
        return {}
    return {"name": name, "uid": found["metadata"]["uid"], "replicas": replicas, "labels": labels}


def down(kubectl: Kubectl, state: dict[str, Any]) -> None:
    """Scale to 0, and wait until no pod is left.

    Raises:
        Failed: it does not go down or does not stay there.
    """
    _write(kubectl, state["name"], replicas=0, note=str(state["replicas"]))
    if kubectl.dry:
        return
    selector = ",".join(f"{key}={value}" for key, value in state["labels"].items())
    deadline = time.monotonic() + _GONE_WITHIN
    while pods := kubectl.listed("pods", selector):
        check(kubectl, state)
        if time.monotonic() > deadline:
            names = ", ".join(pod["metadata"]["name"] for pod in pods)
            raise Failed(f"pods of {state['name']} do not end: {names}", "end them, then try again")
        time.sleep(_PAUSE)
    check(kubectl, state)


def check(kubectl: Kubectl, state: dict[str, Any]) -> None:
    """Whether the Deployment is still to run nothing.

    Raises:
        Failed: somebody scaled it up; the message says who writes to it.
    """
    found = _get(kubectl, state["name"])
    if found["spec"].get("replicas", 1) != 0:
        writers = sorted({one.get("manager", "?") for one in found["metadata"].get("managedFields", [])})
        raise Failed(
            f"deployment {state['name']} was scaled up during the pause; its writers: {', '.join(writers)}",
            "pause what scales it: Argo CD (kubernetes.argocd.application), an autoscaler, KEDA",
        )


def up(kubectl: Kubectl, state: dict[str, Any]) -> tuple[str, ...]:
    """Scale from 0 to what it was and wait for the rollout; what was left as it is, and why.

    Raises:
        Failed: its pods do not become ready.
    """
    found = _get(kubectl, state["name"])
    if found["metadata"]["uid"] != state["uid"]:
        return (f"deployment {state['name']} was made anew meanwhile, and is left as it is",)
    is_down = found["spec"].get("replicas", 1) == 0
    if not is_down and ORIGINAL not in found["metadata"].get("annotations", {}):
        return ()  # nothing was changed, or all was put back
    _write(kubectl, state["name"], replicas=state["replicas"] if is_down else None, note=None)
    deadline = time.monotonic() + _READY_WITHIN
    while not kubectl.dry and not _rolled_out(_get(kubectl, state["name"])):
        if time.monotonic() > deadline:
            raise Failed(
                f"deployment {state['name']} has its {state['replicas']} replicas back, but they do not"
                f" become ready",
                f"look at: kubectl -n {kubectl.namespace} describe deployment {state['name']}; inv recover",
            )
        time.sleep(_PAUSE)
    return () if is_down else (f"somebody had scaled {state['name']} up meanwhile",)


def _rolled_out(found: Object) -> bool:
    metadata, spec, status = found["metadata"], found["spec"], found.get("status", {})
    wanted = spec.get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= metadata["generation"]
    return seen and all(
        status.get(key, 0) == wanted for key in ("replicas", "updatedReplicas", "availableReplicas")
    )


def _write(kubectl: Kubectl, name: str, *, replicas: int | None, note: str | None) -> None:
    """One patch of exactly the version that was read: the number, and what it was."""
    for _ in range(_TRIES):
        version = _get(kubectl, name)["metadata"]["resourceVersion"]
        patch: Object = {"metadata": {"resourceVersion": version, "annotations": {ORIGINAL: note}}}
        if replicas is not None:
            patch["spec"] = {"replicas": replicas}
        try:
            kubectl.patch("deployment", name, patch)
        except Conflict:
            time.sleep(0.1)
        else:
            return
    raise Failed(f"deployment {name} is written to all the time", "run: inv recover")


def _get(kubectl: Kubectl, name: str) -> Object:
    found = kubectl.get("deployment", name)
    if found is None:
        raise UsageError(
            f"there is no deployment {name} in namespace {kubectl.namespace}", "check kubernetes.deployment"
        )
    return found
