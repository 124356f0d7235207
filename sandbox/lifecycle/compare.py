"""Find the rows in which the live database differs from a checkpoint, exactly.

The live database is read in one snapshot; the checkpoint does not change. A second look at the live one, for
what is in the parts that differ, proves that it saw the same, or all of it is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from sandbox.engines import Engine
from sandbox.errors import Failed
from sandbox.lifecycle import facts, parts
from sandbox.lifecycle.answers import (
    Moved,
    Told,
    Unlike,
    Version,
    check,
    check_again,
    differing,
    missing,
    read,
)
from sandbox.lifecycle.facts import Facts
from sandbox.lifecycle.observe import unread
from sandbox.lifecycle.pairs import Choice, Pair, choose
from sandbox.lifecycle.shelf import Checkpoint
from sandbox.postgres import Access
from sandbox.shell import Runner, observe

_TRIES = 4


@dataclass
class Found:
    """The row versions of one table that only one side has."""

    pair: Pair
    live: list[Version] = field(default_factory=list)
    kept: list[Version] = field(default_factory=list)


@dataclass(frozen=True)
class Compared:
    """What was found, and how."""

    live: Facts
    kept: Facts
    choice: Choice
    found: tuple[Found, ...]


@dataclass(frozen=True)
class Aim:
    """What is to be compared with what."""

    checkpoint: Checkpoint
    oid: int  # the live database's
    version: int  # the server's, such as 180003
    rows: bool  # whether the rows' contents are wanted, not only their keys
    full: bool = False  # compare everything, whatever could be known without


def compared(engine: Engine, runner: Runner, aim: Aim) -> Compared:
    """Compare the live database with a checkpoint.

    Raises:
        Failed: the sandbox changes faster than it is compared.
        SandboxError: one of them cannot be read.
    """
    live = engine.access(engine.settings.sandbox)
    kept = live.named(aim.checkpoint.database(live.database.name))
    with ThreadPoolExecutor(2) as both:
        for _ in range(_TRIES):
            try:
                return _Comparison(engine, runner, live, kept, both, aim).do()
            except Moved:
                continue
            except Unlike:
                aim = replace(aim, full=True)
    raise Failed(
        "the sandbox changes faster than it is compared", "let what writes to it end, then run it again"
    )


class _Comparison:
    """One try."""

    def __init__(  # noqa: PLR0913, PLR0917
        self, engine: Engine, runner: Runner, live: Access, kept: Access, both: ThreadPoolExecutor, aim: Aim
    ) -> None:
        self.engine, self.runner, self.both, self.aim = engine, runner, both, aim
        self.live, self.kept, self.rows = live, kept, aim.rows

    def do(self) -> Compared:
        """Find everything."""
        aim = self.aim
        asked = self.both.submit(facts.look, self.engine, self.runner, self.kept, aim.version)
        ours = facts.look(self.engine, self.runner, self.live, aim.version)
        theirs = asked.result()
        choice = choose(aim.checkpoint, aim.oid, ours, theirs, full=aim.full)
        found = {pair.number: Found(pair) for pair in choice.pairs}
        for live, kept in self._rounds(choice):
            for number, one in found.items():
                one.live.extend(live.rows.get(number, ()))
                one.kept.extend(kept.rows.get(number, ()))
        return Compared(ours, theirs, choice, tuple(found.values()))

    def _rounds(self, choice: Choice) -> Iterator[tuple[Told, Told]]:
        """Digest the parts of both sides, look into those that differ, fetch what is missing."""
        pairs, rows = choice.pairs, self.rows
        first = self._both(
            choice, lambda kept: "".join(parts.digests(pair, kept=kept, rows=rows) for pair in pairs)
        )
        check(choice, first[0])
        yield first
        unequal = {pair: told for pair in pairs if (told := differing(pair, *first))}
        if not unequal:
            return
        each = unequal.items()
        inside = self._both(
            choice,
            lambda kept: "".join(parts.members(pair, told, kept=kept, rows=rows) for pair, told in each),
        )
        for pair, told in each:
            check_again(pair, first[0], inside[0], told)
        yield inside
        yield (
            Told(),
            self._gone(choice, {pair: missing(pair, *inside) for pair in unequal if pair.one_file}),
        )

    def _both(self, choice: Choice, script: Callable[[bool], str]) -> tuple[Told, Told]:
        """Run the two scripts at once: the live side's and the checkpoint's."""
        kept_script, live_script = script(True), script(False)
        asked = self.both.submit(self._run, self.kept, choice.xid, kept_script) if kept_script else None
        told = self._run(self.live, choice.xid, parts.recheck() + live_script)
        return told, asked.result() if asked else Told()

    def _gone(self, choice: Choice, missing: Mapping[Pair, list[str]]) -> Told:
        """The checkpoint's rows at the places where the live side has none any more."""
        script = "".join(
            parts.fetched(pair, places, rows=self.rows) for pair, places in missing.items() if places
        )
        return self._run(self.kept, choice.xid, script) if script else Told()

    def _run(self, access: Access, xid: int, script: str) -> Told:
        command = access.psql(parts.begin(xid) + script + parts.END).text()
        side = self.engine.settings.sandbox
        result = observe(self.runner, self.engine.database_command(side, command))
        if result.exited != 0:
            raise unread(self.engine, self.runner, side, access, result, f"comparing {access.label}")
        return read(result.stdout)
