"""The steps of a refresh, in order; the journal tells of each before it is done.

A dry run goes through the same steps with a runner that prints them, and without a journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sandbox import documents, removal, sync
from sandbox.engines import Engine
from sandbox.errors import Failed, SandboxError
from sandbox.lifecycle import journal, neutralize, record, stream, verify
from sandbox.lifecycle.arrival import Copied
from sandbox.lifecycle.interrupt import Interrupt
from sandbox.lifecycle.plan import Folders, Plan
from sandbox.lifecycle.progress import Progress, Snapshot, Watcher
from sandbox.lifecycle.remembered import Remembered
from sandbox.lifecycle.replaceable import guard_of, require_folder
from sandbox.lifecycle.strangers import Stranger
from sandbox.postgres import Access, failure, together
from sandbox.shell import Runner, change, is_dry, lines, observe, require

_PASSES = 4  # over prod's documents, which may change while they are copied


@dataclass(frozen=True)
class Outcome:
    """What the steps did."""

    tables: int = 0
    rows: int = 0
    bytes: int = 0
    unavailable_ms: int = 0
    documents: dict[str, Any] | None = None
    neutralized: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    strangers: tuple[Stranger, ...] = ()  # prod's, which did not travel
    base: str | None = None  # the checkpoint that it started from; None: all of prod was carried
    why_full: str = ""
    carried: dict[str, int] | None = None  # tables and rows that travelled
    remembered: Remembered | None = None  # of the copy, for the next refresh
    marked: bool = True  # the new database carries the run's mark


class Work:
    """What both strategies share."""

    def __init__(  # noqa: PLR0913, PLR0917  # one run's world
        self,
        engine: Engine,
        runner: Runner,
        plan: Plan,
        book: journal.Book | None,
        progress: Progress,
        interrupt: Interrupt,
    ) -> None:
        self.engine, self.runner, self.plan = engine, runner, plan
        self.book, self.progress, self.interrupt = book, progress, interrupt
        self.dry = is_dry(runner)
        self.side = engine.settings.sandbox
        self.live = engine.access(self.side)
        self.warnings = list(plan.warnings)
        self.snapshot = Snapshot()
        self.guard = guard_of(engine)
        self.mute = neutralize.script(engine.run, everything=engine.settings.refresh.neutralize)

    def do(self) -> Outcome:
        """Do all of it."""
        raise NotImplementedError

    def begin(self, stage: str, phase: str | None = None, **changes: Any) -> None:
        """A stage begins: unless somebody asked to end, write the journal, then tell."""
        self.interrupt.check()
        self.turn(phase or stage, **changes)
        self.progress.stage(stage)

    def turn(self, phase: str, **changes: Any) -> None:
        """Write the next phase into the journal."""
        if self.book is None:
            return
        if self.book.page is None:
            self.book.write(replace(self.first_page(phase), **changes))
        else:
            self.book.turn(phase, **changes)

    def expect_mark(self) -> None:
        """Before the copy is visible: its mark may be shown from now on."""
        if self.book is not None:
            record.expect(self.book.desk, self.engine.run)

    def first_page(self, phase: str) -> journal.Journal:
        """What the journal says before anything is changed."""
        names, folders = self.plan.names, self.plan.folders
        by_swap = self.plan.strategy == "swap"
        return journal.Journal(
            journal.holder(self.engine.run),
            self.plan.strategy,
            phase,
            database=self.live.address,
            next=names.next if by_swap else "",
            old=names.old if by_swap else "",
            documents=folders.sandbox.path if folders else "",
            beside=folders.sandbox.beside if folders else True,
        )

    def sql(self, access: Access, script: str, doing: str) -> dict[str, Any]:
        """Run a script that changes something on the sandbox's server; what it printed."""
        return self.told(access, access.psql(script).text(), doing)

    def told(self, access: Access, text: str, doing: str) -> dict[str, Any]:
        """Run a shell text that changes something on the sandbox's server; what its psql printed."""
        result = change(self.runner, self.engine.database_command(self.side, text))
        if result.exited != 0:
            raise neutralize.refused(result.stderr) or failure(access, result, doing)
        self.warnings += [line for line in lines(result.stderr) if "WARNING:" in line]
        return together(result.stdout)

    def shell(self, text: str, doing: str) -> None:
        """Run a text that changes the sandbox's documents."""
        require(change(self.runner, self.engine.documents_command(self.side, text)), doing)

    @property
    def check(self) -> verify.Verification:
        """How a copy is verified between these two servers."""
        prod, sandbox = self.plan.prod, self.plan.sandbox
        return verify.Verification.between(prod.version, sandbox.version, self.engine.settings.refresh.jobs)

    def copy(self, carried: stream.Stream, text: str, wanted: Mapping[str, int]) -> Copied:
        """Run a copy, with its progress."""
        prod = self.plan.prod
        watcher = Watcher(
            self.progress,
            prod.tables,
            prod.indexes,
            snapshot=self.snapshot.taken,
            unwatched=self._end_processes,
        )
        result = carried.carry(self.runner, text, watcher)
        if self.dry:
            return Copied(len(prod.tables), 0, 0, 0, 0, {})
        return carried.checked(result, wanted)

    def _end_processes(self) -> None:
        with suppress(SandboxError):  # the copy ends itself as well, as soon as prod lets it
            self.engine.end_processes(self.engine.run)

    def copy_documents(self, *, again: bool = False) -> dict[str, Any] | None:
        """Copy prod's documents to where they will be swapped from, and prove that all are there.

        Args:
            again: they were copied before, and that copy is brought up to date.
        """
        folders = self.plan.folders
        if folders is None:
            return None
        layout = folders.sandbox.layout()
        for number in range(1 if self.dry else _PASSES):
            result = change(self.runner, self._carried(folders, again=again or number > 0))
            self.interrupt.check()
            found = self._same(folders, layout) if result.exited == 0 and not self.dry else None
            if found is not None:
                return {"files": found.files, "bytes": found.bytes, "logo": self._logo(layout)}
        if self.dry:
            return {"files": 0, "bytes": 0, "logo": self.plan.prod.logo}
        require(result, "copying prod's documents")
        raise Failed(
            "prod's documents change faster than they are copied", "run it again when prod is quieter"
        )

    def _carried(self, folders: Folders, *, again: bool) -> str:
        """Shell text: copy the documents beside the live ones, or bring that copy up to date."""
        prod, path, live = self.engine.settings.prod, folders.prod.path, folders.sandbox
        if self.engine.documents_together:
            return self.engine.documents_command(
                self.side, documents.copy(path, live, self.guard, again=again)
            )
        # before the pipe: whoever receives may be there first
        begun = (
            ""
            if again
            else f"{{\n{self.engine.documents_command(self.side, sync.begun(live, self.guard))}}} && "
        )
        parts = (
            self.engine.documents_command(prod, sync.listed(path)),
            self.engine.documents_stream(self.side, sync.staged(live, self.guard)),
            self.engine.documents_stream(prod, sync.sent(path)),
            self.engine.documents_stream(self.side, sync.received(live)),
        )
        return begun + " | ".join(f"{{\n{part}}}" for part in parts)

    def _same(self, folders: Folders, layout: documents.Layout) -> documents.Manifest | None:
        """The copy's manifest, when it is prod's."""
        asked = ((self.engine.settings.prod, folders.prod.path), (self.side, layout.next))
        texts = [self.engine.documents_command(side, documents.manifest(path)) for side, path in asked]
        prods, ours = (documents.read_manifest(observe(self.runner, text).stdout) for text in texts)
        return ours if prods == ours else None

    def _logo(self, layout: documents.Layout) -> str | None:
        logo = self.plan.prod.logo
        if not logo:
            return None
        text = documents.has(layout.next, f"mycompany/logos/{logo}")
        if not observe(self.runner, self.engine.documents_command(self.side, text)).stdout:
            self.warnings.append(f"prod's logo {logo} is not among its documents")
        return logo

    def adopt_documents(self) -> None:
        """Judge the live folder again, before the database is replaced; mark it, if it was adopted."""
        if self.plan.folders is None:
            return
        live = self.plan.folders.sandbox
        if self.plan.adopted:
            self.shell(documents.adopt(live, self.guard, self.plan.adopted), "marking the documents folder")
        else:
            require_folder(self.engine, self.runner, live)

    def swap_documents(self) -> None:
        """Put the copied documents in place."""
        if self.plan.folders is not None:
            layout = self.plan.folders.sandbox.layout()
            self.shell(documents.finish(layout, self.guard), "swapping the documents")

    def discarding_documents(self) -> str:
        """Shell text that removes the replaced ones; empty when there are none."""
        if self.plan.folders is None:
            return ""
        layout = self.plan.folders.sandbox.layout()
        text = documents.discard(layout, self.guard, self.engine.run)
        return self.engine.documents_command(self.side, text)

    def discard_documents(self) -> None:
        """Remove the replaced ones."""
        if text := self.discarding_documents():
            result = change(self.runner, text)
            require(result, "removing the old documents")
            self.warnings += removal.left(result.stderr, self.side)

    def outcome(self, copied: Copied, told: Mapping[str, Any], **facts: Any) -> Outcome:
        """The report's facts."""
        remembered = copied.told.get("remembered")
        return Outcome(
            remembered=Remembered.told(self.engine.run, remembered) if remembered else None,
            strangers=self.plan.prod.left.strangers,
            tables=copied.tables,
            rows=copied.rows,
            bytes=told.get("bytes", 0),
            neutralized=tuple(told.get("neutralized") or ()),
            warnings=tuple(self.warnings),
            **facts,
        )
