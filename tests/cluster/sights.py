"""What the tests see of a world on the cluster: databases, documents, replicas, the Application."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests
from psycopg import sql

from sandbox.guard import MARK
from sandbox.lab import access
from sandbox.lab.processes import free_port
from sandbox.lab.server import SUPERUSER
from tests.cluster.kube import eventually, get

Tree = dict[str, Any]
POLICY = {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=false"]}
MARKER = "rehearsed.pdf"


@dataclass
class Sights:
    """Two namespaces, and a third for Argo CD; `folder` is on the node and holds what the pods keep."""

    folder: Path
    servers: int = 1
    replicas: int = 1
    megabytes: int = 20
    policy: Tree | None = field(default_factory=lambda: dict(POLICY))
    # whose it is can be told: several runs may share one cluster
    name: str = field(default_factory=lambda: f"world-{os.getpid()}-{secrets.token_hex(3)}")
    port: int = field(default_factory=lambda: free_port(None))  # of the ERP
    ports: list[int] = field(default_factory=list)  # of PostgreSQL: prod's, and the sandbox's own

    @property
    def prod(self) -> str:
        """Prod's namespace."""
        return f"{self.name}-prod"

    @property
    def sandbox(self) -> str:
        """The sandbox's namespace."""
        return f"{self.name}-sandbox"

    @property
    def argocd(self) -> str:
        """The namespace of the Application."""
        return f"{self.name}-argocd"

    @property
    def passwords(self) -> Path:
        """The roles' passwords, for the ERP."""
        return self.folder / "pgpass"

    @property
    def url(self) -> str:
        """The sandbox's URL."""
        return f"http://127.0.0.1:{self.port}"

    def place(self, side: str, what: str) -> Path:
        """A folder of the node."""
        return self.folder / side / what

    @contextmanager
    def session(self, database: str, side: str = "sandbox") -> Iterator[psycopg.Connection]:
        """A superuser's session over loopback, which the pods share with this machine."""
        port = self.ports[-1 if side == "sandbox" else 0]
        with access.connected(self.passwords, port, SUPERUSER, database, autocommit=True) as session:
            yield session

    def rows(
        self, query: str, database: str = access.SANDBOX, side: str = "sandbox"
    ) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self.session(database, side) as session:
            cursor = session.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def rehearse(self) -> None:
        """What a refresh must undo, in the database and in the documents."""
        self.rows(f"SET ROLE {access.SANDBOX}; CREATE TABLE IF NOT EXISTS rehearsed (a integer)")
        (self.place("sandbox", "documents") / MARKER).write_text("rehearsed")

    def content(self) -> tuple[str, str]:
        """Whether the database, and the documents, are the old or the new ones; fails when neither."""
        tables = self.tables("sandbox")
        old = {"rehearsed": "made by a rehearsal"} if "rehearsed" in tables else {}
        assert set(tables) - set(old) == set(self.tables("prod"))
        if not old:
            for table in ("llx_facture", "llx_facturedet", "llx_societe"):
                assert tables[table] == self.tables("prod")[table], table
        mine, prods = (self._files(side) for side in ("sandbox", "prod"))
        if MARKER in mine:
            return ("old" if old else "new"), "old"
        assert mine == prods
        return ("old" if old else "new"), "new"

    def tables(self, side: str) -> dict[str, int]:
        """The tables of a side with the number of their rows."""
        database = access.SANDBOX if side == "sandbox" else access.PROD
        named = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        found: dict[str, int] = {}
        with self.session(database, side) as session:
            for (table,) in session.execute(named).fetchall():
                counted = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
                found[table] = session.execute(counted).fetchall()[0][0]
        return found

    def _files(self, side: str) -> dict[str, bytes]:
        root = self.place(side, "documents")
        found = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name != MARK)
        return {str(path.relative_to(root)): path.read_bytes() for path in found}

    def application(self) -> Tree:
        """What must be the same afterwards: the Application's policy and its annotations."""
        found = get("applications.argoproj.io", "erp", self.argocd)
        metadata = found["metadata"]
        return {
            "policy": found["spec"].get("syncPolicy"),
            "annotations": {
                k: v for k, v in metadata.get("annotations", {}).items() if not k.startswith("kubectl.")
            },
        }

    def running(self) -> tuple[int, int]:
        """The replicas that the Deployment should have, and those that are available."""
        found = get("deployment", "erp", self.sandbox)
        return found["spec"]["replicas"], found["status"].get("availableReplicas", 0)

    def annotations(self) -> Tree:
        """The Deployment's annotations but for the cluster's own."""
        found = get("deployment", "erp", self.sandbox)["metadata"].get("annotations", {})
        return {k: v for k, v in found.items() if not k.startswith(("kubectl.", "deployment.kubernetes.io"))}

    def answers(self) -> bool:
        """Whether the ERP answers from its database."""
        try:
            return requests.get(f"{self.url}/index.php", timeout=10).ok
        except requests.RequestException:
            return False

    def leftovers(self) -> list[str]:
        """All that a finished run must not leave."""
        query = "SELECT datname FROM pg_database WHERE datname LIKE 'dolibarr%'"
        found = [row[0] for row in self.rows(query, "postgres")]
        found = [name for name in found if name not in {access.PROD, access.SANDBOX}]
        sessions = "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'dolibarr-s%'"
        for side in ("prod", "sandbox"):
            found += [row[0] for row in self.rows(sessions, "postgres", side)]
        folder = self.place("sandbox", "documents")
        places = (*folder.iterdir(), *folder.parent.iterdir())
        found += [p.name for p in places if "dolibarr" in p.name and p.name != MARK]
        return found

    def whole(self) -> None:
        """Fail unless everything that a pause touches is as it was made."""
        eventually(lambda: self.running() == (self.replicas, self.replicas), "the application's replicas")
        assert self.application() == {"policy": self.policy, "annotations": {}}
        assert self.annotations() == {}
        eventually(self.answers, "the ERP's answer")
        eventually(lambda: not self.leftovers(), "nothing left over")
