"""List the checkpoints that a sandbox has, and forget one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.engines import engine_for
from sandbox.lifecycle import checkpoint, consent, shelf, swap, tidy
from sandbox.lifecycle.observe import constants
from sandbox.lifecycle.progress import Silent
from sandbox.lifecycle.shelf import Checkpoint
from sandbox.lifecycle.steps import started
from sandbox.settings import Settings
from sandbox.shell import Runner


@dataclass(frozen=True)
class Listed:
    """One checkpoint, as `checkpoints` shows it."""

    name: str
    saved: str  # ISO 8601, UTC
    age_seconds: int
    database_bytes: int
    documents_bytes: int
    documents_files: int
    dolibarr: str | None
    armed: bool | None
    refresh: str | None  # the run of the refresh that its state comes from
    refreshed: str | None  # when that ended
    of_this_refresh: bool  # the live sandbox comes from the same refresh


@dataclass(frozen=True)
class ShelfReport:
    """What `checkpoints` found; its fields are the JSON document's."""

    sandbox: str
    checkpoints: tuple[Listed, ...]
    unfinished: tuple[str, ...]  # databases that a cut-off run left; `recover` removes them


@dataclass(frozen=True)
class ForgetReport:
    """What `forget` removed; its fields are the JSON document's."""

    checkpoint: str
    dry: bool
    database_bytes: int
    documents_bytes: int
    warnings: tuple[str, ...] = ()


def listed(settings: Settings, runner: Runner) -> ShelfReport:
    """List the checkpoints; reads only.

    Raises:
        UsageError: no engine or no database is configured.
        Unreachable: the server does not answer.
    """
    engine = engine_for(settings, runner=runner)
    seen = shelf.look(engine, runner)
    mark = constants(engine, runner).get("mark")
    found = tuple(_listed(one, mark) for one in seen.checkpoints)
    return ShelfReport(settings.name, found, (*seen.others, *seen.broken))


def _listed(one: Checkpoint, mark: Any) -> Listed:
    age = datetime.now(UTC) - datetime.fromisoformat(one.saved)
    return Listed(
        name=one.name,
        saved=one.saved,
        age_seconds=max(0, round(age.total_seconds())),
        database_bytes=one.bytes,
        documents_bytes=one.documents.bytes if one.documents else 0,
        documents_files=one.documents.files if one.documents else 0,
        dolibarr=one.version,
        armed=one.armed,
        refresh=one.refresh,
        refreshed=one.refreshed,
        of_this_refresh=one.refresh == mark,
    )


def forget(settings: Settings, runner: Runner, name: str, *, yes: bool) -> ForgetReport:
    """Remove a checkpoint; the live sandbox is not touched.

    Args:
        settings: the sandbox's settings.
        runner: what runs the commands.
        name: the checkpoint's.
        yes: consent to losing it.

    Raises:
        Refused: without consent; nothing was changed.
        Busy: another run holds the sandbox.
        Failed: there is no such checkpoint; the message names those that there are.
        SandboxError: it cannot be removed; it can be tried again.
    """
    shelf.checked(name)
    with started(settings, runner, Silent()) as steps:
        seen = shelf.look(steps.engine, runner)
        database = f"{seen.live}{shelf.BETWEEN}{name}"
        one = next((one for one in seen.checkpoints if one.name == name), None)
        if one is None and database not in seen.broken:
            raise seen.unknown(name)
        if not yes:
            raise consent.forgetting(name, one)
        folder = checkpoint.live_folder(steps.engine, runner)
        page = checkpoint.first_page(steps, "forget", folder, checkpoint=name)
        steps.begin(page)
        steps.sql(steps.live.maintenance, swap.drop(database), f"dropping {database}")
        warnings = tidy.tidy(steps.engine, runner, page).warnings
    kept = one.documents if one else None
    return ForgetReport(name, steps.dry, one.bytes if one else 0, kept.bytes if kept else 0, warnings)
