"""What a refresh costs, beside what others need to make the same copy of the same prod."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
from rich.console import Console

from sandbox.errors import Failed
from sandbox.lab import facts
from sandbox.lab.access import PROD, SANDBOX
from sandbox.lab.bench.memory import watched
from sandbox.lab.bench.results import Measured
from sandbox.lab.bench.ways import CHANGES, KEPT, THEIRS, Way, environment, ways
from sandbox.lab.ops import Ops
from sandbox.lab.server import SUPERUSER
from sandbox.process import script

# 1 % of the rows of five tables, others each round
_CHANGED = (
    "UPDATE llx_facture SET note_private = 'round {n}' WHERE rowid % 100 = {n} % 100",
    "UPDATE llx_facturedet SET description = 'round {n}' WHERE rowid % 100 = {n} % 100",
    "UPDATE llx_commande SET note_private = 'round {n}' WHERE rowid % 100 = {n} % 100",
    "UPDATE llx_actioncomm SET label = 'round {n}' WHERE id % 100 = {n} % 100",
    "UPDATE llx_bank SET label = 'round {n}' WHERE rowid % 100 = {n} % 100",
)


class Refreshes:
    """All ways on one lab, in turn.

    Args:
        ops: an ops repository without a lab.
        console: where to tell how far it is.
    """

    def __init__(self, ops: Ops, console: Console) -> None:
        self.ops, self.console = ops, console

    def measure(self, megabytes: int, rounds: int) -> Measured:
        """Make the lab, and let every way make its copy `rounds` times.

        Before these is a round whose time does not count: in it memory is looked at, which would slow down
        who has many processes, and the copies are compared with prod.

        Raises:
            Failed: a way failed, or its copy is not what prod holds.
        """
        self.console.print(f"making a lab of {megabytes} MB")
        self.ops.inv("lab.up", "--size", str(megabytes))
        self._others_databases()
        measured = Measured.begun(megabytes)
        # on the same disk as the lab: some machines have a small /tmp
        with tempfile.TemporaryDirectory(prefix="dumps-", dir=self.ops.root) as place:
            for number in range(rounds + 1):
                for way in ways(self.ops, Path(place)):
                    if way.name == CHANGES:
                        self.ops.sql(PROD, PROD, *(text.replace("{n}", str(number)) for text in _CHANGED))
                    self._round(measured, way, counts=number > 0)
        return measured.ended()

    def _others_databases(self) -> None:
        """A database for the others to write, with something to clear, and one that DSLR takes for prod's."""
        for name, template in ((THEIRS, SANDBOX), (KEPT, PROD)):
            text = f"CREATE DATABASE {name} OWNER {SANDBOX} TEMPLATE {template} STRATEGY FILE_COPY"
            self.ops.sql(SUPERUSER, "postgres", text)

    def _round(self, measured: Measured, way: Way, *, counts: bool) -> None:
        env = environment(self.ops)
        if way.before:
            subprocess.run(["sh", "-c", way.before], env=env, check=False, capture_output=True)
        os.sync()  # what was written before would be charged to this way
        begun = time.monotonic()
        with script(f"set -o pipefail\n{way.script}") as (words, descriptors):
            process = subprocess.Popen(
                words,
                pass_fds=descriptors,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        with ExitStack() as stack:
            if not counts:
                peak = stack.enter_context(watched(psutil.Process(process.pid), self._server()))
                measured.memory[way.name] = peak
            said, _ = process.communicate()
            taken = time.monotonic() - begun
        if process.returncode != 0:
            raise Failed(f"{way.name} ended with {process.returncode}: {said.strip()[-600:]}")
        self.console.print(f"  {way.name:40} {taken:8.2f} s{'' if counts else ', compared; does not count'}")
        if counts:
            measured.seconds.setdefault(way.name, []).append(round(taken, 3))
        else:
            self._same(way)
        # what autovacuum will make of the copy would be charged to whoever comes next
        self.ops.sql(SUPERUSER, way.target, "VACUUM (ANALYZE)")

    def _server(self) -> psutil.Process:
        lines = (self.ops.lab.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return psutil.Process(int(lines[0]))

    def _same(self, way: Way) -> None:
        """Nobody wins by doing less."""
        held = {}
        for name in (PROD, way.target):
            with self.ops.session(SUPERUSER, name) as session:
                held[name] = facts.contents(session)
        differ = facts.unlike(held[PROD], held[way.target])
        if differ := facts.but_muted(differ) if way.muted else differ:
            raise Failed(f"{way.name} made a copy that is not prod's: {', '.join(sorted(differ)[:6])}")
