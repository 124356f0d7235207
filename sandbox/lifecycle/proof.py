"""Whether the sandbox's URL and its database are one: a word written into the one must show at the other.

The word is made up for each look and taken away after it, so neither another sandbox, nor a copy of this one,
nor a page that a cache kept can show it. Without a database to write into, nothing is proven; then the mark
that the last refresh or rewind put in, as it is recorded here, can still tell that a URL leads elsewhere.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sandbox.dolibarr.shown import Shown, look_at_both
from sandbox.engines import Engine, engine_for, ledger_for
from sandbox.engines.ledger import LAST, readable
from sandbox.errors import Refused, SandboxError
from sandbox.lifecycle import mark, record
from sandbox.lifecycle.observe import unread
from sandbox.postgres import LOOKING, together
from sandbox.settings import Settings
from sandbox.shell import Runner, change

_TRIES = 5  # another provision may write its own word in between
_PAUSE = 0.3  # seconds, at most, between two
NOTHING_RECORDED = "no refresh is recorded here that put a mark in"
_NO_ACCESS = "no access to the sandbox's database is configured"


@dataclass(frozen=True)
class Proof:
    """What was found out.

    Args:
        proven: None: not known.
        why: why it is not proven; empty when it is.
        shown: what the URL shows.
        mark: the database's; None: it has none, or it is not known.
        next_step: what mends it.
        prods: what prod's URL showed at that moment; None: it was not asked.
    """

    proven: bool | None
    why: str
    shown: Shown
    mark: str | None = None
    next_step: str = ""
    prods: Shown | None = None

    def refuse(self) -> None:
        """Refuse to arm what is not the sandbox.

        Raises:
            Refused: the URL leads to another database, or the database is no sandbox's.
        """
        if self.proven is False:
            raise Refused(self.why, self.next_step)


def prove(settings: Settings, runner: Runner) -> Proof:
    """Look for one mark through both paths; without a database that can be asked, in the records of here.

    Prod's URL is asked at the same moment, if one is set.

    Raises:
        UsageError: no URL is configured.
    """
    if settings.engine is None or settings.sandbox.database is None:
        return _by_record(settings, runner, _NO_ACCESS)
    try:
        engine = engine_for(settings, runner=runner)
        engine.find(settings.sandbox)
        return prove_by(engine, runner, prods=True)
    except SandboxError as error:
        return _by_record(settings, runner, error.what)


def prove_by(engine: Engine, runner: Runner, *, prods: bool = False) -> Proof:
    """Write a word into the database, look for it at the URL, and take it away again.

    Args:
        engine: where the database is.
        runner: what runs the commands.
        prods: look at prod's URL, too.

    Raises:
        SandboxError: the database cannot be read or written.
    """
    settings = engine.settings
    found = _no_mark(engine)
    for _ in range(_TRIES):
        word = secrets.token_hex(8)
        run = _show(engine, runner, word)
        if run is None:
            return found
        try:
            shown, other = look_at_both(settings.url, settings.prod.url if prods else None, settings.timeouts)
        finally:
            _show(engine, runner, "")
        found = replace(_judged(engine, mark.with_word(run, word), shown), prods=other)
        if found.proven or shown.mark is None or mark.run_of(shown.mark) != run:
            return found
        time.sleep(secrets.randbelow(100) / 100 * _PAUSE)
    return found


def _show(engine: Engine, runner: Runner, word: str) -> str | None:
    """Write the word; the database's mark."""
    side = engine.settings.sandbox
    access = engine.access(side)
    script = LOOKING + mark.shown_with(word)
    result = change(runner, engine.database_command(side, access.psql(script).text()))
    if result.exited != 0:
        raise unread(engine, runner, side, access, result, f"writing a mark into {access.label}")
    told = together(result.stdout).get("mark")
    return None if told is None else str(told)


def _no_mark(engine: Engine) -> Proof:
    label = engine.access(engine.settings.sandbox).label
    return Proof(
        proven=False,
        why=f"{label} has no sandbox's mark: no refresh made it, and what is no sandbox is never armed",
        shown=Shown(None, dolibarr=False, words="was not asked"),
        next_step="run: inv refresh --yes",
    )


def _judged(engine: Engine, expected: str, shown: Shown) -> Proof:
    """Compare what was written with what is shown."""
    name, url = engine.settings.name, engine.settings.url
    label, run = engine.access(engine.settings.sandbox).label, mark.run_of(expected)
    if shown.mark == expected:
        return Proof(True, "", shown, run)
    step = f"set {name}.url to the ERP of this database, or {name}.database to the database of this ERP"
    if not shown.dolibarr:
        why = f"whether {url} serves {label} is not known: it {shown.words}"
        return Proof(None, why, shown, run, f"look at {url} in a browser, then run it again")
    if shown.mark is not None and mark.run_of(shown.mark) == run:
        why = f"{url} serves a copy of {label}, or a page that a cache kept: it {shown.words}, not {expected}"
    else:
        why = f"{url} serves another database than {label}: it {shown.words}, the database has {expected}"
    return Proof(False, why, shown, run, step)


def _by_record(settings: Settings, runner: Runner, why: str) -> Proof:
    shown, other = look_at_both(settings.url, settings.prod.url, settings.timeouts)
    try:
        last = readable(ledger_for(settings, runner), LAST)
    except SandboxError:
        last = None
    found = replace(recorded(settings, record.marks(last), shown), prods=other)
    if found.proven is False:
        return replace(found, next_step=f"check {settings.name}.url; if it is right, run: inv refresh --yes")
    return replace(found, proven=None, why=why)


def recorded(settings: Settings, marks: Sequence[str], shown: Shown) -> Proof:
    """Compare what the URL shows with the marks that were put in from here; no database is asked.

    Args:
        settings: the sandbox's settings.
        marks: see `record.marks`.
        shown: what the URL shows.
    """
    if not marks:
        return Proof(None, NOTHING_RECORDED, shown)
    if shown.mark is not None and mark.run_of(shown.mark) in marks:
        return Proof(True, "", shown)
    if not shown.dolibarr:
        return Proof(None, f"{settings.url} {shown.words}", shown)
    put = f"the last refresh or rewind put {marks[-1]} in"
    why = f"{settings.url} serves another database: it {shown.words}, and {put}"
    return Proof(False, why, shown, None, "run: inv relink-env  (it compares the URL with the database)")


def refuse_prods(settings: Settings, found: Proof) -> str:
    """Refuse two URLs that lead to one ERP; what could not be found out of prod's, empty: nothing.

    Raises:
        Refused: prod's URL shows the sandbox's mark.
    """
    prods, url = found.prods, settings.prod.url
    if prods is None:
        return ""
    if prods.mark is None:
        return "" if prods.dolibarr else f"prod's URL was not compared: {url} {prods.words}"
    run = mark.run_of(prods.mark)
    if run not in (mark.run_of(found.shown.mark or ""), found.mark):
        return f"{url} is no prod's: it {prods.words}; check {settings.name}.prod.url"
    raise Refused(
        f"prod's URL leads to the sandbox: {url} {prods.words}, {settings.url} {found.shown.words}",
        f"check {settings.name}.url and {settings.name}.prod.url, and what stands before them",
    )
