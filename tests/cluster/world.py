"""Prod and a sandbox on a real cluster, with the ERP, its Application and what heals it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox.config import merged
from sandbox.lab import access, documents, seed
from sandbox.lab.processes import free_port
from tests.cluster import manifests
from tests.cluster.kube import Access, apply, eventually, kubectl, listed, ready
from tests.cluster.sights import Sights
from tests.support import REPOSITORY, ops

Tree = dict[str, Any]


@dataclass
class World(Sights):
    """A world that can be made, broken and removed."""

    def make(self) -> World:
        """Deploy it all, with the lab's business data in prod and an older copy in the sandbox."""
        self.folder.chmod(0o755)  # PostgreSQL, as nobody, reaches its data through it
        access.write_passwords(self.passwords)
        for namespace in (self.prod, self.sandbox, self.argocd):
            kubectl("create", "namespace", namespace)
        given = seed.Secrets.fresh()
        for number in range(self.servers):
            self._server(("prod", "sandbox")[number], given)
        shutil.rmtree(self.place("sandbox", "documents"), ignore_errors=True)
        documents.make_prod(self.place("prod", "documents"), self.passwords, self.ports[0], self.megabytes)
        documents.copy_to_sandbox(self.place("prod", "documents"), self.place("sandbox", "documents"))
        self._application(given)
        return self

    def _server(self, side: str, given: seed.Secrets) -> None:
        """One PostgreSQL server, with the sandbox's database if it is the last."""
        namespace = self.prod if side == "prod" else self.sandbox
        data = self.place(side, "data")
        data.mkdir(parents=True)
        os.chown(data, manifests.NOBODY, manifests.NOBODY)
        self.ports.append(free_port(None))
        apply(manifests.postgresql(namespace, data, self.ports[-1]))
        ready(namespace, "app=postgresql")
        access.create_roles(self.passwords, self.ports[-1])
        seed.seed(self.passwords, self.ports[-1], self.megabytes, given)
        access.open_to_reader(self.passwords, self.ports[-1])
        if len(self.ports) == self.servers:
            access.copy_to_sandbox(self.passwords, self.ports[-1])
            seed.age(self.passwords, self.ports[-1])
        if side == "sandbox":
            with self.session("postgres", side) as session:
                session.execute("DROP DATABASE dolibarr_prod")

    def _application(self, given: seed.Secrets) -> None:
        config = {
            "host": "127.0.0.1",
            "port": self.ports[-1],
            "name": access.SANDBOX,
            "user": access.SANDBOX,
            "passwords": "/run/erp/pgpass",
            "documents": manifests.DOCUMENTS,
            "instance": secrets.token_hex(16),
        }
        texts = {"erp.json": json.dumps(config), "pgpass": self.passwords.read_text()}
        credentials = self.folder / "credentials.env"
        credentials.write_text(f"DOLIBARR_ADMIN_LOGIN=admin\nDOLIBARR_ADMIN_PASSWORD={given.password}\n")
        credentials.chmod(0o600)
        mine = self.place("sandbox", "documents")
        apply(
            manifests.named("Secret", "v1", "erp", self.sandbox, stringData=texts),
            manifests.files(self.prod, self.place("prod", "documents")),
            manifests.files(self.sandbox, mine),
            manifests.erp(self.sandbox, mine, self.port, self.replicas),
            manifests.application(self.argocd, self.sandbox, self.policy),
        )
        ready(self.prod, "app=documents")
        ready(self.sandbox, "app=documents")
        ready(self.sandbox, "app=erp", self.replicas)

    def settings(self, **overlay: Any) -> Tree:
        """What invoke.yaml says of this sandbox."""
        database = {"user": access.SANDBOX, "name": access.SANDBOX, "port": self.ports[-1]}
        prods = {"user": access.READER, "name": access.PROD, "port": self.ports[0]}
        pod = {"selector": "app=postgresql", "container": "postgresql"}
        files = {"selector": "app=documents", "container": "documents"}
        context = kubectl("config", "current-context").strip()
        mine = {"namespace": self.sandbox if self.servers > 1 else self.prod}
        tree = {
            "engine": "kubernetes",
            "url": self.url,
            "database": database,
            "documents": manifests.DOCUMENTS,
            "kubernetes": {
                "context": context,
                "namespace": self.sandbox,
                "database": {**mine, **pod},
                "documents": files,
                "deployment": "erp",
                "argocd": {"application": "erp", "namespace": self.argocd},
            },
            "prod": {
                "database": prods,
                "documents": manifests.DOCUMENTS,
                "kubernetes": {
                    "context": context,
                    "namespace": self.prod,
                    "database": pod,
                    "documents": files,
                },
            },
        }
        return merged(tree, overlay)

    def desk(self, folder: Path, **overlay: Any) -> Path:
        """An ops repository of somebody who looks after this sandbox."""
        made = ops(folder, "sandbox: " + json.dumps(self.settings(**overlay)) + "\n")
        (made / "test").mkdir(exist_ok=True)
        shutil.copy(self.folder / "credentials.env", made / "test" / ".env.sandbox")
        return made

    @contextmanager
    def started(
        self, folder: Path, *words: str, module: str = "invoke", **variables: str
    ) -> Iterator[subprocess.Popen[str]]:
        """A program that goes on while the block does; what it says is in `said` in the folder."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ARCO_", "INVOKE_"))}
        with (folder / "said").open("w") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *words],
                cwd=folder,
                env={**kept, "PYTHONPATH": str(REPOSITORY), **variables},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                text=True,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def restore_policy(self) -> None:
        """Make the sync policy what it was; a merge would keep what a test has added."""
        change = [{"op": "add", "path": "/spec/syncPolicy", "value": self.policy}]
        words = ["patch", "applications.argoproj.io", "erp", "-n", self.argocd, "--type=json"]
        kubectl(*words, "-p", json.dumps(change))

    @contextmanager
    def healer(self, parent: Tree | None = None) -> Iterator[Path]:
        """Argo CD's part, until the block ends; yields the file that tells what it healed.

        Args:
            parent: what Git says of the Application itself, where a parent application manages it.
        """
        keys = self.folder / f"healer-{secrets.token_hex(3)}"
        keys.mkdir(mode=0o700)
        config = {
            "api": asdict(Access.into(keys)),
            "namespace": self.sandbox,
            "deployment": "erp",
            "replicas": self.replicas,
            "argocd": self.argocd,
            "application": "erp",
            "parent": parent,
        }
        (keys / "healer.json").write_text(json.dumps(config, default=str))
        words = [sys.executable, "-m", "tests.cluster.healer", str(keys / "healer.json")]
        with (keys / "healed").open("w") as told:
            process = subprocess.Popen(words, cwd=REPOSITORY, stdout=told)
        try:
            yield keys / "healed"
        finally:
            process.terminate()
            process.wait()

    def remove(self) -> None:
        """Take it all down again, and wait until it is gone."""
        names = [self.sandbox, self.prod, self.argocd]
        kubectl("delete", "namespace", *names, "--ignore-not-found", "--wait=false")
        eventually(lambda: not any(listed("pods", name) for name in names), "every pod gone")
        for side in ("prod", "sandbox"):
            shutil.rmtree(self.folder / side, ignore_errors=True)
