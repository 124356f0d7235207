"""Where the two sides live: the one seam between what is done and where it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sandbox.engines.local import LocalEngine
from sandbox.errors import UsageError
from sandbox.postgres import Access
from sandbox.settings import Settings, Side


class Engine(Protocol):
    """How to reach a side's database, its documents, its application, and the journal of a run."""

    @property
    def settings(self) -> Settings:
        """The settings of the sandbox."""

    @property
    def run(self) -> str:
        """The id of the run that the commands belong to; empty for none."""

    @property
    def state(self) -> Path:
        """The folder of the lock, the journal and the record of the last refresh."""

    def access(self, side: Side) -> Access:
        """How PostgreSQL's programs reach a side's database; prod's sessions are always read-only."""

    def database_command(self, side: Side, text: str) -> str:
        """The shell text that runs `text` next to a side's database."""

    def documents_command(self, side: Side, text: str) -> str:
        """The shell text that runs `text` next to a side's documents."""

    def pipeline_command(self, text: str) -> str:
        """The shell text that runs `text`, which reaches both databases by `inner_command`."""

    def inner_command(self, side: Side, text: str) -> str:
        """The shell text that runs `text` next to a side's database, from within a pipeline."""

    def pause_command(self) -> str | None:
        """The shell text that stops the sandbox's application; None when nothing is to be stopped."""

    def resume_command(self) -> str | None:
        """The shell text that starts the sandbox's application again."""

    def end_processes(self, run: str) -> int:
        """Kill what is left running of `run`, which has no parent any more; the number of processes."""


def engine_for(settings: Settings, run: str = "") -> Engine:
    """The engine that the settings name.

    Args:
        settings: the sandbox's settings.
        run: the id of the run that the commands belong to; they and their sessions carry it.

    Raises:
        UsageError: none is named, or it is not in this release.
    """
    if settings.engine == "local":
        return LocalEngine(settings, run)
    if settings.engine is None:
        raise UsageError(
            f"{settings.name}.engine is not set and no lab is running",
            f"inv lab.up, or set {settings.name}.engine: local and where both sides are",
        )
    raise UsageError(f"{settings.name}.engine: {settings.engine} is not in this release", "use local for now")
