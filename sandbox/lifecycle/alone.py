"""One run at a time on a sandbox's database, whatever state folder it has: by a lock of the server's."""

from __future__ import annotations

import os
import select
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from sandbox.engines import engine_for
from sandbox.errors import Busy, UsageError
from sandbox.lifecycle.holder import PATIENT
from sandbox.lifecycle.programs import sql
from sandbox.postgres import ALIVE, APPLICATION, Access, together
from sandbox.settings import Settings
from sandbox.shell import RUN_VARIABLE, Runner

_LOCK = ":lock"  # not as a session of the run's work is called: whoever undoes that ends those
_PATIENCE = 5.0  # seconds, for a psql to answer, and to end by itself


@contextmanager
def alone(settings: Settings, run: str, runner: Runner) -> Iterator[None]:
    """Hold the sandbox's database for one run; where it cannot be reached, what follows says so.

    Raises:
        Busy: another run has it.
    """
    access = _access(settings, run, runner)
    process = None if access is None else _started(access)
    try:
        if access is not None and process is not None:
            # after the time to connect
            name = settings.sandbox.database.name if settings.sandbox.database else ""
            _take(process, name, settings.timeouts.connect + _PATIENCE)
        yield
    finally:
        if process is not None:
            _end(process)


def _access(settings: Settings, run: str, runner: Runner) -> Access | None:
    """The way to where the lock is; None where the ledger's is for all machines, or nothing is configured."""
    try:
        engine = engine_for(settings, run, runner)
        access = None if engine.alone else engine.access(settings.sandbox).maintenance
    except UsageError:
        return None
    if access is None:
        return None
    name, options = f"{APPLICATION}/{run}{_LOCK}", f"{access.env.get('PGOPTIONS', '')} {ALIVE}"
    env = {**access.env, "PGAPPNAME": name, "PGOPTIONS": options}
    env.pop(RUN_VARIABLE, None)  # it ends with us, and not with what we start
    return replace(access, env=env)


def _started(access: Access) -> subprocess.Popen[str] | None:
    """A psql out of reach of the terminal's signals; it ends when nobody can write to it any more."""
    command = access.psql()
    with suppress(OSError):
        return subprocess.Popen(
            command.argv,
            env={**os.environ, **command.env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            start_new_session=True,
        )
    return None


def _take(process: subprocess.Popen[str], database: str, patience: float) -> None:
    if process.stdin is None or process.stdout is None:
        return
    kind, key = (zlib.crc32(text.encode()) >> 1 for text in (APPLICATION, database))
    with suppress(BrokenPipeError):
        process.stdin.write(f"\\set class {kind}\n\\set key {key}\n{PATIENT}{sql('alone')}")
        process.stdin.flush()
    if not select.select([process.stdout], [], [], patience)[0]:
        return  # whatever keeps it from answering is told by what follows
    told = together(process.stdout.readline())
    if told.get("mine") is False:
        holder = (told["holder"] or "it just began").removeprefix(f"{APPLICATION}/").removesuffix(_LOCK)
        raise Busy(
            f"another run holds the database {database}: {holder}",
            "wait until it ends; it was started from another folder or machine",
        )


def _end(process: subprocess.Popen[str]) -> None:
    with process:
        try:
            # said, not left to the session's end: the server may take its time for that
            process.communicate("SELECT pg_advisory_unlock_all();\n", timeout=_PATIENCE)
        except (OSError, subprocess.TimeoutExpired):
            process.kill()
