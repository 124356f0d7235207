"""Make the sandbox whole after a run that ended anywhere: forward when its copy is live, else back.

What the world shows decides. The mark inside the live database says which run made it; the journal says
whose traces to look for and what was paused. Everything here can be run again.
"""

from __future__ import annotations

# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal, or %I and %L
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sandbox import documents, removal
from sandbox.engines import Engine
from sandbox.errors import Failed, Unreachable, UsageError
from sandbox.lifecycle import permissions, swap, tidy
from sandbox.lifecycle.journal import Journal
from sandbox.lifecycle.observe import Neighbour, ask, constants
from sandbox.lifecycle.plan import belongs
from sandbox.lifecycle.replaceable import guard_of
from sandbox.postgres import APPLICATION, Access, failure, identifier, literal
from sandbox.settings import Side
from sandbox.shell import Runner, change, is_dry, observe, records, require

_SWAPPING, _SHELVING = ("swap", "rewind"), ("save", "forget")  # strategies
LOST = "lost"  # the phase of a run whose journal is gone
_GONE_WITHIN = 5.0  # seconds, for the sessions of a dead run


@dataclass(frozen=True)
class RecoverReport:
    """What was found and what was done about it."""

    found: bool
    run: str = ""
    outcome: str = "nothing to do"  # or: rolled back, rolled forward, cleared
    actions: tuple[str, ...] = ()
    dry: bool = False
    was: str = ""  # what was interrupted: whose, since when, how far, and what of it had to be put back

    @property
    def told(self) -> tuple[str, ...]:
        """What was found and what was done, for who came to do something else; empty for nothing."""
        return (self.was, *self.actions) if self.found else ()


@dataclass
class _Repair:
    """One run's traces, and the actions that remove them."""

    engine: Engine
    runner: Runner
    page: Journal
    actions: list[str] = field(default_factory=list)

    @property
    def access(self) -> Access:
        return self.engine.access(self.side)

    @property
    def side(self) -> Side:
        return self.engine.settings.sandbox

    def sql(self, access: Access, script: str, doing: str) -> None:
        """Change a database, and say so."""
        result = change(self.runner, self.engine.database_command(self.side, access.psql(script).text()))
        if result.exited != 0:
            raise failure(access, result, doing)
        self.actions.append(doing)

    def folders(self, text: str, doing: str) -> None:
        """Change the documents folders, and say so."""
        result = change(self.runner, self.engine.documents_command(self.side, text))
        try:
            require(result, doing)
        except Failed as error:
            remedy = permissions.owned(self.page.documents, '"$(id -u)"', self.side)
            raise Failed(error.what, f"let this user move all of it: {remedy}; then: inv recover") from None
        self.actions += [doing, *removal.left(result.stderr, self.side)]


def put_back(engine: Engine, runner: Runner, page: Journal) -> RecoverReport:
    """End what is left of a run and make the sandbox whole, old or new.

    Raises:
        SandboxError: something could not be put back.
    """
    repair = _Repair(engine, runner, page)
    if not is_dry(runner) and (ended := engine.end_processes(page.run)):
        repair.actions.append(f"ended {ended} processes")
    if page.strategy == "script":
        return RecoverReport(True, page.run, "cleared", ("your script was cut off; run it again",))
    _end_sessions(repair)
    if page.strategy in _SHELVING:
        return _shelve(repair)
    names = swap.Names(repair.access.database.name, page.next, page.old)
    if page.strategy in _SWAPPING:
        _live_back(repair, names)
    committed = _committed(repair)
    if page.strategy in _SWAPPING:
        _drop(repair, names.old if committed else names.next)
    if page.documents:
        _documents(repair, committed=committed)
    if page.paused:
        _resume(repair)
    settings = engine.settings
    if (page.strategy, page.phase) == ("in-place", LOST) and (
        settings.application.resume or settings.cluster
    ):
        repair.actions.append(
            "look whether the application runs: only the lost journal knew if it was paused"
        )
    outcome = "rolled forward" if committed else "rolled back"
    return RecoverReport(True, page.run, outcome, tuple(repair.actions))


def _shelve(repair: _Repair) -> RecoverReport:
    """Remove half a checkpoint, or what a whole one replaced."""
    page = repair.page
    found = tidy.tidy(repair.engine, repair.runner, page)
    whole = [one.run for one in found.shelf.checkpoints if one.name == page.checkpoint]
    done = page.run in whole if page.strategy == "save" else not whole
    outcome = "rolled forward" if done else "rolled back"
    return RecoverReport(True, page.run, outcome, (*repair.actions, *found.actions, *found.warnings))


def _end_sessions(repair: _Repair) -> None:
    """End the run's sessions on both servers; prod's only hold a snapshot, but they hold it."""
    name = literal(f"{APPLICATION}/{repair.page.run}")
    ours = f"application_name = {name} OR application_name LIKE {name} || ' %'"
    access = repair.access if repair.page.strategy == "in-place" else repair.access.maintenance
    end = swap.end_sessions(ours, _GONE_WITHIN)
    repair.sql(access, end, "ended its sessions")
    with suppress(UsageError, Unreachable):  # its server ends sessions that nobody holds
        prod = repair.engine.settings.prod
        text = repair.engine.access(prod).psql(end).text()
        if repair.page.strategy in ("swap", "in-place"):
            change(repair.runner, repair.engine.database_command(prod, text))
    deadline = time.monotonic() + _GONE_WITHIN
    still = (
        "SELECT json_build_object('left', count(*)) FROM pg_stat_activity"
        f" WHERE ({ours}) AND pid <> pg_backend_pid();"
    )
    while ask(repair.engine, repair.runner, repair.side, access, still)["left"] and not is_dry(repair.runner):
        if time.monotonic() > deadline:
            raise Failed(f"sessions of the dead run {repair.page.run} do not end", "try again: inv recover")
        time.sleep(0.1)


def _present(repair: _Repair) -> dict[str, Neighbour]:
    """Which of the databases are there."""
    names = ", ".join(
        literal(name) for name in (repair.access.database.name, repair.page.next, repair.page.old)
    )
    script = (
        "SELECT json_build_object('present', coalesce(json_agg(json_build_array(datname,"
        f" shobj_description(oid, 'pg_database'), datconnlimit)), '[]')) FROM pg_database"
        f" WHERE datname IN ({names});"
    )
    told: dict[str, Any] = ask(repair.engine, repair.runner, repair.side, repair.access.maintenance, script)
    return {one[0]: Neighbour(*one) for one in told["present"]}


def _live_back(repair: _Repair, names: swap.Names) -> None:
    present = _present(repair)
    if names.live in present:
        return
    if names.old not in present:
        raise Failed(
            f"the sandbox's database {names.live} is gone, and so is {names.old}",
            f"create it: CREATE DATABASE {names.live}; then: inv refresh --yes",
        )
    if not belongs(present[names.old], repair.page.holder):
        raise Failed(
            f"the sandbox's database {names.live} is gone, and {names.old} does not say that run"
            f" {repair.page.run} set it aside: it was not renamed",
            f"if it is the sandbox's: ALTER DATABASE {names.old} RENAME TO {names.live}; then: inv recover",
        )
    rename = f"ALTER DATABASE {identifier(names.old)} RENAME TO {identifier(names.live)};\n"
    repair.sql(repair.access.maintenance, rename, f"renamed {names.old} back to {names.live}")


def _committed(repair: _Repair) -> bool:
    """Whether the live database is the one that the run made."""
    page, present = repair.page, _present(repair)
    ours = {name for name, found in present.items() if belongs(found, page.holder)}
    # one transaction gives both databases their names, and the old one its claim
    if page.old in ours or page.next in ours:
        return page.old in ours
    if page.oid:
        name = literal(repair.access.database.name)
        script = f"SELECT json_build_object('oid', oid::bigint) FROM pg_database WHERE datname = {name};"
        told = ask(repair.engine, repair.runner, repair.side, repair.access.maintenance, script)
        return bool(told["oid"] != page.oid)
    return constants(repair.engine, repair.runner).get("mark") == repair.page.run


def _drop(repair: _Repair, name: str) -> None:
    """Drop a database of this run's; another run may have made one of that name since."""
    present = _present(repair)
    if name not in present:
        return
    if belongs(present[name], repair.page.holder):
        repair.sql(repair.access.maintenance, swap.drop(name), f"dropped {name}")
    else:
        repair.actions.append(f"left {name} alone: it does not say that run {repair.page.run} made it")


def _documents(repair: _Repair, *, committed: bool) -> None:
    layout = documents.Layout.of(repair.page.documents, beside=repair.page.beside)
    text = repair.engine.documents_command(repair.side, documents.existing(layout.live, *layout.others))
    present = set(records(observe(repair.runner, text).stdout))
    if not present & set(layout.others):
        return
    # the old ones make way only once the database is new; and nothing takes their place that is not there
    forward = committed or bool(present & {layout.old, layout.incoming})
    forward = forward and bool(present & {layout.live, layout.next, layout.incoming})
    guard = guard_of(repair.engine)
    if forward:
        text = documents.finish(layout, guard) + documents.discard(layout, guard, repair.page.run)
        repair.folders(text, "put the new documents in place")
    else:
        doing = "put the old documents back" if layout.old in present else "dropped the copied documents"
        repair.folders(documents.undo(layout, guard, repair.page.run), doing)


def _resume(repair: _Repair) -> None:
    notes = repair.engine.resume(repair.runner, repair.page.pause)
    repair.actions += ["resumed the application", *notes]
