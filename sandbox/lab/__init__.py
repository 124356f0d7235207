"""The embedded default: a PostgreSQL with both sides' databases and a stand-in ERP, on loopback.

Everything of a lab is in the folder `.lab/` under the project's root. This module is imported by every
`inv` call: it reads one JSON file and imports nothing that the `lab` extra brings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import jsonfile
from sandbox.errors import UsageError
from sandbox.typed import NotTyped, typed

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Erp:
    """The ERP's process: its id, and when it began, in seconds since the epoch."""

    pid: int
    born: float


@dataclass(frozen=True)
class State:
    """What `lab.json` holds, as far as it is looked at before it is used."""

    size: int
    database_port: int
    programs: str
    url: str
    instances: Mapping[str, str]
    erp_port: int | None = None
    erp: Erp | None = None
    dolibarr: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        """Refuse what is no port."""
        if not {self.database_port, self.erp_port or 1} <= set(range(1, 65536)):
            raise NotTyped("a port", "is none")


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
        state = jsonfile.read(path) or {}
        if state:
            typed(State, state)
    except (jsonfile.Damaged, NotTyped) as error:
        raise UsageError(f"{path} is damaged: {error}", _REMAKE) from None
    return state


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
    return _tree(folder, state)


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
