"""What the stand-in is started with, read from a JSON file of mode 600."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

VERSION = "23.0.0"


@dataclass(frozen=True)
class Config:
    """Where the sandbox's database is, and which instance this is."""

    host: str
    port: int
    name: str
    user: str
    passwords: Path  # pgpass format
    documents: Path
    instance: str  # what dolibarr calls its unique id: API keys are encrypted with it

    @classmethod
    def read(cls, path: Path) -> Config:
        """Read the file.

        Raises:
            OSError, ValueError, KeyError, TypeError: it is not there or not what the lab writes.
        """
        given = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            host=given["host"],
            port=int(given["port"]),
            name=given["name"],
            user=given["user"],
            passwords=Path(given["passwords"]),
            documents=Path(given["documents"]),
            instance=given["instance"],
        )
