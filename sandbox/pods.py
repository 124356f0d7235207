"""Which pods hold a side's database and documents, and what of the cluster is the sandbox's application."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.config import Reader
from sandbox.errors import UsageError


@dataclass(frozen=True)
class Pod:
    """How one container is found: a pod by its name or as the only one that a label selector finds."""

    setting: str  # which setting says so, for error messages
    context: str | None
    namespace: str
    selector: str | None
    name: str | None
    container: str | None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name or self.selector}"


@dataclass(frozen=True)
class ArgoCd:
    """The Application that keeps the sandbox as Git has it."""

    application: str
    namespace: str


@dataclass(frozen=True)
class Cluster:
    """Where the sandbox's own objects are: its Deployment, the Lease with its journal, its Application."""

    context: str | None  # None: kubeconfig's current one, or the ServiceAccount that we run under
    namespace: str
    deployment: str | None
    argocd: ArgoCd | None
    cronjob: str | None  # whose template a refresh in the cluster is started from


@dataclass(frozen=True)
class Pods:
    """The containers of one side."""

    database: Pod | None = None
    documents: Pod | None = None


def read(reader: Reader) -> tuple[Cluster | None, Pods, Pods]:
    """The cluster, and the pods of the sandbox and of prod; nothing unless the engine is kubernetes.

    Raises:
        UsageError: a setting is missing, or two of them exclude each other.
    """
    if reader.get("engine") != "kubernetes":
        return None, Pods(), Pods()
    cluster = _cluster(reader)
    mine = _pods(reader, "kubernetes", cluster.context, cluster.namespace)
    context = reader.get("prod.kubernetes.context", cluster.context)
    namespace = reader.get("prod.kubernetes.namespace", cluster.namespace)
    return cluster, mine, _pods(reader, "prod.kubernetes", context, namespace)


def _cluster(reader: Reader) -> Cluster:
    namespace = reader.get("kubernetes.namespace")
    if namespace is None:
        raise UsageError(
            f"{reader.name}.kubernetes.namespace is not set",
            f"set it to the sandbox's namespace, beside {reader.name}.engine: kubernetes",
        )
    application = reader.get("kubernetes.argocd.application")
    argocd = ArgoCd(application, reader.get("kubernetes.argocd.namespace", "argocd")) if application else None
    return Cluster(
        reader.get("kubernetes.context"),
        namespace,
        reader.get("kubernetes.deployment"),
        argocd,
        reader.get("kubernetes.cronjob"),
    )


def _pods(reader: Reader, prefix: str, context: str | None, namespace: str) -> Pods:
    return Pods(*(_pod(reader, f"{prefix}.{what}", context, namespace) for what in ("database", "documents")))


def _pod(reader: Reader, path: str, context: str | None, namespace: str) -> Pod | None:
    selector, name = reader.get(f"{path}.selector"), reader.get(f"{path}.pod")
    if selector is None and name is None:
        return None
    setting = f"{reader.name}.{path}"
    if selector is not None and name is not None:
        raise UsageError(f"{setting}.selector and {setting}.pod are both set", "set one of them")
    return Pod(
        setting,
        context,
        reader.get(f"{path}.namespace", namespace),
        selector,
        name,
        reader.get(f"{path}.container"),
    )
