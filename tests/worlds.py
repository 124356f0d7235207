"""Small pairs of prod and sandbox on the lab's PostgreSQL server: quick to make, and free to break."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from invoke.config import Config
from invoke.context import Context
from psycopg import sql

from sandbox import lab
from sandbox.config import merged
from sandbox.guard import MARK, Mark
from sandbox.lab.access import PROD, READER, SANDBOX, password_of
from sandbox.lab.facts import contents
from sandbox.lab.server import SUPERUSER
from sandbox.lifecycle.progress import Silent
from sandbox.lifecycle.refresh import RefreshReport, refresh
from sandbox.process import Process
from sandbox.settings import Settings, load

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = {"last-refresh.json", "content.json"}  # what stays in the state folder when nothing goes on
_NUMBERS = itertools.count(1)

SCHEMA = """
CREATE TABLE llx_const (rowid serial PRIMARY KEY, name varchar(180) NOT NULL, value text NOT NULL, note text,
  entity integer NOT NULL DEFAULT 1, type varchar(64), visible smallint DEFAULT 1, UNIQUE (name, entity));
CREATE TABLE llx_user (rowid serial PRIMARY KEY, login varchar(50) NOT NULL, api_key varchar(128) UNIQUE);
CREATE TABLE llx_societe (rowid serial PRIMARY KEY, nom varchar(128), tms timestamp DEFAULT now());
CREATE TABLE llx_facture (rowid serial PRIMARY KEY, ref varchar(30) NOT NULL UNIQUE, total_ttc numeric(24,8),
  fk_soc integer NOT NULL REFERENCES llx_societe (rowid));
CREATE INDEX idx_facture_soc ON llx_facture (fk_soc);
CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.tms = now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON llx_societe FOR EACH ROW EXECUTE FUNCTION touched();
CREATE VIEW invoiced AS SELECT s.nom, sum(f.total_ttc) AS total FROM llx_societe s JOIN llx_facture f
  ON f.fk_soc = s.rowid GROUP BY s.nom;
"""
PRODS = """
INSERT INTO llx_const (name, value) VALUES ('MAIN_INFO_SOCIETE_LOGO', 'logo.png'), ('OAUTH_X_ID', 'made-up');
INSERT INTO llx_user (login, api_key) VALUES ('admin', 'prods-own-key'), ('clerk', NULL);
INSERT INTO llx_societe (nom) SELECT 'customer ' || i FROM generate_series(1, 500) i;
INSERT INTO llx_facture (ref, total_ttc, fk_soc)
  SELECT 'FA' || i, i, 1 + i % 500 FROM generate_series(1, 2000) i;
"""
MUTED = {"public.llx_const", "public.llx_const_rowid_seq", "public.llx_user"}  # what muting changes
OLD = """
INSERT INTO llx_const (name, value) VALUES ('MAIN_HTML_HEADER', '<meta name="old">');
INSERT INTO llx_user (login, api_key) VALUES ('agent', 'the-agents-key');
INSERT INTO llx_societe (nom) VALUES ('rehearsed');
CREATE TABLE llx_rehearsal (rowid serial PRIMARY KEY);
"""


@dataclass
class World:
    """One pair, with documents and a state folder below `folder`."""

    lab_root: Path
    folder: Path
    name: str = field(default_factory=lambda: f"w{os.getpid()}_{next(_NUMBERS)}")
    overlay: dict[str, Any] = field(default_factory=dict)

    @property
    def prod(self) -> str:
        return f"{self.name}_prod"

    @property
    def sandbox(self) -> str:
        return f"{self.name}_sbx"

    @property
    def documents(self) -> Path:
        return self.folder / "sandbox documents"

    @property
    def state(self) -> Path:
        return self.folder / ".sandbox" / "sandbox"

    @property
    def base(self) -> dict[str, Any]:
        """The settings, as the lab's own but for the databases and the folders."""
        given = lab.configuration(self.lab_root)
        assert given is not None
        host = {"host": given["database"]["host"], "port": given["database"]["port"]}
        tree = {
            "engine": "local",
            "url": "http://127.0.0.1:9",
            "database": {**host, "name": self.sandbox, "user": SANDBOX},
            "documents": str(self.documents),
            "prod": {
                "database": {**host, "name": self.prod, "user": READER},
                "documents": str(self.folder / "prod documents"),
            },
            "postgres": given["postgres"],
            "files": {"state": str(self.state)},
        }
        return merged(tree, self.overlay)

    def settings(self) -> Settings:
        return replace(load(Config(), base=self.base), root=self.folder)

    def refresh(self, *, dry: bool = False, **flags: Any) -> RefreshReport:
        words = {"yes": True, "db_only": False, "progress": Silent(), **flags}
        return refresh(self.settings(), words.pop("runner", None) or context(dry=dry), **words)

    @contextmanager
    def session(self, database: str, *, role: str = SUPERUSER) -> Iterator[psycopg.Connection]:
        given = self.base
        with psycopg.connect(
            host=given["database"]["host"],
            port=given["database"]["port"],
            user=role,
            password=password_of(Path(given["postgres"]["passwords"]), role),
            dbname=database,
            autocommit=True,
        ) as session:
            yield session

    def rows(self, database: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.session(database) as session:
            cursor = session.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def mark(self) -> None:
        """Make the sandbox one that an earlier run of ours made."""
        if self.rows(self.sandbox, "SELECT to_regclass('public.llx_const')")[0][0] is not None:
            self.rows(
                self.sandbox,
                "INSERT INTO llx_const (name, entity, value) VALUES ('DOLIBARR_SANDBOX', 0, 'r0')",
            )
        self.documents.mkdir(parents=True, exist_ok=True)
        (self.documents / MARK).write_text(Mark(self.sandbox, "r0").text())

    def make(self, prods: str = SCHEMA + PRODS, old: str = SCHEMA + OLD, *, marked: bool = True) -> World:
        """Create both databases and both folders; the sandbox's are ours unless `marked` is False."""
        with self.session("postgres") as session:
            for name, owner in ((self.prod, PROD), (self.sandbox, SANDBOX)):
                words = {"name": sql.Identifier(name), "owner": sql.Identifier(owner)}
                session.execute(sql.SQL("CREATE DATABASE {name} OWNER {owner}").format(**words))
                session.execute(sql.SQL("REVOKE ALL ON DATABASE {name} FROM PUBLIC").format(**words))
            grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
            session.execute(grant.format(sql.Identifier(self.prod), sql.Identifier(READER)))
        self.fill(self.prod, PROD, prods)
        self.fill(self.sandbox, SANDBOX, old)
        if marked:
            self.mark()
        self.rows(self.prod, f"GRANT pg_read_all_data TO {READER}")
        for side, text in (("prod", "prod's"), ("sandbox", "old")):
            logos = self.folder / f"{side} documents" / "mycompany" / "logos"
            logos.mkdir(parents=True)
            (logos / "logo.png").write_text(text)
            (logos.parent.parent / f"{side} only.pdf").write_text(text)
        return self

    def fill(self, database: str, role: str, script: str) -> None:
        with self.session(database, role=role) as session:
            session.execute(script.encode())  # bytes: several statements, and no placeholders

    def drop(self) -> None:
        with self.session("postgres") as session:
            found = session.execute(
                "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [self.name]
            )
            for (name,) in found.fetchall():
                session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def content(self, database: str) -> dict[str, str]:
        """Every table's rows, every sequence's position and the schema, digested."""
        with self.session(database) as session:
            return contents(session)

    def dump(self, database: str) -> str:
        """The whole database as pg_dump prints it."""
        given = lab.configuration(self.lab_root)
        assert given is not None
        words = [f"{given['postgres']['programs']}/pg_dump", "--restrict-key=same", "-U", SUPERUSER]
        words += ["-h", given["database"]["host"], "-p", str(given["database"]["port"]), "-d", database]
        env = {**os.environ, "PGPASSFILE": given["postgres"]["passwords"]}
        return subprocess.run(words, env=env, check=True, capture_output=True, text=True).stdout

    def databases(self) -> set[str]:
        """The databases of this world, by what follows its name."""
        query = "SELECT substr(datname, length(%s) + 1) FROM pg_database WHERE starts_with(datname, %s)"
        return {row[0] for row in self.rows("postgres", query, self.name, self.name)}

    def leftovers(self) -> list[str]:
        """All that a finished refresh must not leave."""
        found = [name for name in self.databases() if name not in {"_prod", "_sbx"}]
        found += [p.name for p in self.folder.iterdir() if "__" in p.name]
        found += [
            p.name for p in self.documents.iterdir() if p.name.startswith(".dolibarr") and p.name != MARK
        ]
        if self.state.exists():
            found += [path.name for path in self.state.iterdir() if path.name not in PAGES]
        sessions = self.rows(
            "postgres",
            "SELECT application_name FROM pg_stat_activity"
            " WHERE application_name LIKE 'dolibarr-sandbox%%' AND starts_with(datname, %s)",
            self.name,
        )
        return found + [row[0] for row in sessions]

    def files(self) -> dict[str, str]:
        """The sandbox's documents."""
        paths = sorted(path for path in self.documents.rglob("*") if path.is_file() and path.name != MARK)
        return {str(path.relative_to(self.documents)): path.read_text() for path in paths}

    def programs(self, **scripts: str) -> None:
        """Put shell scripts in front of some of PostgreSQL's programs; `$REAL` is the program itself."""
        folder = self.folder / "programs"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        given = lab.configuration(self.lab_root)
        assert given is not None
        real = Path(given["postgres"]["programs"])
        for program in ("psql", "pg_dump", "pg_restore"):
            if program in scripts:
                # the lock's psql is talked to all the while
                alone = 'case "${PGAPPNAME-}" in *:lock) exec "$REAL" "$@" ;; esac'
                (folder / program).write_text(
                    f"#!/bin/sh\nREAL={real / program}\n{alone}\n{scripts[program]}\n"
                )
                (folder / program).chmod(0o755)
            else:
                (folder / program).symlink_to(real / program)
        self.overlay = merged(self.overlay, {"postgres": {"programs": str(folder)}})

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a refresh in a process of its own; see `tests/refresh_driver.py`."""
        settings = self.folder / "settings.json"
        settings.write_text(json.dumps(self.base))
        return subprocess.Popen(
            [sys.executable, "-m", "tests.refresh_driver", str(self.folder), *words],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def context(*, dry: bool = False, echo: bool = False) -> Context:
    """What a task hands down."""
    return Context(Config(overrides={"run": {"dry": dry, "echo": echo}, "runners": {"local": Process}}))


def same(world: World) -> None:
    """The sandbox holds what prod holds, but for what muting changes."""
    prod, sandbox = world.content(world.prod), world.content(world.sandbox)
    assert {name: sandbox[name] for name in sandbox if name not in MUTED} == {
        name: prod[name] for name in prod if name not in MUTED
    }
