"""An ops repository of its own, with a lab: what the benchmarks and the fault runner run `inv` in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psycopg

from sandbox.errors import Failed
from sandbox.lab.access import connected
from sandbox.lab.demo import CONFIGURATION, TASKS
from sandbox.lab.folder import Folder


class Ops:
    """A folder with the sandbox's tasks.

    Args:
        root: an empty folder.
        settings: YAML after the executor's line.
        variables: environment of every command, beside this process's own without ARCO_… and INVOKE_….
    """

    def __init__(self, root: Path, settings: str = "", variables: Mapping[str, str] | None = None) -> None:
        self.root, self.lab = root, Folder(root)
        (root / "tasks.py").write_text(TASKS, encoding="utf-8")
        (root / "invoke.yaml").write_text(CONFIGURATION + settings, encoding="utf-8")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("ARCO_", "INVOKE_"))}
        self.environment = {**kept, **(variables or {})}

    @property
    def port(self) -> int:
        """The database server's."""
        return int(self.lab.state()["database_port"])

    def start(
        self,
        *words: str,
        out: IO[str] | int = subprocess.PIPE,
        err: IO[str] | int = subprocess.PIPE,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start `inv` with these words, and these variables."""
        return subprocess.Popen(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.root,
            env={**self.environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
        )

    def inv(self, *words: str, codes: tuple[int, ...] = (0,), env: Mapping[str, str] | None = None) -> str:
        """Run `inv`; its standard output.

        Raises:
            Failed: it ended with none of `codes`.
        """
        with self.start(*words, env=env) as process:
            said, complained = process.communicate()
        if process.returncode not in codes:
            raise Failed(
                f"inv {' '.join(words)} ended with {process.returncode}: {complained.strip()[-400:]}"
            )
        return said

    @contextmanager
    def session(self, role: str, database: str) -> Iterator[psycopg.Connection]:
        """A session in which every statement commits by itself."""
        with connected(self.lab.passwords, self.port, role, database, autocommit=True) as session:
            yield session

    def sql(self, role: str, database: str, *statements: str) -> None:
        """Run statements, one after the other."""
        with self.session(role, database) as session:
            for statement in statements:
                session.execute(statement.encode())
