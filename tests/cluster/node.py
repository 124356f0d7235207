"""The API server of our own node: killed, and started again as it was."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.cluster.kube import eventually, kubectl

# as `up` of the lab's node has it
HOME = Path(os.environ.get("CLUSTER_HOME", Path.home() / ".cache/lab-cluster"))
NAME = "kube-apiserver"


def api_server() -> psutil.Process:
    """Its process; skips the test on a cluster that is not ours."""
    file = HOME / "run" / f"{NAME}.pid"
    if os.environ.get("KUBECONFIG") != str(HOME / "kubeconfig") or not file.exists():
        pytest.skip(
            f"the API server, killed: KUBECONFIG={HOME}/kubeconfig nox -s cluster, on a node started there"
        )
    return psutil.Process(int(file.read_text()))


def restart(server: psutil.Process) -> None:
    """Kill it, start the same program anew, and wait until it answers."""
    words, folder = server.cmdline(), server.cwd()
    server.kill()
    eventually(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE, "its end")
    start = 'log=$1; shift; setsid "$@" >>"$log" 2>&1 </dev/null & echo $!'
    command = ["sh", "-c", start, "sh", str(HOME / "log" / NAME), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    (HOME / "run" / f"{NAME}.pid").write_text(done.stdout)
    eventually(lambda: kubectl("get", "--raw", "/readyz", check=False) == "ok", "the API server's answer")
