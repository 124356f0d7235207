"""Find the one container that holds a side's database or documents; anything but one is an error."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from sandbox.engines.kubernetes.kubectl import Forbidden, Kubectl, Object
from sandbox.errors import Unreachable, UsageError
from sandbox.pods import Pod
from sandbox.shell import Runner

_DEFAULT = "kubectl.kubernetes.io/default-container"


@dataclass(frozen=True)
class Container:
    """One container of one pod, as `kubectl exec` reaches it."""

    context: str | None
    namespace: str
    pod: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"pod {self.namespace}/{self.pod}"


def find(runner: Runner, wanted: Pod) -> Container:
    """The one container.

    Raises:
        UsageError: there is no such pod, there are several, or its container has another name.
        Unreachable: the pod is not ready, or the cluster does not answer.
    """
    kubectl = Kubectl(runner, wanted.context, wanted.namespace)
    if wanted.name is not None:
        one = kubectl.get("pod", wanted.name)
        found = [one] if one is not None else []
    else:
        found = [pod for pod in kubectl.listed("pods", wanted.selector or "") if _lives(pod)]
    if not found:
        raise _nobody(kubectl, wanted)
    if len(found) > 1:
        names = ", ".join(sorted(pod["metadata"]["name"] for pod in found))
        raise UsageError(
            f"{wanted.setting}.selector finds {len(found)} pods in {wanted.namespace}: {names}",
            f"narrow it, or set {wanted.setting}.pod to one of them",
        )
    return _container(found[0], wanted)


def _lives(pod: Object) -> bool:
    """Whether a pod has not ended and is not about to."""
    ended = pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}
    return not ended and "deletionTimestamp" not in pod["metadata"]


def _nobody(kubectl: Kubectl, wanted: Pod) -> UsageError:
    with suppress(Forbidden):  # a namespace's own role may not be allowed to look at it
        if kubectl.get("namespace", wanted.namespace) is None:
            return UsageError(
                f"there is no namespace {wanted.namespace}",
                f"check {wanted.setting.rpartition('.')[0]}.namespace",
            )
    return UsageError(f"there is no pod {wanted}", f"check {wanted.setting}; is it running?")


def _container(pod: Object, wanted: Pod) -> Container:
    metadata, names = pod["metadata"], [one["name"] for one in pod["spec"]["containers"]]
    where = f"{wanted.namespace}/{metadata['name']}"
    name = wanted.container or metadata.get("annotations", {}).get(_DEFAULT)
    if name is None and len(names) > 1:
        raise UsageError(
            f"pod {where} has several containers: {', '.join(names)}", f"set {wanted.setting}.container"
        )
    if name is not None and name not in names:
        raise UsageError(
            f"pod {where} has no container {name}, but: {', '.join(names)}",
            f"check {wanted.setting}.container",
        )
    if (why := _unready(pod)) is not None:
        raise Unreachable(f"pod {where} is not ready: {why}", "wait until it is, then try again")
    return Container(
        wanted.context, wanted.namespace, metadata["name"], name or names[0], metadata.get("labels", {})
    )


def _unready(pod: Object) -> str | None:
    """Why a pod is not ready; None when it is."""
    status = pod.get("status", {})
    if "deletionTimestamp" in pod["metadata"]:
        return "it is being deleted"
    for condition in status.get("conditions", []):
        if condition["type"] == "Ready" and condition["status"] == "True":
            return None
    for container in status.get("containerStatuses", []):
        for state, told in container.get("state", {}).items():
            if state != "running":
                return f"container {container['name']} is {state}: {told.get('reason', 'no reason given')}"
    return f"its phase is {status.get('phase', 'unknown')}, and its readiness probe has not passed"
