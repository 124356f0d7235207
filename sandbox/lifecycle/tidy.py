"""Remove what saving or forgetting a checkpoint left: half a copy, or what a whole one replaced."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox import copies
from sandbox.engines import Engine
from sandbox.errors import Busy, Failed
from sandbox.lifecycle import shelf, swap
from sandbox.lifecycle.journal import Journal
from sandbox.lifecycle.observe import NEXT, OLD, Neighbour
from sandbox.lifecycle.plan import claimant, dead
from sandbox.postgres import failure
from sandbox.shell import Runner, change, observe


@dataclass(frozen=True)
class Tidied:
    """What was found on the shelf afterwards, and what was removed."""

    shelf: shelf.Shelf
    actions: tuple[str, ...]


def tidy(engine: Engine, runner: Runner, page: Journal) -> Tidied:
    """Remove the unfinished and replaced copies of one checkpoint; a whole one stays.

    Args:
        engine: where they are.
        runner: what runs the commands.
        page: the journal of the run that names the checkpoint and the documents folder.

    Raises:
        Busy: one of them belongs to a run that is not known to be dead.
        SandboxError: one of them cannot be removed.
    """
    seen = shelf.look(engine, runner)
    gone = [name for name in _databases(seen, page) if name in seen.others or name in seen.broken]
    for name in gone:
        _refuse_others(name, seen.others.get(name), page)
    actions = [_drop(engine, runner, name) for name in gone]
    actions += [_remove(engine, runner, path) for path in _folders(engine, runner, seen, page)]
    return Tidied(seen, tuple(actions))


def _databases(seen: shelf.Shelf, page: Journal) -> list[str]:
    name = f"{seen.live}{shelf.BETWEEN}{page.checkpoint}"
    return [name + NEXT, name + OLD, *(broken for broken in seen.broken if broken == name)]


def _refuse_others(name: str, comment: str | None, page: Journal) -> None:
    owner = claimant(Neighbour(name, comment))
    # one without a claim was cut off between two statements
    if owner is not None and owner.run != page.run and not dead(owner):
        raise Busy(
            f"the database {name} belongs to a run that is not known to be dead: {owner}",
            f"wait; if that run is dead, recover it from its own folder, or drop {name}",
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
    found = [f"{parent}/{name}" for name in observe(runner, text).stdout.splitlines()]
    named = {one.documents.path for one in seen.checkpoints if one.documents is not None}
    ours = f"{parent}/{shelf.folder(seen.live, page.checkpoint, '')}"
    return [path for path in found if path.startswith(ours) and path not in named]


def _remove(engine: Engine, runner: Runner, path: str) -> str:
    result = change(runner, engine.documents_command(engine.settings.sandbox, copies.remove(path)))
    if result.exited != 0:
        raise Failed(f"removing {path} failed ({result.exited}): {result.stderr.strip() or 'no message'}")
    return f"removed {path}"
