"""One trial: a refresh that is broken at a chosen moment, and what must be true afterwards."""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import SandboxError
from sandbox.lab import facts
from sandbox.lab.access import PROD, SANDBOX
from sandbox.lab.faults.breaks import KINDS
from sandbox.lab.faults.site import STRATEGIES, STRATEGY, Site
from sandbox.lifecycle import journal

_ENDS_WITHIN = 120.0  # seconds that a client may take once it is broken
OLD, NEW, NEITHER = "old", "new", "neither"

CHANGES = "from a checkpoint"


@dataclass(frozen=True)
class Drawn:
    """What the seed chose for one trial."""

    number: int
    kind: str
    strategy: str
    moment: float  # as a part of a clean refresh
    lasting: bool
    full: bool  # carry all of prod, even where a checkpoint could be started from
    schema: bool  # whether prod's schema changes too
    mended_by: tuple[str, ...]
    chance: random.Random = field(repr=False, compare=False)

    @property
    def way(self) -> str:
        """The strategy, or that it starts from a checkpoint."""
        return CHANGES if self.strategy == "swap" and not self.full else self.strategy


def draw(seed: int, number: int, kinds: list[str]) -> Drawn:
    """The trial with this number: kinds and strategies in turn, the rest by chance."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311  # not for a secret
    turn, place = divmod(number, len(kinds))
    return Drawn(
        number,
        kinds[place],
        STRATEGIES[(turn + place) % len(STRATEGIES)],
        chance.random(),
        lasting=chance.random() < 0.5,  # noqa: PLR2004
        full=chance.random() < 0.5,  # noqa: PLR2004
        schema=chance.random() < 0.3,  # noqa: PLR2004
        mended_by=("recover",) if chance.random() < 1 / 3 else ("refresh", "--yes"),
        chance=chance,
    )


@dataclass
class Outcome:
    """What a trial showed."""

    drawn: Drawn
    struck: bool = False  # before the refresh had ended
    code: int = 0  # the client's
    database: str = NEITHER
    documents: str = NEITHER
    interrupted: bool = False
    wrong: list[str] = field(default_factory=list)


class Trial:
    """See the module.

    Args:
        site: the lab.
        drawn: what to do.
        seconds: what a clean refresh takes by strategy, and one from a checkpoint.
    """

    def __init__(self, site: Site, drawn: Drawn, seconds: Mapping[str, float]) -> None:
        self.site, self.drawn, self.seconds = site, drawn, seconds
        self.outcome = Outcome(drawn)
        self.broken = KINDS[drawn.kind](site, drawn.chance, lasting=drawn.lasting)
        self.environment = {STRATEGY: drawn.strategy}

    def run(self) -> Outcome:
        """Do all of it."""
        site, drawn = self.site, self.drawn
        if drawn.way == CHANGES:
            site.ops.inv("save", "--yes")
        site.change(drawn.number, schema=drawn.schema)
        self.prods, self.old = site.database(PROD), site.database(SANDBOX)
        self.files = {side: site.documents(side) for side in ("prod", "sandbox")}
        pid = self._broken_refresh()
        self._what_is_there()
        self._what_status_says(pid)
        self._converges()
        self.broken.end()
        return self.outcome

    def must(self, true: bool, otherwise: str) -> None:
        """Keep what is wrong."""
        if not true:
            self.outcome.wrong.append(otherwise)

    def _broken_refresh(self) -> int:
        """Start a refresh, break it, wait for its end and take the cause away; its process id."""
        told = self.outcome
        with tempfile.TemporaryFile("w+") as out:  # not a pipe: what outlives the client would hold it open
            environment = {**self.environment, **self.broken.variables()}
            begun = time.monotonic()
            words = ("refresh", "--yes", *(("--full",) if self.drawn.full else ()))
            client = self.site.ops.start(*words, out=out, err=out, env=environment)
            wait = begun + self.drawn.moment * self.seconds[self.drawn.way] - time.monotonic()
            time.sleep(max(0.0, wait))
            told.struck = self.broken.strike(client)
            try:
                told.code = client.wait(_ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                client.kill()
                told.code = client.wait()
                self.must(False, f"the refresh hangs for {_ENDS_WITHIN:.0f} s")
            self.broken.mend()
            self.site.revive()
            out.seek(0)
            said = out.read()
        self.must("Traceback" not in said, f"it ended in a traceback: {said.strip()[-500:]}")
        self.must(told.code in {0, 1, 5, 7, -9}, f"it ended with {told.code}: {said.strip()[-300:]}")
        return client.pid

    def _what_is_there(self) -> None:
        """Old or new, at once, whatever `recover` may do later."""
        told, live = self.outcome, self.site.database(SANDBOX)
        told.database = self._which(live)
        told.documents = self._files()
        self.must(
            told.database != NEITHER,
            f"the database is neither: unlike the old one {sorted(facts.unlike(live, self.old))[:6]},"
            f" unlike prod's {sorted(facts.but_muted(facts.unlike(live, self.prods)))[:6]}",
        )
        self.must(told.code != 0 or told.database == NEW, "it ended well, and the database is the old one")
        self.must(facts.unlike(self.site.database(PROD), self.prods) == set(), "prod was changed")

    def _which(self, live: dict[str, str]) -> str:
        if not facts.unlike(live, self.old):
            return OLD
        if facts.but_muted(facts.unlike(live, self.prods)):
            return NEITHER
        with self.site.reading(SANDBOX) as session:
            return NEW if facts.mute(session) else NEITHER

    def _files(self) -> str:
        found = self.site.documents("sandbox")
        return OLD if found == self.files["sandbox"] else NEW if found == self.files["prod"] else NEITHER

    def status(self) -> dict[str, Any]:
        """What `inv status` says."""
        code = 0
        with self.site.ops.start("status", "--json") as process:
            said, complained = process.communicate()
            code = process.returncode
        try:
            told: dict[str, Any] = json.loads(said)
        except ValueError:
            self.must(False, f"status said nothing: {complained.strip()[-300:]}")
            return {"interrupted": None, "running": None, "exit_code": code}
        self.must(code == told["exit_code"], f"status ends with {code} and says {told['exit_code']}")
        return told

    def _what_status_says(self, pid: int) -> None:
        """Interrupted when a run was cut off, and which; never one that is dead as running."""
        told, said = self.outcome, self.status()
        page = journal.left(self.site.root / ".sandbox" / "sandbox")
        cut = said["interrupted"]
        told.interrupted = cut is not None
        self.must(said["running"] is None, f"status says that {said['running']} runs")
        self.must((said["exit_code"] == 7) == (cut is not None), f"status ends with {said['exit_code']}")  # noqa: PLR2004
        self.must((page is None) == (cut is None), f"the journal is {page}, status says {cut}")
        if page is not None and cut is not None:
            self.must(cut["run"] == page.run, f"status names {cut['run']}, the journal {page.run}")
            self.must(page.holder.pid == pid, f"the journal names process {page.holder.pid}, not {pid}")
        self.must(cut is None or told.code in {7, -9}, f"interrupted, though it ended with {told.code}")
        if cut is None:
            self.must(
                told.documents == told.database, f"documents {told.documents}, database {told.database}"
            )
            # a run killed before its first effect leaves a lock that nobody holds, and no harm
            left = [name for name in self.site.left() if not name.endswith(("/lock", "/journal.json.new"))]
            self.must(not left, f"status says that nothing was interrupted, and there is left: {left}")

    def _converges(self) -> None:
        """One more command, and all is well."""
        self._mended(lambda: self.site.ops.inv(*self.drawn.mended_by, env=self.environment))
        which, files = self._which(self.site.database(SANDBOX)), self._files()
        again = self.drawn.mended_by[0]
        self.must(which != NEITHER and which == files, f"after {again}: database {which}, documents {files}")
        self.must(again == "recover" or which == NEW, f"after {again} the database is {which}")
        self.must((self.site.root / "running").exists(), f"after {again} the application is paused")
        left = self.site.left()
        self.must(not left, f"after {again} there is left: {left}")
        said = self.status()
        fine = said["interrupted"] is None and said["running"] is None and said["exit_code"] in {0, 4}
        self.must(fine, f"after {again} status ends with {said['exit_code']}")

    def _mended(self, act: Callable[[], object]) -> None:
        try:
            act()
        except SandboxError as error:
            self.must(False, f"it does not converge: {error.what}")
