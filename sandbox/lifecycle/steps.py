"""What the steps of save, rewind and forget share: the journal, the commands, and what undoes a failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sandbox import removal
from sandbox.engines import Engine, engine_for, ledger_for
from sandbox.lifecycle import checks, journal, recover
from sandbox.lifecycle.alone import alone
from sandbox.lifecycle.interrupt import Interrupt
from sandbox.lifecycle.observe import Sandbox, observe_more
from sandbox.lifecycle.progress import Progress
from sandbox.lifecycle.runs import new_run
from sandbox.lifecycle.undo import undone_on_failure
from sandbox.postgres import Access, failure, together
from sandbox.settings import Settings
from sandbox.shell import OfRun, Runner, change, is_dry, require


@dataclass
class Steps:
    """One run's world; a dry run has no journal."""

    engine: Engine
    runner: Runner
    book: journal.Book | None
    interrupt: Interrupt
    progress: Progress

    @property
    def settings(self) -> Settings:
        """The sandbox's settings."""
        return self.engine.settings

    @property
    def live(self) -> Access:
        """The way to the live database."""
        return self.engine.access(self.settings.sandbox)

    @property
    def dry(self) -> bool:
        """Whether nothing may be changed."""
        return is_dry(self.runner)

    def begin(self, page: journal.Journal) -> None:
        """Write the journal before the first effect."""
        self.interrupt.check()
        if self.book is not None:
            self.book.write(page)

    def turn(self, phase: str) -> None:
        """The next phase begins, unless somebody asked to end.

        The journal names all there is to undo from the start; each writing of it would wait for the disk,
        which is busy with the copy.
        """
        self.interrupt.check()
        self.progress.stage(phase)

    def sql(self, access: Access, script: str, doing: str) -> dict[str, Any]:
        """Run a script that changes something on the sandbox's server; what it printed."""
        text = self.engine.database_command(self.settings.sandbox, access.psql(script).text())
        result = change(self.runner, text)
        if result.exited != 0:
            raise failure(access, result, doing)
        return together(result.stdout)

    def shell(self, text: str, doing: str) -> tuple[str, ...]:
        """Run a text that changes the sandbox's documents, or a checkpoint's; warnings of what it left."""
        result = change(self.runner, self.engine.documents_command(self.settings.sandbox, text))
        require(result, doing)
        return removal.left(result.stderr, self.settings.sandbox)

    def sandbox(self, more: str = "") -> tuple[Sandbox, dict[str, Any]]:
        """Look at the live database, after putting back what a run left whose journal is lost.

        Args:
            more: SQL to ask in the same session.
        """
        seen, told = observe_more(self.engine, self.runner, more)
        if seen.neighbours and self.book is not None:
            _settle(self.engine, self.runner, self.book, self.progress)
            seen, told = observe_more(self.engine, self.runner, more)
        return seen, told


def _settle(engine: Engine, runner: Runner, book: journal.Book, progress: Progress) -> None:
    before = recover.settle(engine.settings, runner, book, engine.run, progress.note)
    for action in before.actions:
        progress.note(f"an interrupted run was {before.outcome}: {action}")


@contextmanager
def started(settings: Settings, runner: Runner, progress: Progress) -> Iterator[Steps]:
    """Hold the sandbox, put back what an interrupted run left, and undo this run if it fails.

    Raises:
        Busy: another run holds the sandbox.
        Refused: the sandbox looks like prod.
        UsageError: no engine is configured, or its database is not.
    """
    checks.refuse_mix_ups(settings, db_only=False)
    run = new_run(settings)
    engine, ledger = engine_for(settings, run, runner), ledger_for(settings, runner)
    engine.access(settings.sandbox)
    engine.find(settings.sandbox)
    if is_dry(runner):
        if journal.active(ledger):
            raise journal.busy(ledger)
        yield Steps(engine, runner, None, Interrupt(), progress)
        return
    with journal.held(ledger, run) as book, alone(settings, run, runner):
        runner = OfRun(book.desk.guarded(runner), run)
        if journal.left(book.desk) is not None:
            _settle(engine, runner, book, progress)
        already = "by then it was done, and it was tidied up"
        with undone_on_failure(engine, runner, book, already) as interrupt:
            yield Steps(engine, runner, book, interrupt, progress)
            book.clear()
