"""Both sides are reached from this machine: PostgreSQL's programs over TCP, documents as folders."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.errors import Failed, UsageError
from sandbox.postgres import Access
from sandbox.settings import Settings, Side
from sandbox.shell import RUN_VARIABLE, Runner, change, require, trace

_GONE_WITHIN = 10.0  # seconds
_PAUSED = {"resume": "application.resume"}


@dataclass(frozen=True)
class LocalEngine:
    """The engine of the lab and of everything else that this machine can reach."""

    settings: Settings
    run: str = ""
    _able: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False)

    @property
    def alone(self) -> bool:
        """No: another machine may reach the same databases."""
        return False

    def find(self, *sides: Side) -> None:
        """Nothing to find: the databases and folders are asked by those who need them."""

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
            locks=self.settings.refresh.lock_timeout,
            run=self.run,
            able=self._able.get(side.name, ()),
        )

    def learn(self, side: Side, able: Iterable[str]) -> None:
        """Remember which of our options a side's sessions may have."""
        self._able[side.name] = tuple(able)

    def database_command(self, side: Side, text: str) -> str:
        """The same text: every database is reached over the network from here."""
        del side
        return text

    @property
    def databases_together(self) -> bool:
        """Yes: both are reached over the network from here."""
        return True

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

    def documents_stream(self, side: Side, text: str) -> str:
        """The same: nothing stands between us and the folder."""
        return self.documents_command(side, text)

    @property
    def documents_together(self) -> bool:
        """Yes: every folder is mounted here."""
        return True

    @property
    def documents_here(self) -> bool:
        """Yes: every folder is mounted here."""
        return True

    def pausing(self, *, documents: bool) -> dict[str, Any]:
        """The commands of `application`; empty when none is set.

        Raises:
            UsageError: nothing says how to start it again.
        """
        del documents
        application, name = self.settings.application, self.settings.name
        if application.pause is not None and application.resume is None:
            raise UsageError(
                f"{name}.application.pause is set, but not resume", f"set {name}.application.resume"
            )
        return {} if application.pause is None else dict(_PAUSED)

    def pause(self, runner: Runner, state: dict[str, Any]) -> None:
        """Run `application.pause` from the root."""
        del state
        self._from_root(runner, self.settings.application.pause, "pausing the application")

    def resume(self, runner: Runner, state: dict[str, Any]) -> tuple[str, ...]:
        """Run `application.resume` from the root."""
        del state
        self._from_root(runner, self.settings.application.resume, "resuming the application")
        return ()

    def pause_doubted(self, state: dict[str, Any]) -> str:
        """Nothing of the state is acted on but that there is one: the command is the settings'."""
        return "" if state == _PAUSED else f"{state} is no pause of this engine's"

    def _from_root(self, runner: Runner, text: str | None, doing: str) -> None:
        if text is None:
            raise Failed(f"{doing}: nothing says how", "set application.pause and application.resume")
        # what it starts is to outlive the run
        text = f"unset {RUN_VARIABLE}\ncd {shlex.quote(str(self.settings.root))} && {{ {text}\n}}"
        require(change(runner, text), doing)

    def end_processes(self, run: str) -> int:
        """Kill what is left running of `run` on this machine, wait until it is gone, remove its files.

        Processes are found on Linux only, through /proc; elsewhere ending the database sessions has to do.

        Raises:
            Failed: a process outlives SIGKILL, such as one stuck in a dead network mount.
        """
        return end_processes(run)


def end_processes(run: str) -> int:
    """Kill what is left of `run` on this machine and remove its files; see `LocalEngine.end_processes`."""
    if not run:
        raise Failed("a run without an id is no run: none of its processes can be told from others")
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
    for path in Path(os.environ.get("TMPDIR") or "/tmp").glob(f"{trace(run)}*"):  # noqa: S108  # as shell.temporary
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(killed)


def _processes_of(run: str) -> list[int]:
    """Processes of ours that carry the run's id in their environment."""
    mark = f"{RUN_VARIABLE}={run}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found
