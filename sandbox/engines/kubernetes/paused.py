"""Whether what a journal says of a pause is what one of the settings' objects can have been."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.pods import ArgoCd, Cluster
from sandbox.typed import NotTyped, typed


@dataclass(frozen=True)
class _Deployment:
    """See `scale.read`."""

    name: str
    uid: str
    replicas: int
    labels: dict[str, str]


@dataclass(frozen=True)
class _Application:
    """See `argocd.read`."""

    name: str
    namespace: str
    uid: str
    automated: dict[str, Any]


@dataclass(frozen=True)
class _Paused:
    """What `KubernetesEngine.pausing` returns."""

    deployment: _Deployment
    argocd: dict[str, Any] = field(default_factory=dict)


def doubted(cluster: Cluster, state: dict[str, Any]) -> str:
    """Why `state` is none that a pause of the settings' Deployment and Application has; empty: it is one."""
    try:
        found = typed(_Paused, state)
        synced = typed(_Application, found.argocd) if found.argocd else None
    except NotTyped as error:
        return f"of the pause, {error}"
    if found.deployment.name != cluster.deployment or found.deployment.replicas < 1:
        return f"deployment {found.deployment.name!r} with {found.deployment.replicas} replicas was paused"
    if synced is not None and ArgoCd(synced.name, synced.namespace) != cluster.argocd:
        return f"application {synced.name!r} in namespace {synced.namespace!r} was paused"
    return ""
