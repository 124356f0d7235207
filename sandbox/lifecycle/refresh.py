"""Refresh: re-seed the sandbox from prod, so that it is at every moment the old one or the new one."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from sandbox.engines import Engine, engine_for, ledger_for
from sandbox.engines.ledger import CONTENT, readable
from sandbox.lifecycle import checks, journal, plan, record, recover, script, would
from sandbox.lifecycle.adopt import Adopt, check_name
from sandbox.lifecycle.alone import alone
from sandbox.lifecycle.interrupt import Interrupt
from sandbox.lifecycle.progress import Progress, Silent
from sandbox.lifecycle.remembered import Remembered
from sandbox.lifecycle.runs import new_run
from sandbox.lifecycle.strangers import Stranger
from sandbox.lifecycle.strategies import InPlace, Swap
from sandbox.lifecycle.undo import undone_on_failure
from sandbox.lifecycle.work import Outcome, Work
from sandbox.settings import Settings
from sandbox.shell import OfRun, Runner, is_dry


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    db_only: bool
    full: bool
    adopt: Adopt


@dataclass(frozen=True)
class RefreshReport:
    """What a refresh did; its fields are the JSON document's."""

    run: str
    strategy: str
    mode: str  # full; incremental: only what differs from a checkpoint was carried
    base: str | None  # that checkpoint
    why_full: str  # why none was started from; empty: one was
    carried: dict[str, int] | None  # incremental: tables with a difference, and rows that travelled
    dry: bool
    tables: int
    rows: int
    bytes: int  # of the new database, on disk
    seconds: float
    unavailable_ms: int  # for how long the sandbox could not answer
    documents: dict[str, Any] | None  # files, bytes, logo
    neutralized: tuple[dict[str, Any], ...]  # rule, changed
    skipped: tuple[str, ...]  # what a rule looks for and this Dolibarr does not have
    strangers: tuple[Stranger, ...]  # kind, name, owner: prod's, which do not travel
    warnings: tuple[str, ...]
    recovered: tuple[str, ...] = ()  # what an interrupted run had left, and was put back first
    plan: dict[str, str] | None = None  # of a dry run: what would be done


def refresh(  # noqa: PLR0913  # flags and what they are told to
    settings: Settings,
    runner: Runner,
    *,
    yes: bool,
    db_only: bool,
    full: bool = False,
    adopt: Adopt = "",
    progress: Progress | None = None,
    hint: str = "",
) -> RefreshReport:
    """Re-seed the sandbox from prod.

    Args:
        settings: the sandbox's settings.
        runner: what runs the commands.
        yes: consent to losing what the sandbox holds.
        db_only: leave the documents alone.
        full: carry all of prod, even where a checkpoint could be started from.
        adopt: what a person says is the sandbox's, though no run of ours made it; see `adopt.Adopt`.
        progress: who is told how far it is.
        hint: what else the refusal's next step should say.

    Raises:
        Refused: without consent, or the sides are mixed up, or it is no sandbox of ours; nothing was touched.
        Busy: another run holds the sandbox.
        SandboxError: it failed; the sandbox is what it was.
    """
    if not yes:
        raise checks.consent(settings, db_only=db_only, hint=hint)
    check_name(settings, adopt)
    progress = progress or Silent()
    wanted = Wanted(db_only=db_only, full=full, adopt=adopt)
    run = new_run(settings)
    if is_dry(runner):
        return _rehearsed(settings, runner, run, wanted, progress)
    if settings.refresh.script is None:
        checks.refuse_mix_ups(settings, db_only=db_only)
        engine_for(settings, run, runner).find(settings.prod, settings.sandbox)  # before anything is made
    with journal.held(ledger_for(settings, runner), run) as book, alone(settings, run, runner):
        runner = OfRun(book.desk.guarded(runner), run)
        begun = time.monotonic()
        before = recover.settle(settings, runner, book, run, progress.note)
        for action in before.actions:
            progress.note(f"an interrupted refresh was {before.outcome}: {action}")
        if settings.refresh.script is not None:
            seconds = script.run(settings, runner, book, run, db_only=db_only, progress=progress)
            outcome = script.marked(settings, runner, run)
            report = _report(run, "script", outcome, seconds, before.told)
        else:
            engine = engine_for(settings, run, runner)
            outcome = _done(engine, runner, book, wanted, progress)
            report = _report(run, settings.refresh.strategy, outcome, time.monotonic() - begun, before.told)
        try:
            _record(settings, book, report, outcome)
        finally:
            book.clear()  # it is done, whether or not that could be written down
        return report


def _done(engine: Engine, runner: Runner, book: journal.Book, wanted: Wanted, progress: Progress) -> Outcome:
    already = "the new sandbox was in place by then, and was made whole"
    with undone_on_failure(engine, runner, book, already) as interrupt:
        known = Remembered.read(readable(book.desk, CONTENT))
        seen = _look(engine, runner, wanted, known, progress)
        interrupt.check()
        return _work(engine, runner, seen, book, progress, interrupt).do()


def _look(engine: Engine, runner: Runner, wanted: Wanted, known: Remembered, progress: Progress) -> plan.Plan:
    progress.stage("look")
    seen = plan.look(
        engine,
        runner,
        db_only=wanted.db_only,
        full=wanted.full,
        known=known,
        adopt=wanted.adopt,
        progress=progress,
    )
    for warning in seen.warnings:
        progress.note(warning)
    return seen


def _work(  # noqa: PLR0913, PLR0917
    engine: Engine,
    runner: Runner,
    seen: plan.Plan,
    book: journal.Book | None,
    progress: Progress,
    interrupt: Interrupt,
) -> Work:
    kind = Swap if seen.strategy == "swap" else InPlace
    return kind(engine, runner, seen, book, progress, interrupt)


def _rehearsed(
    settings: Settings, runner: Runner, run: str, wanted: Wanted, progress: Progress
) -> RefreshReport:
    """A dry run: both sides are really read, and each change is printed by the runner."""
    ledger = ledger_for(settings, runner)
    if journal.active(ledger):
        raise journal.busy(ledger)
    if settings.refresh.script is not None:
        script.show(settings, runner, db_only=wanted.db_only)
        report = _report(run, "script", Outcome(why_full="your own script"), 0.0, dry=True)
        return replace(report, plan=would.by_script(settings, db_only=wanted.db_only))
    engine = engine_for(settings, run, runner)
    known = Remembered.read(readable(ledger, CONTENT))
    seen = _look(engine, runner, wanted, known, progress)
    work = _work(engine, runner, seen, None, progress, Interrupt())
    planned = would.plan(engine, seen, db_only=wanted.db_only)
    return replace(_report(run, settings.refresh.strategy, work.do(), 0.0, dry=True), plan=planned)


def _report(  # noqa: PLR0913
    run: str,
    strategy: str,
    outcome: Outcome,
    seconds: float,
    recovered: tuple[str, ...] = (),
    *,
    dry: bool = False,
) -> RefreshReport:
    return RefreshReport(
        run=run,
        strategy=strategy,
        mode="full" if outcome.why_full else "incremental",
        base=outcome.base,
        why_full=outcome.why_full,
        carried=outcome.carried,
        dry=dry,
        tables=outcome.tables,
        rows=outcome.rows,
        bytes=outcome.bytes,
        seconds=round(seconds, 2),
        unavailable_ms=outcome.unavailable_ms,
        documents=outcome.documents,
        neutralized=tuple({"rule": r["rule"], "changed": r["changed"]} for r in outcome.neutralized),
        skipped=tuple(sorted({missing for r in outcome.neutralized for missing in r["skipped"]})),
        strangers=outcome.strangers,
        warnings=outcome.warnings,
        recovered=recovered,
    )


def _record(settings: Settings, book: journal.Book, report: RefreshReport, outcome: Outcome) -> None:
    database = settings.prod.database
    if outcome.remembered is not None:
        book.desk.write(CONTENT, outcome.remembered.page())
    book.record(
        {
            "run": report.run,
            "finished": journal.now(),
            "seconds": report.seconds,
            "strategy": report.strategy,
            record.KEY: [report.run] if outcome.marked else [],
            "prod": f"{database.name}@{database.host}:{database.port}" if database else None,
        }
    )
