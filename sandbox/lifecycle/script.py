"""Wrap the lifecycle script that a team already has: its own way, our lock, journal and exit codes."""

from __future__ import annotations

import shlex
import time
from contextlib import suppress
from typing import TextIO, cast

from sandbox.engines import engine_for
from sandbox.engines.local import LocalEngine
from sandbox.errors import ExitCode, Failed, SandboxError, Unreachable, UsageError
from sandbox.lifecycle import checks, journal, mark
from sandbox.lifecycle.observe import observe_prod, observe_sandbox, unread
from sandbox.lifecycle.progress import Progress
from sandbox.lifecycle.work import Outcome
from sandbox.postgres import LOOKING, together
from sandbox.settings import Settings
from sandbox.shell import Runner, change


class _Lines:
    """Hands each line of the script's output to a `Progress`."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._rest = progress, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._progress.note(line)
        return len(text)

    def flush(self) -> None:
        """Lines are told when they end."""

    def end(self) -> None:
        """Tell a last line that had no end."""
        if self._rest:
            self._progress.note(self._rest)


def _text(settings: Settings, run: str, *, db_only: bool) -> str:
    flags = ["--db-only"] if db_only else []
    # its standard output is for people, and ours may belong to one JSON document
    line = (
        f"cd {shlex.quote(str(settings.root))} && {shlex.join([str(settings.refresh.script), *flags])} 1>&2"
    )
    return LocalEngine(settings, run).documents_command(settings.sandbox, line)


def show(settings: Settings, runner: Runner, *, db_only: bool) -> None:
    """Print what would run; for a dry run."""
    change(runner, _text(settings, "", db_only=db_only))


def run(  # noqa: PLR0913
    settings: Settings,
    runner: Runner,
    book: journal.Book,
    run: str,
    *,
    db_only: bool,
    progress: Progress,
) -> float:
    """Run the script from the root; the seconds that it took.

    Raises:
        Failed: it ended with an exit code other than 0, which the error keeps.
    """
    begun = time.monotonic()
    book.write(journal.Journal(journal.holder(run), "script", "script"))
    lines = _Lines(progress)
    result = change(runner, _text(settings, run, db_only=db_only), err_stream=cast("TextIO", lines))
    lines.end()
    if result.exited != 0:
        book.clear()  # it ended by itself: what it left is its own to tell
        error = Failed(
            f"{settings.refresh.script} ended with exit code {result.exited}", "see its output above"
        )
        error.code = cast("ExitCode", result.exited)  # the contract: a wrapped script's exit code is kept
        raise error
    return time.monotonic() - begun


def marked(settings: Settings, runner: Runner, run: str) -> Outcome:
    """Mark what the script made as a sandbox, where its database can be reached; what is told of the script.

    Without the mark the sandbox's URL cannot be tied to its database, and no agent is armed there.
    """
    said = "your own script did the refresh: nothing was verified"
    if settings.engine is None or settings.sandbox.database is None:
        return Outcome(why_full="your own script", warnings=(said,), marked=False)
    try:
        _mark(settings, runner, run)
    except SandboxError as error:
        why = f"no mark was written: {error.what}; provision will refuse"
        return Outcome(why_full="your own script", warnings=(said, why), marked=False)
    return Outcome(why_full="your own script", warnings=(said,))


def _mark(settings: Settings, runner: Runner, run: str) -> None:
    checks.refuse_mix_ups(settings, db_only=True)
    engine = engine_for(settings, run, runner)
    engine.find(settings.sandbox)
    here = observe_sandbox(engine, runner).identity
    with suppress(Unreachable, UsageError):  # a team's own script may be all that reaches prod
        engine.find(settings.prod)
        checks.refuse_same(settings, observe_prod(engine, runner).identity, here)
    access = engine.access(settings.sandbox)
    command = access.psql(LOOKING + mark.written_if_dolibarr(run)).text()
    result = change(runner, engine.database_command(settings.sandbox, command))
    if result.exited != 0:
        doing = f"writing a mark into {access.label}"
        raise unread(engine, runner, settings.sandbox, access, result, doing)
    if not together(result.stdout)["dolibarr"]:
        raise Failed(f"{access.label} has no llx_const")
