"""Both sides are reached from this machine: PostgreSQL's programs over TCP, documents as folders."""

from __future__ import annotations

import os
import shlex
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import Failed, UsageError
from sandbox.postgres import RUN_VARIABLE, Access
from sandbox.settings import Settings, Side

_GONE_WITHIN = 10.0  # seconds


@dataclass(frozen=True)
class LocalEngine:
    """The engine of the lab and of everything else that this machine can reach."""

    settings: Settings
    run: str = ""

    @property
    def state(self) -> Path:
        """The folder of the lock, the journal and the record of the last refresh."""
        return self.settings.files.state

    def access(self, side: Side) -> Access:
        """How PostgreSQL's programs reach a side's database.

        Raises:
            UsageError: no database is configured for that side.
        """
        prefix = self.settings.name if side.name == "sandbox" else f"{self.settings.name}.prod"
        if side.database is None:
            raise UsageError(
                f"{side.name}'s database is not configured",
                f"set {prefix}.database: {{host: …, port: …, name: …, user: …}}",
            )
        return Access.to(
            side,
            setting=f"{prefix}.database",
            programs=self.settings.postgres.programs,
            passwords=self.settings.postgres.passwords,
            patience=self.settings.timeouts.connect,
            run=self.run,
        )

    def database_command(self, side: Side, text: str) -> str:
        """The same text: every database is reached over the network from here."""
        del side
        return text

    def pipeline_command(self, text: str) -> str:
        """The same text: it runs here."""
        return text

    def inner_command(self, side: Side, text: str) -> str:
        """The same text: both databases are reached over the network from here."""
        del side
        return text

    def documents_command(self, side: Side, text: str) -> str:
        """The same text: every folder is mounted here. Its processes carry the run's id."""
        del side
        return f"export {RUN_VARIABLE}={shlex.quote(self.run)}\n{text}" if self.run else text

    def pause_command(self) -> str | None:
        """`application.pause`, run from the root."""
        return self._from_root(self.settings.application.pause)

    def resume_command(self) -> str | None:
        """`application.resume`, run from the root."""
        return self._from_root(self.settings.application.resume)

    def _from_root(self, text: str | None) -> str | None:
        return None if text is None else f"cd {shlex.quote(str(self.settings.root))} && {{ {text}\n}}"

    def end_processes(self, run: str) -> int:
        """Kill what is left running of `run` on this machine and wait until it is gone.

        Linux only, through /proc; elsewhere ending the database sessions has to do.

        Raises:
            Failed: a process outlives SIGKILL, such as one stuck in a dead network mount.
        """
        killed: set[int] = set()
        deadline = time.monotonic() + _GONE_WITHIN
        while found := _processes_of(run):
            if time.monotonic() > deadline:
                raise Failed(
                    f"processes of the dead run {run} do not end: {', '.join(map(str, found))}",
                    "end them, then: inv recover",
                )
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            killed |= set(found)
            time.sleep(0.02)
        return len(killed)


def _processes_of(run: str) -> list[int]:
    """Processes of ours that carry the run's id in their environment, or as the shell text they run."""
    mark = f"{RUN_VARIABLE}={run}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes() or mark in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found
