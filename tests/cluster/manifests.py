"""The objects of the tests' world, as a cluster's owners would write them.

Every pod borrows this machine's programs and is on its network: the lab's node has neither images nor a
pod network.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sandbox.lab.server import SUPERUSER, programs
from tests.support import REPOSITORY

Tree = dict[str, Any]
IMAGE = "localhost/host:1"
DOCUMENTS = "/var/www/documents"
NOBODY = 65534  # PostgreSQL refuses to run as root
GROUP = "argoproj.io"


def borrowed() -> list[Path]:
    """The folders of this machine that a pod needs to run our Python and PostgreSQL's programs."""
    wanted = [Path(p) for p in ("/usr", "/etc", sys.base_prefix, sys.prefix, str(REPOSITORY))]
    return [p for p in dict.fromkeys(wanted) if not any(o in p.parents for o in wanted)]


def volumes(hosts: dict[str, Path], secret: str = "") -> tuple[list[Tree], list[Tree]]:
    """Volumes and mounts: what every pod borrows, read-only, and `hosts`, by the path inside the pod."""
    made: list[Tree] = []
    mounts: list[Tree] = []
    for number, path in enumerate(borrowed()):
        made.append({"name": f"borrowed-{number}", "hostPath": {"path": str(path)}})
        mounts.append({"name": f"borrowed-{number}", "mountPath": str(path), "readOnly": True})
    for number, (inside, path) in enumerate(hosts.items()):
        made.append({"name": f"own-{number}", "hostPath": {"path": str(path)}})
        mounts.append({"name": f"own-{number}", "mountPath": inside})
    if secret:
        made.append({"name": "secret", "secret": {"secretName": secret, "defaultMode": 0o400}})
        mounts.append({"name": "secret", "mountPath": "/run/erp"})
    return made, mounts


def template(app: str, command: list[str], hosts: dict[str, Path], **more: Any) -> Tree:
    """A pod's template: one container named like its app."""
    made, mounts = volumes(hosts, more.pop("secret", ""))
    port = more.pop("port", None)
    container = {
        "name": app,
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": command,
        "volumeMounts": mounts,
        "env": [
            {"name": "PATH", "value": f"{programs()}:/usr/local/bin:/usr/bin:/bin"},
            {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
        ],
        **more,
    }
    if port is not None:
        probe = {"tcpSocket": {"host": "127.0.0.1", "port": port}}
        container["readinessProbe"] = {**probe, "periodSeconds": 1, "failureThreshold": 2}
    return {
        "metadata": {"labels": {"app": app}},
        "spec": {
            "hostNetwork": True,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
            "volumes": made,
        },
    }


def named(kind: str, version: str, name: str, namespace: str, **rest: Any) -> Tree:
    """An object."""
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        **rest,
    }


def deployment(name: str, namespace: str, pod: Tree, replicas: int = 1) -> Tree:
    """A Deployment whose pods all go before a new one comes."""
    selector = {"matchLabels": pod["metadata"]["labels"]}
    spec = {"replicas": replicas, "selector": selector, "strategy": {"type": "Recreate"}, "template": pod}
    return named("Deployment", "apps/v1", name, namespace, spec=spec)


def postgresql(namespace: str, data: Path, port: int) -> Tree:
    """PostgreSQL in one pod that comes back with its data; it trusts who reaches it from within."""
    start = (
        f"test -e /data/pg/PG_VERSION || initdb -D /data/pg --username {SUPERUSER} --auth trust"
        " --encoding UTF8 --locale C --locale-provider builtin --builtin-locale C.UTF-8"
        " --no-sync --no-instructions &&"
        f" exec postgres -D /data/pg -c listen_addresses=127.0.0.1 -c unix_socket_directories= -p {port}"
        " -c fsync=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=4GB"
        " -c max_locks_per_transaction=256 -c password_encryption=scram-sha-256"
    )
    identity = {"runAsUser": NOBODY, "runAsGroup": NOBODY}
    pod = template("postgresql", ["sh", "-c", start], {"/data": data}, port=port, securityContext=identity)
    spec = {
        "replicas": 1,
        "serviceName": "postgresql",
        "selector": {"matchLabels": {"app": "postgresql"}},
        "template": pod,
    }
    return named("StatefulSet", "apps/v1", "postgresql", namespace, spec=spec)


def files(namespace: str, folder: Path) -> Tree:
    """The pod next to a side's documents; it stays when the application is paused."""
    pod = template("documents", ["sleep", "infinity"], {DOCUMENTS: folder})
    return deployment("documents", namespace, pod)


def erp(namespace: str, folder: Path, port: int, replicas: int) -> Tree:
    """The sandbox's application: the stand-in."""
    command = [sys.executable, "-m", "tests.cluster.erp", "/run/erp/erp.json", str(port)]
    pod = template("erp", command, {DOCUMENTS: folder}, port=port, secret="erp", workingDir=str(REPOSITORY))
    return deployment("erp", namespace, pod, replicas)


def application(namespace: str, target: str, policy: Tree | None) -> Tree:
    """The Argo CD Application that looks after the sandbox's Deployment."""
    spec: Tree = {
        "project": "default",
        "source": {"repoURL": "git://made-up.example/ops", "path": "erp", "targetRevision": "main"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": target},
    }
    if policy is not None:
        spec["syncPolicy"] = policy
    return named("Application", f"{GROUP}/v1alpha1", "erp", namespace, spec=spec)


def definition(sync_policy: Tree | None = None) -> Tree:
    """A resource definition for Applications, in our own words: what they hold is not looked at.

    Args:
        sync_policy: the schema of `spec.syncPolicy`; what it does not name is pruned, as before 3.1.
    """
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    spec = anything if sync_policy is None else {**anything, "properties": {"syncPolicy": sync_policy}}
    parts = {"spec": spec, "status": anything, "operation": anything}
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": parts}},
    }
    names = {"kind": "Application", "plural": "applications", "singular": "application"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"applications.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }
