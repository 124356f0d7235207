"""Remove what saving or forgetting a checkpoint left: half a copy, or what a whole one replaced."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox import copies, removal
from sandbox.engines import Engine
from sandbox.errors import Busy, Refused
from sandbox.lifecycle import journal, shelf, swap
from sandbox.lifecycle.journal import Holder, Journal
from sandbox.lifecycle.observe import NEXT, OLD
from sandbox.lifecycle.plan import belongs, claimant, dead
from sandbox.lifecycle.replaceable import guard_of
from sandbox.postgres import failure
from sandbox.shell import Runner, change, observe, records, require


@dataclass(frozen=True)
class Tidied:
    """What was found on the shelf afterwards, and what was removed."""

    shelf: shelf.Shelf
    actions: tuple[str, ...]
    warnings: tuple[str, ...]  # of folders that could not be removed


def tidy(engine: Engine, runner: Runner, page: Journal) -> Tidied:
    """Remove the unfinished and replaced copies of one checkpoint; whole ones and another run's stay.

    Args:
        engine: where they are.
        runner: what runs the commands.
        page: the journal of the run that names the checkpoint and the documents folder.

    Raises:
        SandboxError: one of them cannot be removed.
    """
    seen = shelf.look(engine, runner)
    others = foreign(engine, seen, page)
    gone = [name for name in _databases(seen, page) if name not in (*others, *unclaimed(seen, page))]
    actions = [_drop(engine, runner, name) for name in gone]
    folders = _folders(engine, runner, seen, page)
    if others:  # a folder that is being filled looks as one that was left
        folders = [path for path in folders if path.endswith(f".{page.run}")]
    warnings: list[str] = []
    for path in folders:
        left = _remove(engine, runner, path)
        actions += [] if left else [f"removed {path}"]
        warnings += left
    return Tidied(seen, tuple(actions), tuple(warnings))


def _databases(seen: shelf.Shelf, page: Journal) -> list[str]:
    name = f"{seen.live}{shelf.BETWEEN}{page.checkpoint}"
    found = [half for half in (name + NEXT, name + OLD) if half in seen.others or half in seen.broken]
    return found + [broken for broken in seen.broken if broken == name]


def unclaimed(seen: shelf.Shelf, page: Journal) -> list[str]:
    """The databases with the name of a half copy that no run says it made."""
    found = [seen.others[name] for name in _databases(seen, page) if name in seen.others]
    return [one.name for one in found if not belongs(one, page.holder) and claimant(one) is None]


def foreign(engine: Engine, seen: shelf.Shelf, page: Journal) -> dict[str, Holder]:
    """The half copies of this checkpoint that belong to a run which is not known to be dead."""
    found = {}
    for name in _databases(seen, page):
        owner = claimant(seen.others[name]) if name in seen.others else None
        if owner is not None and owner.run != page.run and not dead(engine, owner):
            found[name] = owner
    return found


def refuse_foreign(engine: Engine, seen: shelf.Shelf, page: Journal) -> None:
    """Refuse to make a checkpoint that another run is making, or whose names are somebody's.

    Raises:
        Busy: one is.
        Refused: a database of such a name is nobody's.
    """
    for name in unclaimed(seen, page):
        raise Refused(
            f"the database {name} exists, and no save of ours is known to have made it",
            f"drop or rename it: a save needs that name ({NEXT} and {OLD})",
        )
    for name, owner in foreign(engine, seen, page).items():
        raise Busy(
            f"the database {name} belongs to a run that is not known to be dead: {owner}",
            journal.ELSEWHERE,
        )


def _drop(engine: Engine, runner: Runner, name: str) -> str:
    side = engine.settings.sandbox
    access = engine.access(side).maintenance
    result = change(runner, engine.database_command(side, access.psql(swap.drop(name)).text()))
    if result.exited != 0:
        raise failure(access, result, f"dropping {name}")
    return f"dropped {name}"


def _folders(engine: Engine, runner: Runner, seen: shelf.Shelf, page: Journal) -> list[str]:
    """The checkpoint's folders that no whole checkpoint names."""
    if not page.documents:
        return []
    parent = copies.shelf(page.documents, beside=page.beside)
    text = engine.documents_command(engine.settings.sandbox, copies.kept(parent))
    found = [f"{parent}/{name}" for name in records(observe(runner, text).stdout)]
    named = {one.documents.path for one in seen.checkpoints if one.documents is not None}
    ours = f"{parent}/{shelf.folder(seen.live, page.checkpoint, '')}"
    return [path for path in found if path.startswith(ours) and path not in named]


def _remove(engine: Engine, runner: Runner, path: str) -> tuple[str, ...]:
    """Remove a folder; a warning when it could not be."""
    text = copies.remove(path, guard_of(engine))
    result = change(runner, engine.documents_command(engine.settings.sandbox, text))
    require(result, f"removing {path}")
    return removal.left(result.stderr, engine.settings.sandbox)
