"""Both sides are in pods: PostgreSQL's programs and the documents are reached with `kubectl exec`."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from sandbox.engines.kubernetes import argocd, paused, scale, select
from sandbox.engines.kubernetes.exec import ending, inside
from sandbox.engines.kubernetes.kubectl import Kubectl
from sandbox.engines.kubernetes.lease import LeaseLedger
from sandbox.engines.kubernetes.select import Container
from sandbox.engines.local import end_processes
from sandbox.errors import Failed, SandboxError, UsageError
from sandbox.pods import Cluster, Pod
from sandbox.postgres import Access
from sandbox.settings import Settings, Side
from sandbox.shell import Runner, observe

__all__ = ["KubernetesEngine", "LeaseLedger"]
What = Literal["database", "documents"]


@dataclass(frozen=True)
class KubernetesEngine:
    """The engine of what lives in a cluster; each container is looked for once, when it is needed."""

    settings: Settings
    cluster: Cluster
    runner: Runner
    run: str = ""
    _found: dict[Pod, Container] = field(default_factory=dict)
    _able: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def alone(self) -> bool:
        """Yes: whoever works on the sandbox holds its Lease."""
        return True

    @cached_property
    def _kubectl(self) -> Kubectl:
        return Kubectl(self.runner, self.cluster.context, self.cluster.namespace)

    def find(self, *sides: Side) -> None:
        """Find the container of every database and folder that is configured.

        Raises:
            SandboxError: one is not there, not ready, or not the only one; or the cluster refuses us.
        """
        for side in sides:
            if side.database is not None:
                self.container(side, "database")
            if side.documents is not None:
                self.container(side, "documents")

    def access(self, side: Side) -> Access:
        """How PostgreSQL's programs reach a side's database, from within its container.

        Raises:
            UsageError: no database is configured for that side.
        """
        prefix = self.settings.name if side.name == "sandbox" else f"{self.settings.name}.prod"
        if side.database is None:
            raise UsageError(f"{side.name}'s database is not configured", f"set {prefix}.database.name")
        return Access.to(
            side,
            setting=f"{prefix}.database",
            programs=self.settings.postgres.programs,
            passwords=None,  # they reach the container by standard input
            patience=self.settings.timeouts.connect,
            locks=self.settings.refresh.lock_timeout,
            run=self.run,
            able=self._able.get(side.name, ()),
        )

    def learn(self, side: Side, able: Iterable[str]) -> None:
        """Remember which of our options a side's sessions may have."""
        self._able[side.name] = tuple(able)

    def container(self, side: Side, what: What) -> Container:
        """The one container that holds a side's database or documents.

        Raises:
            UsageError: it is not configured, or not exactly one is found.
            Unreachable: it is not ready, or the cluster does not answer.
        """
        wanted = side.pods.database if what == "database" else side.pods.documents
        if wanted is None:
            prefix = self.settings.name if side.name == "sandbox" else f"{self.settings.name}.prod"
            raise UsageError(
                f"where {side.name}'s {what} is reached is not set",
                f"set {prefix}.kubernetes.{what}.selector, or .pod",
            )
        with self._turn:
            if wanted not in self._found:
                self._found[wanted] = select.find(self.runner, wanted)
            return self._found[wanted]

    def _inside(self, side: Side, what: What, text: str, *, stream: bool = False) -> str:
        passwords = self.settings.postgres.passwords if what == "database" else None
        return inside(self.container(side, what), text, run=self.run, passwords=passwords, stream=stream)

    @property
    def databases_together(self) -> bool:
        """Whether both databases are reached in one container."""
        prod, sandbox = self.settings.prod, self.settings.sandbox
        return self.container(prod, "database") == self.container(sandbox, "database")

    def database_command(self, side: Side, text: str) -> str:
        """The text, in the container of a side's database; it has no standard input."""
        return self._inside(side, "database", text)

    def pipeline_command(self, text: str) -> str:
        """The text, in the container that holds both databases; here when they are in two."""
        return self.database_command(self.settings.sandbox, text) if self.databases_together else text

    def inner_command(self, side: Side, text: str) -> str:
        """The same text when both databases are in one container, else in the side's own."""
        return text if self.databases_together else self._inside(side, "database", text, stream=True)

    def documents_command(self, side: Side, text: str) -> str:
        """The text, in the container of a side's documents; it has no standard input."""
        return self._inside(side, "documents", text)

    def documents_stream(self, side: Side, text: str) -> str:
        """The text, in the container of a side's documents, with our standard input."""
        return self._inside(side, "documents", text, stream=True)

    @property
    def documents_together(self) -> bool:
        """Whether one container has both folders."""
        prod, sandbox = self.settings.prod, self.settings.sandbox
        return self.container(prod, "documents") == self.container(sandbox, "documents")

    @property
    def documents_here(self) -> bool:
        """No: they are in a container."""
        return False

    def pausing(self, *, documents: bool) -> dict[str, Any]:
        """What a pause must put back of the Deployment and the Application; empty when neither runs.

        Raises:
            UsageError: one of them is not there, or what must be reached meanwhile would be stopped too.
        """
        if self.cluster.deployment is None:
            return {}
        deployment = scale.read(self._kubectl, self.cluster.deployment)
        if not deployment:
            return {}
        for what in ("database", "documents") if documents else ("database",):
            self._refuse_stopped(deployment, "documents" if what == "documents" else "database")
        state = {"deployment": deployment}
        if self.cluster.argocd is not None:
            state["argocd"] = argocd.read(self._kubectl, self.cluster.argocd, self.cluster.deployment)
        return state

    def _refuse_stopped(self, deployment: dict[str, Any], what: What) -> None:
        found, labels = self.container(self.settings.sandbox, what), deployment["labels"]
        same = found.namespace == self.cluster.namespace and labels.items() <= found.labels.items()
        if same and labels:
            raise UsageError(
                f"the sandbox's {what} is reached in {found}, which stops with deployment"
                f" {deployment['name']}",
                f"set kubernetes.{what} to another pod that mounts it"
                + (", or refresh with --db-only" if what == "documents" else ""),
            )

    def pause(self, runner: Runner, state: dict[str, Any]) -> None:
        """Pause Argo CD, scale to 0, and prove that both hold.

        Raises:
            SandboxError: one of them does not; the message says who undoes it.
        """
        kubectl = self._kubectl.guarded(runner)
        if not state.get("argocd"):
            scale.down(kubectl, state["deployment"])
            return
        argocd.pause(kubectl, state["argocd"])
        try:
            scale.down(kubectl, state["deployment"])
        except Failed:
            argocd.check(kubectl, state["argocd"])  # who undid the pause undid the scale-down with it
            raise
        if not kubectl.dry:
            argocd.check(kubectl, state["argocd"])

    def resume(self, runner: Runner, state: dict[str, Any]) -> tuple[str, ...]:
        """Scale up to what it was, wait for the rollout, then give Argo CD its policy back."""
        kubectl = self._kubectl.guarded(runner)
        notes = scale.up(kubectl, state["deployment"])
        if state.get("argocd"):
            notes += argocd.resume(kubectl, state["argocd"])
        return notes

    def pause_doubted(self, state: dict[str, Any]) -> str:
        """Why `state` is none that `pausing` makes of the settings' Deployment and Application."""
        return paused.doubted(self.cluster, state)

    def end_processes(self, run: str) -> int:
        """Kill what is left running of `run`, here and in the containers.

        Raises:
            Failed: a process outlives SIGKILL.
            SandboxError: a container cannot be reached.
        """
        ended = end_processes(run)
        with self._turn:
            self._found.clear()  # a pod that died has another name by now
        self.find(self.settings.sandbox)
        with suppress(SandboxError):  # what only reads holds up nobody, and ends with its pod
            self.find(self.settings.prod)
        for container in set(self._found.values()):
            result = observe(self.runner, inside(container, ending(run)))
            if result.exited != 0:
                raise Failed(f"processes of the dead run {run} do not end in {container}", "inv recover")
            ended += int(result.stdout.split()[-1])
        return ended
