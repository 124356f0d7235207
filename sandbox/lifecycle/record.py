"""Which marks the sandbox may show, as far as it is known here: the last refresh's, or the last rewind's."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sandbox.engines import ledger_for
from sandbox.engines.ledger import LAST, Desk, readable
from sandbox.errors import Busy
from sandbox.lifecycle import journal
from sandbox.lifecycle.runs import new_run
from sandbox.settings import Settings
from sandbox.shell import Runner

KEY = "marks"  # on the page of the last refresh


def marks(last: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The marks on the page of the last refresh; several after a run that was cut off."""
    found = (last or {}).get(KEY)
    return tuple(str(one) for one in found) if isinstance(found, list) else ()


def expect(desk: Desk, mark: str | None) -> None:
    """Before a database with this mark becomes the live one: from now on, it may be shown, too."""
    last = readable(desk, LAST)
    known = marks(last)
    if last and known and mark not in known:
        desk.write(LAST, {**last, KEY: [*known, *([mark] if mark else [])]})


def settle(desk: Desk, mark: str | None) -> None:
    """The live database has this mark."""
    last = readable(desk, LAST)
    wanted = [mark] if mark else []
    if last and last.get(KEY) != wanted:
        desk.write(LAST, {**last, KEY: wanted})


def correct(settings: Settings, runner: Runner, mark: str | None) -> None:
    """Write down what the database just told, such as after a colleague's refresh from another machine."""
    ledger = ledger_for(settings, runner)
    last = readable(ledger, LAST)
    if mark is None or not last or marks(last) == (mark,):
        return
    with suppress(Busy), journal.held(ledger, new_run(settings)) as book:
        settle(book.desk, mark)
