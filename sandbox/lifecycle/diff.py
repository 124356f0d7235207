"""Diff: what a rehearsal changed since a checkpoint, in the database and in the documents."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sandbox import envfile
from sandbox.engines import Engine, engine_for, ledger_for
from sandbox.errors import Interrupted
from sandbox.lifecycle import checks, journal, shelf
from sandbox.lifecycle.changes import TableDiff, tables
from sandbox.lifecycle.compare import Aim, Compared, compared
from sandbox.lifecycle.doc_changes import DocumentsDiff, documents
from sandbox.lifecycle.mask import Mask
from sandbox.lifecycle.runs import new_run
from sandbox.settings import Settings
from sandbox.shell import Runner, is_dry


@dataclass(frozen=True)
class DiffReport:
    """What differs; its fields are the JSON document's. Secrets are masked."""

    checkpoint: str
    saved: str
    sandbox: str
    url: str | None
    at: str  # ISO 8601, UTC
    different: bool  # a row, a column or a document is not what it was
    inserted: int
    changed: int
    deleted: int
    tables: tuple[TableDiff, ...]
    documents: DocumentsDiff | None  # None: none are configured, or the checkpoint has none
    sequences: dict[str, tuple[int | None, int | None]]  # moved numbers; they are no difference by themselves
    compared: dict[str, Any]  # tables, read, note: how many there are, how many had to be read, and why
    notes: tuple[str, ...]
    seconds: float


def diff(settings: Settings, runner: Runner, name: str, *, rows: bool, full: bool = False) -> DiffReport:
    """Compare the sandbox with a checkpoint; changes nothing.

    Args:
        settings: the sandbox's settings.
        runner: what runs the commands.
        name: the checkpoint's.
        rows: tell the rows, not only how many.
        full: compare everything, whatever could be known without.

    Raises:
        Busy: another run holds the sandbox.
        Interrupted: a run was cut off; what there is now is neither.
        Failed: there is no such checkpoint, or the sandbox changes faster than it is compared.
        SandboxError: a setting is missing, or something cannot be read.
    """
    shelf.checked(name)
    checks.refuse_mix_ups(settings, db_only=False)
    engine, ledger = engine_for(settings, new_run(settings), runner), ledger_for(settings, runner)
    if is_dry(runner):
        if journal.active(ledger):
            raise journal.busy(ledger)
        return compare(engine, runner, name, rows=rows, full=full)
    with journal.held(ledger, engine.run):
        return compare(engine, runner, name, rows=rows, full=full)


def compare(
    engine: Engine, runner: Runner, name: str, *, rows: bool = False, full: bool = False
) -> DiffReport:
    """As `diff`, for a run that holds the sandbox."""
    begun, at, settings = time.monotonic(), journal.now(), engine.settings
    if (cut := journal.left(ledger_for(settings, runner))) is not None:
        raise Interrupted(f"the {cut.strategy} {cut.run} was cut off", "run: inv recover")
    seen = shelf.look(engine, runner)
    one = seen.find(name)
    mask = Mask(envfile.read_secret(settings.files.key))
    with ThreadPoolExecutor(1) as beside:
        aim = Aim(one, seen.oid, seen.version, rows=rows, full=full)
        asked = beside.submit(documents, engine, runner, aim, mask)
        found = compared(engine, runner, aim)
        files = asked.result()
    unlike = tables(found.found, mask, rows=rows)
    return DiffReport(
        checkpoint=name,
        saved=one.saved,
        sandbox=settings.name,
        url=settings.sandbox.url,
        at=at,
        different=bool(unlike) or (files is not None and files.any),
        inserted=sum(table.inserted for table in unlike),
        changed=sum(table.changed for table in unlike),
        deleted=sum(table.deleted for table in unlike),
        tables=unlike,
        documents=files,
        sequences=_sequences(found),
        compared={
            "tables": len(found.choice.pairs) + len(found.choice.skipped),
            "read": len(found.choice.pairs),
            "note": found.choice.why,
        },
        notes=_notes(found, one, files),
        seconds=round(time.monotonic() - begun, 2),
    )


def _sequences(found: Compared) -> dict[str, tuple[int | None, int | None]]:
    before, after = found.kept.sequences, found.live.sequences
    names = sorted({*before, *after})
    return {n: (before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)}


def _notes(found: Compared, one: shelf.Checkpoint, files: DocumentsDiff | None) -> tuple[str, ...]:
    notes = []
    if found.live.dolibarr != found.kept.dolibarr:
        notes.append(
            f"Dolibarr was {found.kept.dolibarr or 'not there'}, it is {found.live.dolibarr or 'gone'} now"
        )
    unkeyed = [each.pair.name for each in found.found if not each.pair.key and (each.live or each.kept)]
    if unkeyed:
        notes.append(
            "without a common primary key, where a changed row is one deleted and one inserted:"
            f" {', '.join(unkeyed)}"
        )
    if files is None and one.documents is not None:
        notes.append("the checkpoint has documents, but none are configured now: they were not compared")
    return tuple(notes)
