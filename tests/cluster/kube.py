"""kubectl as the tests use it: JSON in, JSON out, against the cluster that KUBECONFIG names."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Tree = dict[str, Any]
PATIENCE = 90.0  # seconds that anything here may take on a busy machine


def kubectl(*words: str, stdin: str | None = None, check: bool = True) -> str:
    """What kubectl printed.

    Raises:
        AssertionError: it failed.
    """
    done = subprocess.run(["kubectl", *words], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"kubectl {' '.join(words)}: {done.stderr}"
    return done.stdout


def get(kind: str, name: str, namespace: str) -> Tree:
    """An object as the API server has it."""
    found = json.loads(kubectl("get", kind, name, "-n", namespace, "-o", "json"))
    assert isinstance(found, dict)
    return found


def listed(kind: str, namespace: str, *words: str) -> list[Tree]:
    """The objects of a kind."""
    return list(json.loads(kubectl("get", kind, "-n", namespace, *words, "-o", "json"))["items"])


def apply(*objects: Tree) -> None:
    """Create the objects, or make them what they should be."""
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def patch(kind: str, name: str, namespace: str, change: Tree) -> None:
    """A merge patch."""
    kubectl("patch", kind, name, "-n", namespace, "--type=merge", "-p", json.dumps(change))


def eventually(look: Callable[[], Any], wanted: str, patience: float = PATIENCE) -> Any:
    """What `look` finds, as soon as it is something.

    Raises:
        AssertionError: it found nothing in time.
    """
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {patience:.0f} s: {wanted}"
        time.sleep(0.2)
    return found


def ready(namespace: str, label: str, count: int = 1) -> list[Tree]:
    """The ready pods of a label, once there are that many and no other."""

    def look() -> list[Tree]:
        pods = listed("pods", namespace, "-l", label)
        conditions = [{c["type"]: c["status"] for c in p["status"].get("conditions", [])} for p in pods]
        whole = len(pods) == count and all(c.get("Ready") == "True" for c in conditions)
        return pods if whole else []

    return list(eventually(look, f"{count} ready pod(s) {label} in {namespace}"))


@dataclass(frozen=True)
class Access:
    """The way to the API server over plain HTTPS."""

    server: str
    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def into(cls, folder: Path) -> Access:
        """Read it from the kubeconfig; the certificates become files of mode 600 in `folder`."""
        view = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        cluster, user = view["clusters"][0]["cluster"], view["users"][0]["user"]
        made = cls(cluster["server"], folder / "ca.crt", folder / "client.crt", folder / "client.key")
        for path, text in (
            (made.authority, cluster["certificate-authority-data"]),
            (made.certificate, user["client-certificate-data"]),
            (made.key, user["client-key-data"]),
        ):
            path.touch(mode=0o600)
            path.write_bytes(base64.b64decode(text))
        return made
