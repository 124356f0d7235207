"""From what both sides told to what a refresh would do, or why it must not."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sandbox import documents, places
from sandbox.engines import Engine
from sandbox.errors import Busy, Failed, Refused, UsageError
from sandbox.guard import Judgement
from sandbox.lifecycle import base, checks, database_rights, journal, permissions, strangers, swap
from sandbox.lifecycle.adopt import Adopt, Unmarked, consent
from sandbox.lifecycle.observe import (
    NEXT,
    OLD,
    Neighbour,
    Prod,
    Sandbox,
    observe_more,
    observe_prod,
)
from sandbox.lifecycle.progress import Progress, Silent
from sandbox.lifecycle.remembered import Remembered
from sandbox.lifecycle.replaceable import in_the_way, is_ours, judged, refuse_swapped
from sandbox.lifecycle.runs import is_own
from sandbox.lifecycle.swap import Names
from sandbox.postgres import APPLICATION
from sandbox.settings import Side
from sandbox.shell import Runner, observe, records


@dataclass(frozen=True)
class Folders:
    """The documents of both sides."""

    prod: documents.Look
    sandbox: documents.Look
    judgement: Judgement | None  # why the sandbox's may be replaced only if a person adopts it


@dataclass(frozen=True)
class Plan:
    """All that a refresh needs to know; the same for a dry run and a real one."""

    strategy: str
    names: Names
    prod: Prod
    sandbox: Sandbox
    folders: Folders | None
    base: base.Base
    statistics: bool  # PostgreSQL can carry the planner's
    warnings: tuple[str, ...]
    adopted: str = ""  # device:inode of a documents folder that a person adopted

    @property
    def role(self) -> str:
        """Who owns what is restored; empty when it is the role that connects."""
        return "" if self.sandbox.owner == self.sandbox.user else self.sandbox.owner


def look(  # noqa: PLR0913
    engine: Engine,
    runner: Runner,
    *,
    db_only: bool,
    full: bool,
    known: Remembered,
    adopt: Adopt = "",
    progress: Progress | None = None,
) -> Plan:
    """Read both sides and decide.

    Args:
        engine: where both sides are.
        runner: what runs the commands.
        db_only: leave the documents alone.
        full: carry all of prod, whatever a checkpoint holds already.
        known: what is remembered of the last refresh's copy.
        adopt: what a person says is the sandbox's; see `adopt.Adopt`.
        progress: who is shown what is adopted.

    Raises:
        Refused: the sides are one database or one folder, or the wrong way round; or the sandbox's database
            holds what is not its owner's; or what would be replaced is no sandbox of ours, and nobody
            adopts it.
        Busy: another run works on the sandbox's databases.
        UsageError: a setting, a right or a program is missing.
        Unreachable: a server does not answer.
    """
    settings = engine.settings
    checks.refuse_mix_ups(settings, db_only=db_only)
    live = engine.access(settings.sandbox).database.name
    with ThreadPoolExecutor() as pool:  # none of these needs another's answer
        prods = pool.submit(observe_prod, engine, runner)
        more = pool.submit(observe_more, engine, runner, base.script(live) + strangers.SCRIPT)
        versions = pool.submit(checks.programs, engine, runner)
        both = None if db_only else pool.submit(_folders, engine, runner)
        prod = prods.result()
        checks.refuse_unsafe_prod(settings, prod)
        sandbox, told = more.result()
        checks.refuse_same(settings, prod.identity, sandbox.identity)
        checks.refuse_swapped(settings, prod, sandbox)
        checks.check_rights(settings, sandbox, live)
        _check_alone(sandbox)
        if settings.refresh.strategy == "swap":
            database_rights.refuse_settings(engine, runner, live, sandbox.settings)
        statistics = checks.check_programs(settings, versions.result(), prod, sandbox)
        folders, words = both.result() if both else (None, ("documents: left as they are, as asked",))
        # first: nobody is told what to drop in a database that is not the sandbox's
        adopted = _adopted(engine, runner, sandbox, folders, adopt, progress or Silent())
        strangers.refuse(told, settings.refresh.strategy, sandbox.owner, comes=prod.extensions)
    if folders is not None:  # of what is somebody else's nobody is told how to make it theirs
        words += permissions.tried(engine, runner, folders.sandbox)
    words = (*words, *prod.left.warnings)
    if prod.can_write:
        words = (*words, f"prod's role {prod.user} could write; use a SELECT-only one")
    names, strategy = Names(live, live + NEXT, live + OLD), settings.refresh.strategy
    whole = "as asked" if full else _whole(strategy, prod)
    start = base.Base(None, why=whole) if whole else base.newest(live, told, known)
    return Plan(strategy, names, prod, sandbox, folders, start, statistics, words, adopted)


def _adopted(  # noqa: PLR0913, PLR0917
    engine: Engine,
    runner: Runner,
    sandbox: Sandbox,
    folders: Folders | None,
    adopt: Adopt,
    progress: Progress,
) -> str:
    """Refuse what is no sandbox of ours, unless it is adopted: the folder that was, by device:inode."""
    found = Unmarked(not is_ours(sandbox), folders.judgement if folders else None)
    paths = None if folders is None else (folders.prod.path, folders.sandbox.path)
    return consent(engine, runner, found, adopt, progress, paths)


def _whole(strategy: str, prod: Prod) -> str:
    """Why no checkpoint can be started from, whichever there are; empty when one can."""
    if strategy != "swap":
        return f"strategy {strategy} starts from no checkpoint"
    return f"prod has {prod.unusual}" if prod.unusual else ""


def _check_alone(sandbox: Sandbox) -> None:
    if sandbox.runs:
        raise Busy(
            f"another run works on the sandbox's databases: {', '.join(sandbox.runs)}",
            "wait until it ends; it was started from another folder or machine",
        )
    for neighbour in sandbox.neighbours:
        raise not_ours(neighbour)


def not_ours(neighbour: Neighbour) -> Busy | Refused:
    """Why a database with a name of ours is not ours to drop."""
    claimed = claimant(neighbour)
    if claimed is None:
        return Refused(
            f"the database {neighbour.name} exists, and no refresh of ours made it",
            f"drop or rename it: a refresh needs that name ({NEXT} and {OLD})",
        )
    return Busy(
        f"the database {neighbour.name} belongs to a run that is not known to be dead: {claimed}",
        journal.ELSEWHERE,
    )


def claimant(neighbour: Neighbour) -> journal.Holder | None:
    """Whose run a database beside the live one says it belongs to; None when it says nothing."""
    found = re.fullmatch(rf"{APPLICATION} run=(\S+) host=(\S+) pid=([0-9]{{1,9}})", neighbour.comment or "")
    return journal.Holder(found[1], int(found[3]), found[2], "?", "?") if found else None


def belongs(neighbour: Neighbour, holder: journal.Holder) -> bool:
    """Whether a database says that this run made it, or set it aside."""
    if neighbour.comment is None:  # it was just being made
        return neighbour.limit == swap.number(swap.claim(holder.run, holder.host, holder.pid))
    owner = claimant(neighbour)
    return owner is not None and owner.run == holder.run


def dead(engine: Engine, holder: journal.Holder) -> bool:
    """Whether another run that claims a database is known to have ended; ours holds the sandbox."""
    return is_own(engine.settings, holder.run) and (engine.alone or places.ended(holder.host, holder.pid))


def _folders(engine: Engine, runner: Runner) -> tuple[Folders | None, tuple[str, ...]]:
    settings = engine.settings
    for side in (settings.prod, settings.sandbox):
        if side.documents is None:
            return None, (f"documents: skipped, {side.name} has no documents folder configured",)
    with ThreadPoolExecutor() as pool:
        prods, ours = (
            pool.submit(folder, engine, runner, side) for side in (settings.prod, settings.sandbox)
        )
        prod, sandbox = prods.result(), ours.result()
    if prod.identities[0] in sandbox.identities or sandbox.identities[0] in prod.identities:
        raise Refused(
            f"the documents folders are one, or one is inside the other: {prod.path} and {sandbox.path}",
            f"check {settings.name}.documents and {settings.name}.prod.documents",
        )
    refuse_swapped(settings, prod)
    text = engine.documents_command(settings.sandbox, documents.existing(*sandbox.layout().others))
    for path in records(observe(runner, text).stdout):
        raise in_the_way(path, settings.sandbox)
    judgement = judged(engine, runner, sandbox)
    if judgement is not None and not judgement.adoptable:
        raise judgement.refused(settings.sandbox.written)
    return Folders(prod, sandbox, judgement), ()


def folder(engine: Engine, runner: Runner, side: Side) -> documents.Look:
    """Look at a side's documents folder.

    Raises:
        UsageError: there is none.
        Failed: it could not be looked at.
    """
    if side.documents is None:
        raise UsageError(f"{side.name} has no documents folder configured")
    told = observe(runner, engine.documents_command(side, documents.look(side.documents)))
    if told.exited != 0:  # half of what it says would pass for all
        said = told.stderr.strip() or "it was cut off"
        raise Failed(f"looking at {side.name}'s documents folder failed ({told.exited}): {said}")
    found = documents.parsed(told.stdout)
    if found is None:
        raise UsageError(
            f"{side.name}'s documents folder is not there: {side.documents}",
            "create it, check the setting, or refresh with --db-only",
        )
    return found
