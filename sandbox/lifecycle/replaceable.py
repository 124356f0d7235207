"""What of the sandbox's a run may replace: its documents, by the guard, and its database, by its mark."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox import documents, removal
from sandbox.engines import Engine
from sandbox.errors import Failed, Refused
from sandbox.guard import REFUSED, Guard, Judgement, Mark, own_places
from sandbox.lifecycle.observe import Sandbox
from sandbox.settings import Settings, Side
from sandbox.shell import Runner, observe


def guard_of(engine: Engine) -> Guard:
    """The guard for the sandbox's folders, where they are."""
    settings, around = engine.settings, []
    if engine.documents_together and settings.prod.documents is not None:
        around.append(str(settings.prod.documents))
    kept: tuple[str, ...] = ()
    if engine.documents_here:
        around += own_places()
        kept = tuple(str(path) for path in _kept(settings))
    database = settings.sandbox.database
    return Guard(database.name if database else "", engine.run, kept, tuple(around))


def _kept(settings: Settings) -> list[Path]:
    """Files and folders of this machine without which nothing works, or that are secret."""
    files, root = settings.files, settings.root
    found = [root, root / "tasks.py", root / "invoke.yaml", *settings.sources]
    found += [files.state, files.credentials, files.key, files.env]
    optional = (
        settings.postgres.passwords,
        settings.postgres.programs,
        settings.refresh.script,
        settings.browser.executable,
        os.environ.get("PGPASSFILE"),
        *os.environ.get("KUBECONFIG", "").split(os.pathsep),
    )
    return found + [Path(path).absolute() for path in optional if path]


def is_ours(sandbox: Sandbox) -> bool:
    """Whether the live database may be replaced: a run of ours made it, or nothing is in it."""
    return sandbox.mark is not None or sandbox.empty


def require_database(settings: Settings, sandbox: Sandbox) -> None:
    """Refuse a live database that no run of ours made.

    Raises:
        Refused: it has something in it, and no mark.
    """
    if not is_ours(sandbox):
        database = settings.sandbox.database
        raise Refused(
            f"the sandbox's database {database.name if database else ''} carries no mark of a run of ours",
            "if it is the sandbox and may be lost: inv refresh --yes --adopt",
        )


def refuse_swapped(settings: Settings, prod: documents.Look) -> None:
    """Refuse a prod folder that a run of ours made for a sandbox.

    Raises:
        Refused: it carries a sandbox's mark.
    """
    mark = Mark.read(prod.mark)
    if prod.mark:
        of = f" of the database {mark.database}" if mark else ""
        raise Refused(
            f"prod's documents folder {prod.path} carries the mark of a sandbox{of}: the sides look swapped",
            f"check {settings.name}.prod.documents and {settings.name}.documents",
        )


def in_the_way(path: str, side: Side) -> Refused:
    """The refusal to make a copy where something is already."""
    return Refused(
        f"{path} exists, and no run of ours is known to have made it",
        f"what a run of ours left goes by: inv recover; what stays, {removal.command(path, side)}",
    )


def judged(engine: Engine, runner: Runner, live: documents.Look) -> Judgement | None:
    """Why the live documents folder may not be replaced; None when it may. Reads only.

    Raises:
        Failed: it could not be judged.
    """
    text = guard_of(engine).before(live.path)
    told = observe(runner, engine.documents_command(engine.settings.sandbox, text))
    if told.exited == 0:
        return None
    found = Judgement.read(told.stderr)
    if found is None or told.exited != REFUSED:
        said = told.stderr.strip() or "it was cut off"
        raise Failed(f"judging the documents folder {live.path} failed ({told.exited}): {said}")
    return found


def require_folder(engine: Engine, runner: Runner, live: documents.Look, *, unmarked: bool = False) -> None:
    """Refuse a documents folder that may not be replaced.

    Args:
        engine: where it is.
        runner: what runs the commands.
        live: the folder.
        unmarked: one that a person might adopt will do.

    Raises:
        Refused: it breaks a rule; the message names the folder, as written and as resolved, and the rule.
    """
    found = judged(engine, runner, live)
    if found is not None and not (unmarked and found.adoptable):
        raise found.refused(engine.settings.sandbox.written)
