"""Where the two sides live: the one seam between what is done and where it is done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from sandbox.engines.files import FileLedger
from sandbox.engines.kubernetes import KubernetesEngine, LeaseLedger
from sandbox.engines.kubernetes.jobs import Job, Jobs
from sandbox.engines.kubernetes.kubectl import Kubectl
from sandbox.engines.ledger import Ledger
from sandbox.engines.local import LocalEngine
from sandbox.errors import UsageError
from sandbox.postgres import Access
from sandbox.settings import Settings, Side
from sandbox.shell import Runner

__all__ = ["Engine", "Job", "Jobs", "engine_for", "jobs_for", "ledger_for"]


class Engine(Protocol):
    """How to reach a side's database, its documents, its application, and the journal of a run."""

    @property
    def settings(self) -> Settings:
        """The settings of the sandbox."""

    @property
    def run(self) -> str:
        """The id of the run that the commands belong to; empty for none."""

    @property
    def alone(self) -> bool:
        """Whether whoever holds the sandbox's ledger is its only run, on every machine."""

    def find(self, *sides: Side) -> None:
        """Find what the sides' settings name; changes nothing.

        Raises:
            SandboxError: a place is not there, not ready or not ours to enter.
        """

    def access(self, side: Side) -> Access:
        """How PostgreSQL's programs reach a side's database; prod's sessions are always read-only."""

    def learn(self, side: Side, able: Iterable[str]) -> None:
        """Remember what a side's server told of itself, for the sessions that follow.

        Args:
            side: whose server it is.
            able: which of our options its sessions may have (`postgres.ABLE`).
        """

    def database_command(self, side: Side, text: str) -> str:
        """The shell text that runs `text` next to a side's database."""

    def documents_command(self, side: Side, text: str) -> str:
        """The shell text that runs `text` next to a side's documents."""

    def documents_stream(self, side: Side, text: str) -> str:
        """As `documents_command`; what flows into the shell text and out of it is `text`'s."""

    @property
    def documents_together(self) -> bool:
        """Whether both sides' documents are folders of one place."""

    @property
    def documents_here(self) -> bool:
        """Whether the sandbox's documents are a folder of this machine."""

    @property
    def databases_together(self) -> bool:
        """Whether what runs next to prod's database reaches the sandbox's too."""

    def pipeline_command(self, text: str) -> str:
        """The shell text that runs `text`, which reaches both databases by `inner_command`."""

    def inner_command(self, side: Side, text: str) -> str:
        """The shell text that runs `text` next to a side's database, from within a pipeline."""

    def pausing(self, *, documents: bool) -> dict[str, Any]:
        """The exact state that the application is to return to; empty when nothing is to be stopped.

        Args:
            documents: the documents are to be reached while it is stopped.

        Raises:
            UsageError: it could not be started again.
        """

    def pause(self, runner: Runner, state: dict[str, Any]) -> None:
        """Stop the application, and prove that it stays stopped; `state` is in the journal by now.

        Raises:
            SandboxError: it did not stop; part of it may have.
        """

    def resume(self, runner: Runner, state: dict[str, Any]) -> tuple[str, ...]:
        """Return to `state`, from wherever a pause or an earlier try stopped; what it left alone, and why.

        Raises:
            SandboxError: it could not be; it can be tried again.
        """

    def pause_doubted(self, state: dict[str, Any]) -> str:
        """Why a journal's `state` is none that a pause of what the settings name has; empty: it is one."""

    def end_processes(self, run: str) -> int:
        """Kill what is left running of `run`, which has no parent any more; the number of processes."""


def engine_for(settings: Settings, run: str = "", runner: Runner | None = None) -> Engine:
    """The engine that the settings name.

    Args:
        settings: the sandbox's settings.
        run: the id of the run that the commands belong to; they and their sessions carry it.
        runner: what runs the commands with which the engine finds its way.

    Raises:
        UsageError: none is named, or what it needs is not set.
    """
    if settings.engine == "local":
        return LocalEngine(settings, run)
    if settings.cluster is not None and runner is not None:
        return KubernetesEngine(settings, settings.cluster, runner, run)
    raise UsageError(
        f"{settings.name}.engine is not set and no lab is running",
        f"inv lab.up, or set {settings.name}.engine: local or kubernetes, and where both sides are",
    )


def ledger_for(settings: Settings, runner: Runner | None = None) -> Ledger:
    """Where the sandbox's lock and journal are.

    Args:
        settings: the sandbox's settings.
        runner: what runs the commands that reach the ledger, where they are needed.
    """
    if settings.cluster is not None and runner is not None:
        return LeaseLedger(settings, settings.cluster, runner)
    return FileLedger(settings.files.state)


def jobs_for(settings: Settings, runner: Runner) -> Jobs:
    """What runs in the cluster by itself, once it was started.

    Args:
        settings: the sandbox's settings.
        runner: what runs the commands that reach the cluster.

    Raises:
        UsageError: the sandbox is in no cluster, or nothing there is named that could be started.
    """
    setting = f"{settings.name}.kubernetes.cronjob"
    cluster = settings.cluster
    if cluster is None:
        raise UsageError(
            f"--detach is for {settings.name}.engine: kubernetes; it is {settings.engine or 'the lab'}",
            "leave --detach out",
        )
    if cluster.cronjob is None:
        raise UsageError(
            f"--detach starts the job of a CronJob, and {setting} is not set",
            "apply examples/kubernetes/cronjob.yaml, and set it to that one's name",
        )
    return Jobs(Kubectl(runner, cluster.context, cluster.namespace), cluster.cronjob, setting)
