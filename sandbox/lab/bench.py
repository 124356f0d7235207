"""What checkpoints cost, beside what the server itself and DSLR need for the same database on the same disk.

    python -m sandbox.lab.bench [--size MB] [--rounds N] [--cycles N] [--folder PATH]

Makes a lab of its own and removes it. Every number is a median; all are taken in turn, in one run, so that
what else the machine does falls on all of them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sandbox import envfile
from sandbox.dolibarr.api import Client
from sandbox.errors import Failed, SandboxError, Unreachable
from sandbox.lab.access import SANDBOX, connected, password_of
from sandbox.lab.demo import CONFIGURATION, TASKS
from sandbox.lab.folder import Folder
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


class Bench:
    """One run in one folder."""

    def __init__(self, root: Path, console: Console) -> None:
        self.root, self.console, self.lab = root, console, Folder(root)
        self.seconds: dict[str, list[float]] = defaultdict(list)
        (root / "tasks.py").write_text(TASKS, encoding="utf-8")
        (root / "invoke.yaml").write_text(CONFIGURATION, encoding="utf-8")
        beside = Path(sys.executable).with_name("dslr")
        self.dslr = str(beside) if beside.exists() else shutil.which("dslr")

    def inv(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run `inv`; its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in codes:
            raise Failed(f"inv {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()[-400:]}")
        return done.stdout

    def sql(self, *statements: str, database: str = "postgres") -> None:
        """Statements as the sandbox's role."""
        port = self.lab.state()["database_port"]
        with connected(self.lab.passwords, port, SANDBOX, database, autocommit=True) as session:
            for statement in statements:
                session.execute(statement.encode())

    def timed(self, what: str, act: Callable[[], object]) -> None:
        """Do it twice, and keep how long it took then: none pays for memory that another left cold."""
        act()
        begun = time.monotonic()
        act()
        self.seconds[what].append(time.monotonic() - begun)

    def prepare(self, size: int) -> None:
        """A lab, its sandbox saved, and the same database for the server alone and for DSLR."""
        self.console.print(f"making a lab of {size} MB, refreshing, provisioning, saving")
        self.inv("lab.up", "--size", str(size))
        self.inv("reset", "--yes", "--headless")
        self.sql(COPY.format(PLAIN))
        if self.dslr:
            self.sql(COPY.format(THEIRS))
            self._dslr("snapshot", "bench")
        self._round()
        self.seconds.clear()  # the first of each is not like the others

    def measure(self, rounds: int) -> None:
        """All rounds."""
        for number in range(rounds):
            self.console.print(f"round {number + 1} of {rounds}")
            self._round()

    def _round(self) -> None:
        """One of each, in turn."""
        self.timed(VERSION, lambda: self.inv("--version"))
        self.timed(SERVER, lambda: self.sql(f"DROP DATABASE {PLAIN}", COPY.format(PLAIN)))
        if self.dslr:
            self.timed(DSLR, lambda: self._dslr("restore", "bench"))
        self.sql(REHEARSAL, database=SANDBOX)
        self.timed(DIFF, self._diff)
        self.timed(REWIND, self._rewind)
        with self._asking():
            self.inv("rewind", "--yes")

    def _diff(self) -> None:
        found = json.loads(self.inv("diff", "--json"))
        total = found["inserted"] + found["changed"] + found["deleted"]
        if (total, len(found["tables"])) != (20, 4):
            raise Failed(f"the diff told {total} rows in {len(found['tables'])} tables")

    def _rewind(self) -> None:
        done = json.loads(self.inv("rewind", "--yes", "--json"))
        if not done["armed"]:
            raise Failed(f"after the rewind: {done['agent']}")

    def _dslr(self, *words: str) -> None:
        port = self.lab.state()["database_port"]
        url = f"postgresql://{SANDBOX}:{password_of(self.lab.passwords, SANDBOX)}@127.0.0.1:{port}/{THEIRS}"
        env = {**os.environ, "DATABASE_URL": url}
        subprocess.run([str(self.dslr), *words], env=env, check=True, capture_output=True)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Ask the ERP every 10 ms; keep the longest time from one answer to the next."""
        key = envfile.read_secret(self.root / "test/.ai_agent_sandbox.key") or ""
        client, over, longest = Client(self.lab.state()["url"], Timeouts(5, 10)), threading.Event(), [0.0]

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
        self.seconds[AWAY].append(longest[0])

    def cycles(self, count: int) -> None:
        """Rehearse, compare, rewind, many times; then nothing may be left.

        Raises:
            Failed: something is left, or the agent was not armed.
        """
        before = self._left()
        for _ in range(count):
            words = [sys.executable, "-m", "sandbox.lab.rehearsal"]
            subprocess.run(words, cwd=self.root, check=True, capture_output=True)
            self.inv("diff", "--check", codes=(8,))
            self._rewind()
        if more := self._left() - before:
            raise Failed(f"after {count} cycles there are left: {', '.join(sorted(more))}")
        self.console.print(f"{count} cycles of rehearse, diff, rewind: armed each time, nothing is left")

    def _left(self) -> set[str]:
        """Databases, sessions and files of ours, by name."""
        port = self.lab.state()["database_port"]
        query = b"SELECT datname FROM pg_database UNION SELECT application_name FROM pg_stat_activity"
        time.sleep(1)  # a session ends a little after its program
        with connected(self.lab.passwords, port, SANDBOX, "postgres") as session:
            found = {str(row[0]) for row in session.execute(query).fetchall()}
        folders = (self.root / ".sandbox", self.lab.path / "sandbox")
        paths = {str(path) for folder in folders for path in folder.rglob("*")}
        return found | {path for path in paths if "/since." not in path}  # one mark takes another's place

    def show(self) -> None:
        """The medians side by side, with what they must be."""
        median = {what: statistics.median(taken) for what, taken in self.seconds.items()}
        over = median[REWIND] - median[VERSION]
        told = {
            REWIND: f"{median[REWIND] / median[SERVER]:.2f} x the server's own; at most 1.1"
            f" ({over:.2f} s above {VERSION}: {over / median[SERVER]:.2f} x)",
            DIFF: f"{median[DIFF] - median[VERSION]:.2f} s above {VERSION}; at most 1 s",
            AWAY: "longest time between two answers, asked every 10 ms; at most 300 ms",
        }
        if self.dslr:
            told[DSLR] = f"the rewind takes {median[REWIND] / median[DSLR]:.2f} x as long; at most 0.7"
        else:
            self.console.print("dslr is not installed: pip install dslr")
        table = Table("what", "median", "from", "to", "", box=None)
        for what in (VERSION, SERVER, DSLR, REWIND, DIFF, AWAY):
            if taken := self.seconds.get(what):
                times = [f"{value:.3f} s" for value in (median[what], min(taken), max(taken))]
                table.add_row(what, *times, told.get(what, ""))
        self.console.print(table)


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns an exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.lab.bench", description=__doc__)
    parser.add_argument("--size", type=int, default=300, help="megabytes of the lab's prod")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cycles", type=int, default=0, help="also play the loop so often")
    parser.add_argument("--folder", type=Path, help="where to make the lab, such as a disk that clones files")
    given = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True, width=150)
    with tempfile.TemporaryDirectory(prefix="dolibarr-sandbox-bench-", dir=given.folder) as folder:
        bench = Bench(Path(folder), console)
        try:
            bench.prepare(given.size)
            bench.measure(given.rounds)
            bench.show()
            if given.cycles:
                bench.cycles(given.cycles)
        except SandboxError as error:
            console.print(str(error))
            return int(error.code)
        finally:
            bench.inv("lab.down", codes=(0, 1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
