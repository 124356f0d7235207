"""A real Dolibarr as processes: PHP's own server with several workers, found again, stopped together."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Any

import psutil

from sandbox.dolibarr.api import Client
from sandbox.errors import Failed, Unreachable
from sandbox.lab import HOST
from sandbox.lab.folder import Folder
from sandbox.lab.processes import free_port, ours, stop
from sandbox.lab.real import php
from sandbox.lab.real.install import write_sandbox_conf
from sandbox.privatefile import replace as write_private
from sandbox.settings import Timeouts

_WORKERS = 4
_PATIENCE = 20.0  # seconds for the first answer


@dataclass(frozen=True)
class Served:
    """The sandbox's Dolibarr under PHP."""

    folder: Folder

    def process(self, state: dict[str, Any]) -> psutil.Process | None:
        """The server's first process, None when it does not run; `state` is the lab's."""
        known = state.get("erp") or {"pid": 0, "born": None}
        return ours(int(known["pid"]), self._mark, born=known["born"])

    def start(self, state: dict[str, Any]) -> dict[str, Any]:
        """Start the server at its old port when that is free, and return what of the state is new.

        Raises:
            UsageError: PHP or an extension is missing.
            Failed: it does not start; the log says why.
        """
        self.stop(state)
        preferred = state.get("erp_port")
        for _ in range(3):  # between choosing a port and opening it, somebody else may
            port = free_port(preferred)
            url = f"http://{HOST}:{port}"
            write_sandbox_conf(
                self.folder, url=url, port=state["database_port"], instance=state["instances"]["sandbox"]
            )
            process = self._launch(port)
            if _answers(process, url):
                born = process.create_time()
                return {"url": url, "erp_port": port, "erp": {"pid": process.pid, "born": born}}
            self.stop(state)
            preferred = None
        raise Failed("PHP does not serve Dolibarr", f"read the end of {self.folder.erp_log}")

    def stop(self, state: dict[str, Any]) -> bool:  # noqa: ARG002  # what marks them is their command line
        """Stop the server and every worker; False when none ran.

        A killed server's workers live on and hold its port, so they are looked for one by one.
        """
        mine = [each for each in psutil.process_iter() if ours(each.pid, self._mark)]
        for each in sorted(mine, key=lambda process: process.pid):
            stop(each, signal.SIGTERM, patience=2)
        return bool(mine)

    @property
    def _mark(self) -> str:
        return str(self.folder.dolibarr / "htdocs")

    def _launch(self, port: int) -> psutil.Process:
        # the server's own log has the address of every request, tokens and keys included: it is not kept
        argv = [*php.words(php.require(), self.folder), "-S", f"{HOST}:{port}", "-t", self._mark]
        process = subprocess.Popen(
            argv,
            env=php.environment(PHP_CLI_SERVER_WORKERS=str(_WORKERS)),
            cwd=self.folder.dolibarr,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        process.returncode = 0  # it outlives this run on purpose
        write_private(self.folder.path / "erp.pid", f"{process.pid}\n")
        return psutil.Process(process.pid)


def _answers(process: psutil.Process, url: str) -> bool:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and _lives(process):
        try:
            Client(url, Timeouts(5, 5)).page(f"{url}/robots.txt")
        except Unreachable:
            time.sleep(0.05)
        else:
            return _lives(process)  # else it was somebody else who answered at this port
    return False


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
