"""Whatever stops a run, the sandbox is made whole before the error goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.engines import Engine
from sandbox.errors import Failed, Interrupted, SandboxError
from sandbox.lifecycle import journal, repair
from sandbox.lifecycle.interrupt import Interrupt, interruptible
from sandbox.shell import Runner


@contextmanager
def undone_on_failure(
    engine: Engine, runner: Runner, book: journal.Book, already: str
) -> Iterator[Interrupt]:
    """Do a run's work within this block; a failure or Ctrl-C is undone, by what the journal says.

    Args:
        engine: the run's.
        runner: what runs the commands.
        book: the journal.
        already: what to say when the work was done by then and could only be finished.

    Raises:
        Failed: the work was stopped when it was done already.
        Interrupted: it could not be undone; the journal stays.
    """
    with interruptible(lambda: engine.end_processes(engine.run)) as interrupt:
        try:
            yield interrupt
        except BaseException as error:
            forward = book.page is not None and _put_back(engine, runner, book, book.page, error)
            if not forward:
                interrupt.check()  # its children's complaints are not the reason
                raise
            why = "interrupted" if interrupt.asked else _first(error)
            raise Failed(f"{why}; {already}") from error


def _put_back(
    engine: Engine, runner: Runner, book: journal.Book, page: journal.Journal, error: BaseException
) -> bool:
    """Undo what the run did; whether it was done already."""
    try:
        report = repair.put_back(engine, runner, page)
    except SandboxError as second:
        raise Interrupted(
            f"{_first(error)}; and putting it back failed: {second.what}", "run: inv recover"
        ) from error
    book.clear()
    return report.outcome == "rolled forward"


def _first(error: BaseException) -> str:
    return error.what if isinstance(error, SandboxError) else f"{type(error).__name__}: {error}"
