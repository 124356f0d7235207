"""The lab's ERP as a process: started with a socket of ours, found again, stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from sandbox import textfile
from sandbox.errors import Failed
from sandbox.lab import HOST
from sandbox.lab.access import SANDBOX
from sandbox.lab.folder import Folder
from sandbox.lab.processes import listen, ours, stop
from sandbox.privatefile import replace as write_private


@dataclass(frozen=True)
class StandIn:
    """The stand-in ERP of one lab."""

    folder: Folder

    def process(self, state: dict[str, Any]) -> psutil.Process | None:
        """The running ERP, None when it does not run; `state` is the lab's."""
        known = state.get("erp") or {"pid": self._written_pid(), "born": None}
        return ours(int(known["pid"]), str(self.folder.erp_config), born=known["born"])

    def start(self, state: dict[str, Any]) -> dict[str, Any]:
        """Start the ERP at its old port when that is free, and return what of the state is new.

        Raises:
            Failed: it does not start; the log says why.
        """
        write_private(self.folder.erp_config, json.dumps(self._config(state), indent=2) + "\n")
        with listen(state.get("erp_port")) as server:
            port: int = server.getsockname()[1]
            self._launch(server.fileno())
        pid = self._written_pid()
        born = psutil.Process(pid).create_time()
        return {"url": f"http://{HOST}:{port}", "erp_port": port, "erp": {"pid": pid, "born": born}}

    def stop(self, state: dict[str, Any]) -> bool:
        """Stop the ERP; False when it did not run."""
        process = self.process(state)
        if process is None:
            return False
        stop(process, signal.SIGTERM, patience=3)
        return True

    @property
    def _pidfile(self) -> Path:
        return self.folder.path / "erp.pid"

    def _written_pid(self) -> int:
        """What the last started ERP wrote, also when its start was cut off before the state was; else 0."""
        try:
            return int(textfile.read(self._pidfile))
        except (FileNotFoundError, ValueError):
            return 0

    def _launch(self, descriptor: int) -> None:
        words = ("-m", "sandbox.lab.erp", str(self.folder.erp_config), "--listen", str(descriptor))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        with self.folder.erp_log.open("a", encoding="utf-8") as log:
            done = subprocess.run(
                [sys.executable, *words, "--pid", str(self._pidfile)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[descriptor],
                cwd=self.folder.path,
                env=environment,
                check=False,
            )
        if done.returncode != 0:
            raise Failed("the stand-in ERP does not start", f"read the end of {self.folder.erp_log}")

    def _config(self, state: dict[str, Any]) -> dict[str, Any]:
        return {
            "host": HOST,
            "port": state["database_port"],
            "name": SANDBOX,
            "user": SANDBOX,
            "passwords": str(self.folder.passwords),
            "documents": str(self.folder.documents("sandbox")),
            "instance": state["instances"]["sandbox"],
        }
