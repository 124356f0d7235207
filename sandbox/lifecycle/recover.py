"""Find what an interrupted run left, by its journal or by what else tells of it, and have it put back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from sandbox.engines import Engine, engine_for, ledger_for
from sandbox.errors import Unreachable, UsageError
from sandbox.lifecycle import journal
from sandbox.lifecycle.alone import alone
from sandbox.lifecycle.believe import believe
from sandbox.lifecycle.journal import Book, Journal
from sandbox.lifecycle.repair import RecoverReport, put_back
from sandbox.lifecycle.runs import new_run
from sandbox.lifecycle.stray import stray
from sandbox.settings import Settings
from sandbox.shell import OfRun, Runner, is_dry


def recover(settings: Settings, runner: Runner) -> RecoverReport:
    """Put back what an interrupted run of this sandbox left; does nothing when there is nothing.

    Raises:
        Busy: a run is going on.
        SandboxError: something could not be put back; the journal stays, and recover can be run again.
    """
    ledger = ledger_for(settings, runner)
    run = new_run(settings)
    if is_dry(runner):
        if journal.active(ledger):
            raise journal.busy(ledger)
        page = journal.left(ledger)
        if page is None:
            return RecoverReport(found=False, dry=True)
        engine = _engine(settings, runner, page, run)
        believe(engine, runner, page, ledger)
        return replace(put_back(engine, runner, page), dry=True, was=announcement(page))
    if not settings.files.state.exists() and settings.sandbox.database is None:
        return RecoverReport(found=False)
    with journal.held(ledger, run) as book, alone(settings, run, runner):
        return settle(settings, OfRun(book.desk.guarded(runner), run), book, run)


def settle(
    settings: Settings, runner: Runner, book: Book, run: str, say: Callable[[str], None] | None = None
) -> RecoverReport:
    """Put back what the journal, or what else it left, tells of; the caller holds the lock.

    Args:
        settings: the sandbox's settings.
        runner: what runs the commands.
        book: the journal.
        run: whose work this is.
        say: is told what was found, before anything is put back.
    """
    page = journal.left(book.desk)
    if page is not None:
        believe(_engine(settings, runner, page, run), runner, page, book.desk)
    else:
        with suppress(UsageError, Unreachable):  # then nothing says that there was a run
            page = stray(engine_for(settings, run, runner), runner)
    if page is None:
        return RecoverReport(found=False)
    was = announcement(page)
    if say is not None:
        say(was)
    report = put_back(_engine(settings, runner, page, run), runner, page)
    book.clear()
    return replace(report, was=was)


def announcement(page: Journal) -> str:
    """One line: what was interrupted, whose it was and since when, and what of it is put back."""
    kind = page.strategy if page.strategy in {"save", "rewind", "forget"} else "refresh"
    parts = ["its processes and sessions"]
    parts += [f"the databases {page.next} and {page.old}"] if page.next and page.old else []
    parts += [f"the documents in {page.documents}"] if page.documents else []
    parts += ["the application, which it had paused"] if page.paused else []
    return (
        f"a {kind} was interrupted: run {page.run} of {page.holder}, in phase {page.phase};"
        f" put back first: {', '.join(parts)}"
    )


def _engine(settings: Settings, runner: Runner, page: Journal, run: str) -> Engine:
    """The engine that the run used; a team's own script needs none, and runs here."""
    local = replace(settings, engine="local", cluster=None)
    return engine_for(local if page.strategy == "script" else settings, run, runner)
