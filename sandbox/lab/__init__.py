"""The embedded default: a PostgreSQL with both sides' databases and a stand-in ERP, on loopback.

Everything of a lab is in the folder `.lab/` under the project's root. This module is imported by every
`inv` call: it reads one JSON file and imports nothing that the `lab` extra brings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox import jsonfile
from sandbox.errors import UsageError

HOST = "127.0.0.1"


def folder_of(root: Path) -> Path:
    """The folder in which the lab of the project at `root` keeps everything."""
    return root.resolve() / ".lab"


def read_state(folder: Path) -> dict[str, Any]:
    """What `lab.json` in a lab's folder says; empty when no lab was made there or its making was cut off.

    Raises:
        UsageError: the file does not hold what the lab writes.
    """
    path = folder / "lab.json"
    try:
        return jsonfile.read(path) or {}
    except jsonfile.Damaged as error:
        raise UsageError(f"{path} cannot be read: {error}", _REMAKE) from None


def configuration(root: Path) -> dict[str, Any] | None:
    """The settings of the lab under `root`, keyed as in `sandbox.schema.SCHEMA`.

    None when no lab was ever made there. Whether it runs is not looked at.

    Raises:
        UsageError: the lab's state is unreadable.
    """
    folder = folder_of(root)
    state = read_state(folder)
    if not state:
        return None
    try:
        return _tree(folder, state)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{folder / 'lab.json'} is damaged: {error!r}", _REMAKE) from error


_REMAKE = "stop the lab with: inv lab.down, remove the folder .lab, then run: inv lab.up"


def _tree(folder: Path, state: dict[str, Any]) -> dict[str, Any]:
    port = int(state["database_port"])
    return {
        "engine": "local",
        "url": str(state["url"]),
        "database": _database(port, "dolibarr_sandbox", "dolibarr_sandbox"),
        "documents": str(folder / "sandbox" / "documents"),
        "prod": {
            "database": _database(port, "dolibarr_prod", "dolibarr_prod_reader"),
            "documents": str(folder / "prod" / "documents"),
        },
        "postgres": {"programs": str(state["programs"]), "passwords": str(folder / "pgpass")},
    }


def _database(port: int, name: str, user: str) -> dict[str, Any]:
    return {"host": HOST, "port": port, "name": name, "user": user}
