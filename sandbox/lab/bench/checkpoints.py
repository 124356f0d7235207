"""What checkpoints cost, beside what the server itself and DSLR need for the same database."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console

from sandbox import envfile
from sandbox.dolibarr.api import Client
from sandbox.errors import Failed, Unreachable
from sandbox.lab.access import SANDBOX, password_of
from sandbox.lab.bench import report
from sandbox.lab.bench.results import Measured
from sandbox.lab.bench.ways import found
from sandbox.lab.ops import Ops
from sandbox.settings import Timeouts

PLAIN, THEIRS = "bench_plain", "bench_dslr"
COPY = f"CREATE DATABASE {{}} TEMPLATE {SANDBOX}__cp_baseline STRATEGY FILE_COPY"
SERVER, DSLR, VERSION = "the server's DROP + CREATE … FILE_COPY", "dslr restore", "inv --version"
REWIND, DIFF = "inv rewind", "inv diff, 20 rows in 4 tables"
AWAY = "unavailable"
REHEARSAL = """
INSERT INTO llx_societe (nom) SELECT 'bench ' || i FROM generate_series(1, 3) i;
UPDATE llx_societe SET nom = nom || '!' WHERE rowid IN (10, 20);
UPDATE llx_facture SET note_private = 'bench' WHERE rowid IN (5, 50, 500, 1000, 1500);
UPDATE llx_facturedet SET description = 'bench' WHERE rowid IN (7, 70, 700, 1700);
DELETE FROM llx_facturedet WHERE rowid = 1900;
UPDATE llx_actioncomm SET label = 'bench' WHERE id IN (3, 30, 300, 1000, 2000);
"""


class Checkpoints:
    """Save, diff and rewind on one lab.

    Args:
        ops: an ops repository without a lab.
        console: where to tell how far it is.
    """

    def __init__(self, ops: Ops, console: Console) -> None:
        self.ops, self.console = ops, console
        self.measured = Measured.begun(0)
        self.dslr = found("dslr")

    def measure(self, megabytes: int, rounds: int, cycles: int) -> Measured:
        """Make the lab and let each take its turn `rounds` times; then play the loop `cycles` times.

        Raises:
            Failed: something did not work, or is not as it must be.
        """
        self.prepare(megabytes)
        self.measured = Measured.begun(megabytes)  # the first of each is not like the others
        for number in range(rounds):
            self.console.print(f"round {number + 1} of {rounds}")
            self._round()
        self._judge()
        report.show_checkpoints(self.measured, self.console)
        if cycles:
            self.cycles(cycles)
        return self.measured.ended()

    def sql(self, *statements: str, database: str = "postgres") -> None:
        """Statements as the sandbox's role."""
        self.ops.sql(SANDBOX, database, *statements)

    def timed(self, what: str, act: Callable[[], object]) -> None:
        """Do it twice, and keep how long it took then: none pays for memory that another left cold."""
        act()
        begun = time.monotonic()
        act()
        self._keep(what, time.monotonic() - begun)

    def _keep(self, what: str, seconds: float) -> None:
        self.measured.seconds.setdefault(what, []).append(round(seconds, 4))

    def prepare(self, size: int) -> None:
        """A lab, its sandbox saved, and the same database for the server alone and for DSLR."""
        self.console.print(f"making a lab of {size} MB, refreshing, provisioning, saving")
        self.ops.inv("lab.up", "--size", str(size))
        self.ops.inv("reset", "--yes", "--headless")
        self.sql(COPY.format(PLAIN))
        if self.dslr:
            self.sql(COPY.format(THEIRS))
            self._dslr("snapshot", "bench")
        self._round()

    def _round(self) -> None:
        """One of each, in turn."""
        self.timed(VERSION, lambda: self.ops.inv("--version"))
        self.timed(SERVER, lambda: self.sql(f"DROP DATABASE {PLAIN}", COPY.format(PLAIN)))
        if self.dslr:
            self.timed(DSLR, lambda: self._dslr("restore", "bench"))
        self.sql(REHEARSAL, database=SANDBOX)
        self.timed(DIFF, self._diff)
        self.timed(REWIND, self._rewind)
        with self._asking():
            self.ops.inv("rewind", "--yes")

    def _diff(self) -> None:
        found = json.loads(self.ops.inv("diff", "--json"))
        total = found["inserted"] + found["changed"] + found["deleted"]
        if (total, len(found["tables"])) != (20, 4):
            raise Failed(f"the diff told {total} rows in {len(found['tables'])} tables")

    def _rewind(self) -> None:
        done = json.loads(self.ops.inv("rewind", "--yes", "--json"))
        if not done["armed"]:
            raise Failed(f"after the rewind: {done['agent']}")

    def _dslr(self, *words: str) -> None:
        port = self.ops.port
        url = (
            f"postgresql://{SANDBOX}:{password_of(self.ops.lab.passwords, SANDBOX)}@127.0.0.1:{port}/{THEIRS}"
        )
        env = {**os.environ, "DATABASE_URL": url}
        subprocess.run([str(self.dslr), *words], env=env, check=True, capture_output=True)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Ask the ERP every 10 ms; keep the longest time from one answer to the next."""
        key = envfile.read_secret(self.ops.root / "test/.ai_agent_sandbox.key") or ""
        client, over, longest = Client(self.ops.lab.state()["url"], Timeouts(5, 10)), threading.Event(), [0.0]

        def ask() -> None:
            last = time.monotonic()
            while not over.is_set():
                begun = time.monotonic()
                with suppress(Unreachable):  # counted as the time until it answers again
                    if client.get("users/info", key).status == 200:  # noqa: PLR2004
                        longest[0] = max(longest[0], time.monotonic() - last)
                        last = time.monotonic()
                time.sleep(max(0.0, 0.01 - (time.monotonic() - begun)))

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            yield
        finally:
            over.set()
            asking.join()
        self._keep(AWAY, longest[0])

    def cycles(self, count: int) -> None:
        """Rehearse, compare, rewind, many times; then nothing may be left.

        Raises:
            Failed: something is left, or the agent was not armed.
        """
        before = self._left()
        for _ in range(count):
            words = [sys.executable, "-m", "sandbox.lab.rehearsal"]
            subprocess.run(words, cwd=self.ops.root, check=True, capture_output=True)
            self.ops.inv("diff", "--check", codes=(8,))
            self._rewind()
        if more := self._left() - before:
            raise Failed(f"after {count} cycles there are left: {', '.join(sorted(more))}")
        self.console.print(f"{count} cycles of rehearse, diff, rewind: armed each time, nothing is left")

    def _left(self) -> set[str]:
        """Databases, sessions and files of ours, by name."""
        query = "SELECT datname FROM pg_database UNION SELECT application_name FROM pg_stat_activity"
        time.sleep(1)  # a session ends a little after its program
        with self.ops.session(SANDBOX, "postgres") as session:
            found = {str(row[0]) for row in session.execute(query).fetchall()}
        folders = (self.ops.root / ".sandbox", self.ops.lab.path / "sandbox")
        paths = {str(path) for folder in folders for path in folder.rglob("*")}
        return found | {path for path in paths if "/since." not in path}  # one mark takes another's place

    def _judge(self) -> None:
        """What each has to be, and what it is beside the others."""
        median = {what: statistics.median(taken) for what, taken in self.measured.seconds.items()}
        over = median[REWIND] - median[VERSION]
        told = {
            REWIND: f"{median[REWIND] / median[SERVER]:.2f} x the server's own; at most 1.1"
            f" ({over:.2f} s above {VERSION}: {over / median[SERVER]:.2f} x)",
            DIFF: f"{median[DIFF] - median[VERSION]:.2f} s above {VERSION}; at most 1 s",
            AWAY: "longest time between two answers, asked every 10 ms; at most 300 ms",
        }
        if self.dslr:
            told[DSLR] = f"the rewind takes {median[REWIND] / median[DSLR]:.2f} x as long; at most 0.7"
        self.measured.notes = told
