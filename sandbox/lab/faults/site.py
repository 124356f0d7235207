"""The lab that is broken again and again: what it holds, what each trial changes in it, what is left."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg

from sandbox.errors import Failed
from sandbox.guard import MARK
from sandbox.lab import facts
from sandbox.lab.access import PROD, SANDBOX
from sandbox.lab.life import down, up
from sandbox.lab.making import server_of
from sandbox.lab.ops import Ops
from sandbox.lab.server import SUPERUSER
from sandbox.postgres import APPLICATION

STRATEGIES, STRATEGY = ("swap", "in-place"), "INVOKE_SANDBOX_REFRESH_STRATEGY"
SETTINGS = "sandbox: {application: {pause: rm -f running, resume: touch running}}\n"
_RUN = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}(?:-[0-9a-f]{12})?")
_SAFE = (
    # a commit that was told must outlive a crash, or the crash would be blamed on the refresh
    "ALTER SYSTEM SET synchronous_commit = on",
    "ALTER SYSTEM SET max_wal_size = '160MB'",
    "ALTER SYSTEM SET min_wal_size = '32MB'",
    "SELECT pg_reload_conf()",
)
_PROD = """
UPDATE llx_facture SET note_private = 'trial {n}' WHERE rowid % 89 = {n} % 89;
INSERT INTO llx_societe (nom) VALUES ('trial {n}');
DELETE FROM llx_actioncomm WHERE id = (SELECT max(id) FROM llx_actioncomm);"""
_PRODS_SCHEMA = "DROP TABLE IF EXISTS llx_trial; CREATE TABLE llx_trial (a serial, b{n} text UNIQUE);"
_REHEARSAL = """
UPDATE llx_societe SET nom = 'rehearsal {n}' WHERE rowid % 7 = {n} % 7;
INSERT INTO llx_facture (ref, fk_soc) VALUES ('REHEARSED{n}', 1);
CREATE TABLE IF NOT EXISTS llx_rehearsed (a serial); INSERT INTO llx_rehearsed DEFAULT VALUES;"""
_PATIENCE = 30.0  # seconds, for a server that recovers
_SOON = 5.0  # seconds, for a session or process that is ending


class Site:
    """One lab in an own folder; every command that it starts is told from others by its TMPDIR."""

    def __init__(self, root: Path) -> None:
        self.root, self.temporary = root, root / "tmp"
        self.temporary.mkdir()
        self.ops = Ops(root, SETTINGS, {"TMPDIR": str(self.temporary)})
        (root / "running").touch()
        self.usual: Counter[str] = Counter()

    def make(self, megabytes: int) -> None:
        """Make the lab, refresh in both ways, save; what is there then may be there after a trial."""
        up(self.root, size=megabytes, say=lambda _: None)
        self.server = server_of(self.ops.lab)
        self.port = self.ops.port
        with self.ops.session(SUPERUSER, "postgres") as session:
            for statement in _SAFE:
                session.execute(statement.encode())
        for strategy in STRATEGIES:
            self.ops.inv("refresh", "--yes", env={STRATEGY: strategy})
            self.usual |= self._there()
        self.ops.inv("save", "--yes")
        self.usual |= self._there()

    def stop(self) -> None:
        """Stop the lab."""
        down(self.root, say=lambda _: None)

    def change(self, number: int, *, schema: bool) -> None:
        """Let prod's business go on, and rehearse in the sandbox: old and new differ from now on."""
        script = _PROD + (_PRODS_SCHEMA if schema else "")
        self.ops.sql(PROD, PROD, script.replace("{n}", str(number)))
        self.ops.sql(SANDBOX, SANDBOX, _REHEARSAL.replace("{n}", str(number)))
        for side, name in (("prod", "trial"), ("sandbox", "rehearsal")):
            (self.ops.lab.documents(side) / f"{name}.txt").write_text(f"{name} {number}", encoding="utf-8")
        # after a crash a sequence may be up to 32 ahead of what it was, unless it was written by then
        self.ops.sql(SUPERUSER, "postgres", "CHECKPOINT")

    def revive(self) -> None:
        """See that the server runs, whatever it went through.

        Raises:
            Failed: it does not come back.
        """
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            try:
                if not self.server.running:
                    self.server.start_at(self.port)
                self.ops.sql(SUPERUSER, "postgres", "SELECT 1")
            except (psycopg.OperationalError, psutil.Error):
                time.sleep(0.1)
            else:
                return
        raise Failed("the database server does not come back", f"read {self.ops.lab.postgres_log}")

    @contextmanager
    def reading(self, database: str) -> Iterator[psycopg.Connection]:
        """A superuser's session on a side."""
        with self.ops.session(SUPERUSER, database) as session:
            yield session

    def database(self, name: str) -> dict[str, str]:
        """See `facts.contents`; again when a swap, or a recovering server, ends the session meanwhile."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                with self.reading(name) as session:
                    return facts.contents(session)
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def documents(self, side: str) -> dict[str, str]:
        """Digests of a side's documents; empty when the folder is not there."""
        folder = self.ops.lab.documents(side)
        paths = [path for path in folder.rglob("*") if path.is_file() and path != folder / MARK]
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
        }

    def left(self) -> list[str]:
        """What a finished command must not leave, after a moment in which it may still be ending."""
        until = time.monotonic() + _SOON
        while more := sorted(self._there() + self._alive() - self.usual):
            if time.monotonic() > until:
                return more
            time.sleep(0.1)
        return []

    def _there(self) -> Counter[str]:
        """Databases, claims, and files outside of the documents; how many, whatever their run's id."""
        with self.reading("postgres") as session:
            found = session.execute("""SELECT 'database ' || datname || CASE WHEN
              shobj_description(oid, 'pg_database') LIKE 'dolibarr-sandbox run=%' THEN ', claimed' ELSE '' END
              FROM pg_database""").fetchall()
        documents = [str(self.ops.lab.documents(side)) for side in ("prod", "sandbox")]
        folders = (self.root, self.root / ".sandbox", self.ops.lab.path, self.temporary)
        paths = {str(path) for folder in folders if folder.exists() for path in folder.iterdir()}
        deep = {str(p) for top in (".sandbox", ".lab/sandbox") for p in (self.root / top).rglob("*")}
        named = {f"file {path}" for path in paths | deep if not path.startswith(tuple(documents))}
        hidden = {f"file {p}" for folder in documents for p in Path(folder).glob(".*")}
        return Counter(_RUN.sub("RUN", name) for name in {str(row[0]) for row in found} | named | hidden)

    def _alive(self) -> Counter[str]:
        """Sessions and processes of ours."""
        with self.reading("postgres") as session:
            asked = "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE %s"
            found = session.execute(asked, [f"{APPLICATION}%"]).fetchall()
        processes = Counter(f"process {pid}" for pid in self.processes())
        return processes + Counter(f"session {row[0]}" for row in found)

    def processes(self) -> list[int]:
        """The processes that our commands started and that still run."""
        mark = f"TMPDIR={self.temporary}\0".encode()
        found = []
        for pid in psutil.pids():
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes()
            except OSError:
                continue
            if mark in environment + b"\0":
                found.append(pid)
        return found


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[bool]:
    """Give a folder a small disk of its own while the block runs; False where this machine refuses that."""
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "dolibarr-sandbox", str(folder)]
    may = os.geteuid() == 0 and subprocess.run(words, capture_output=True, check=False).returncode == 0
    try:
        yield may
    finally:
        if may:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
