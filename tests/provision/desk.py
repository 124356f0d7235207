"""The ERP under test, and the folder of a person who provisions its agent.

The ERP is the lab's stand-in. Any other, a real Dolibarr too, is tested by setting DOLIBARR_TEST_URL,
DOLIBARR_TEST_LOGIN, DOLIBARR_TEST_PASSWORD and DOLIBARR_TEST_DATABASE (what psycopg.connect takes).
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from invoke.config import Config

from sandbox import envfile, lab, settings
from sandbox.config import merged
from sandbox.dolibarr import api, identity
from sandbox.errors import SandboxError
from sandbox.lab.access import password_of
from sandbox.lifecycle.provision import ProvisionReport, provision
from tests.worlds import context

RIGHTS = ("user.self.creer", "societe.lire", "societe.creer", "propale.lire", "banque.lire")


@dataclass(frozen=True)
class Erp:
    """The ERP under test, and the way to its database."""

    url: str
    login: str
    password: str
    database: str
    access: dict[str, Any] = field(default_factory=dict)  # the settings by which a task reaches its database

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement in its database; its rows."""
        with psycopg.connect(self.database, autocommit=True) as session:
            done = session.execute(statement.encode(), values)
            return done.fetchall() if done.description else []

    def users(self) -> list[str]:
        """Every login."""
        return [row[0] for row in self.execute("SELECT login FROM llx_user ORDER BY login")]

    def whoami(self, key: str | None) -> identity.WhoAmI:
        """Who a key belongs to."""
        return api.Client(self.url, settings.Timeouts(5, 10)).whoami(key or "none")

    @contextmanager
    def constant(self, name: str, value: str | None) -> Iterator[None]:
        """Set (or remove) one of Dolibarr's settings, and put it back."""
        columns = "name, entity, value, type, visible, note"
        query = f"SELECT {columns} FROM llx_const WHERE name = %s"
        before = self.execute(query, name)
        self.execute("DELETE FROM llx_const WHERE name = %s", name)
        if value is not None:
            insert = (
                "INSERT INTO llx_const (name, entity, value, type, visible) VALUES (%s, 1, %s, 'chaine', 0)"
            )
            self.execute(insert, name, value)
        try:
            yield
        finally:
            self.execute("DELETE FROM llx_const WHERE name = %s", name)
            for row in before:
                self.execute(f"INSERT INTO llx_const ({columns}) VALUES (%s, %s, %s, %s, %s, %s)", *row)

    @contextmanager
    def module_off(self, module: str, constant: str) -> Iterator[None]:
        """Switch a module off as Dolibarr does, its rights' definitions included, and on again."""
        columns = [
            row[0]
            for row in self.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = 'llx_rights_def'"
                " AND table_schema = 'public'"
            )
        ]
        listed = ", ".join(columns)
        before = self.execute(f"SELECT {listed} FROM llx_rights_def WHERE module = %s", module)
        with self.constant(constant, None):
            self.execute("DELETE FROM llx_rights_def WHERE module = %s", module)
            try:
                yield
            finally:
                places = ", ".join(["%s"] * len(columns))
                for row in before:
                    self.execute(f"INSERT INTO llx_rights_def ({listed}) VALUES ({places})", *row)


def reach(lab_root: Callable[[], Path]) -> Erp:
    """The ERP that the environment names, else the lab's stand-in."""
    given = os.environ.get("DOLIBARR_TEST_URL")
    if given:
        login, secret, where = (os.environ[f"DOLIBARR_TEST_{n}"] for n in ("LOGIN", "PASSWORD", "DATABASE"))
        return Erp(given.rstrip("/"), login, secret, where)
    root = lab_root()
    tree = lab.configuration(root)
    assert tree is not None
    where, role = tree["database"], tree["database"]["user"]
    password = password_of(Path(tree["postgres"]["passwords"]), role)
    database = psycopg.conninfo.make_conninfo(
        host=where["host"], port=where["port"], dbname=where["name"], user=role, password=password
    )
    values = envfile.read_values(root / "test/.env.sandbox")
    access = {name: tree[name] for name in ("engine", "database", "postgres")}
    login, secret = values["DOLIBARR_ADMIN_LOGIN"], values["DOLIBARR_ADMIN_PASSWORD"]
    return Erp(tree["url"], login, secret, database, access)


@dataclass
class Desk:
    """A person's folder with its settings: everything that one provision reads and writes."""

    erp: Erp
    folder: Path
    said: list[str] = field(default_factory=list)
    relinked: int = 0
    reached: bool = True  # the tasks may reach the ERP's database

    def settings(self, login: str, **tree: Any) -> settings.Settings:
        """The settings as a task would load them."""
        agent = {"login": login, "rights": list(RIGHTS)}
        wanted = {"url": self.erp.url, "agent": agent, **(self.erp.access if self.reached else {})}
        config = Config(project_location=self.folder, lazy=True)
        return settings.load(config, base=merged(wanted, tree))

    def write_credentials(self, login: str | None = None, password: str | None = None) -> None:
        """Write the credentials file."""
        values = {
            "DOLIBARR_ADMIN_LOGIN": login or self.erp.login,
            "DOLIBARR_ADMIN_PASSWORD": password or self.erp.password,
        }
        envfile.set_values(self.folder / "test/.env.sandbox", values)

    def provision(
        self, login: str, *, headless: bool = True, dry: bool = False, **tree: Any
    ) -> ProvisionReport:
        """Provision with these settings."""

        def relink(_: settings.Settings) -> None:
            self.relinked += 1

        chosen = self.settings(login, **tree)
        return provision(
            chosen, context(dry=dry), headless=headless, say=self.said.append, relink=relink, dry=dry
        )

    def write_tasks(self, login: str, url: str, timeout: float = 20) -> None:
        """Make the folder one in which `inv provision` works."""
        tree = {
            "url": url,
            "agent": {"login": login, "rights": list(RIGHTS)},
            "browser": {"timeout": timeout},
        }
        (self.folder / "tasks.py").write_text("from sandbox import collection\n\nns = collection()\n")
        (self.folder / "invoke.yaml").write_text(json.dumps({"sandbox": tree}))

    def failing(self, login: str, *, headless: bool = True, **tree: Any) -> SandboxError:
        """Provision, which must fail, say what to do next, and leave the key and the .env as they were."""
        before, relinked = self.key, self.relinked
        with pytest.raises(SandboxError) as caught:
            self.provision(login, headless=headless, **tree)
        assert (self.key, self.relinked) == (before, relinked)
        assert caught.value.next_step
        assert "\n" not in caught.value.what
        assert self.erp.password not in str(caught.value)
        return caught.value

    @property
    def key(self) -> str | None:
        """The key in the key file."""
        return envfile.read_secret(self.folder / "test/.ai_agent_sandbox.key")

    def kept(self) -> list[Path]:
        """The folders of failed provisions."""
        return sorted((self.folder / ".sandbox/sandbox").glob("provision-*"))


def bytes_kept(folder: Path) -> bytes:
    """Every byte of every file below a folder, of files inside zip archives too."""
    parts = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            parts.append(path.read_bytes())
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                parts += [archive.read(name) for name in archive.namelist()]
    return b"\n".join(parts)
