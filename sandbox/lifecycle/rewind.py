"""Rewind: put the sandbox back to a checkpoint; it is at every moment the old one or the rewound one.

What takes time happens beside the live sandbox, at once: the server copies the checkpoint's database, the
documents are copied, and what the armed check needs is loaded.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from sandbox import copies, documents
from sandbox.errors import Busy, ExitCode, Failed, Refused
from sandbox.lifecycle import arms, checkpoint, copying, plan, shelf, swap
from sandbox.lifecycle.observe import NEXT, OLD, observe_sandbox
from sandbox.lifecycle.progress import Progress, Silent
from sandbox.lifecycle.shelf import Checkpoint, Origin
from sandbox.lifecycle.steps import Steps, started
from sandbox.postgres import identifier, literal
from sandbox.settings import Settings
from sandbox.shell import Runner, change, observe


@dataclass(frozen=True)
class RewindReport:
    """What a rewind did; its fields are the JSON document's."""

    checkpoint: str
    dry: bool
    saved: str
    database_bytes: int
    documents: dict[str, int] | None  # files, bytes; None: left as they were
    unavailable_ms: int  # for how long the sandbox could not answer
    armed: bool | None  # None: the ERP did not answer
    agent: str  # the same in words
    seconds: float
    warnings: tuple[str, ...]
    exit_code: int
    next_step: str


def consent(settings: Settings, name: str) -> Refused:
    """The refusal that names what a rewind would lose; asks nothing and touches nothing."""
    side = settings.sandbox
    places = []
    if side.database is not None:
        places.append(f"the database {side.database.name}@{side.database.host}:{side.database.port}")
    if side.documents is not None:
        places.append(f"the documents in {side.documents}")
    where = f" behind {side.url}" if side.url else ""
    flags = "" if name == shelf.BASELINE else f" --name {name}"
    return Refused(
        f"without --yes nothing is done; {settings.name} would lose everything since the checkpoint {name} in"
        f" {' and '.join(places) or 'its database'}{where}",
        f"look at it: inv diff{flags}; then: inv rewind{flags} --yes",
    )


def rewind(
    settings: Settings, runner: Runner, name: str, *, yes: bool, progress: Progress | None = None
) -> RewindReport:
    """Put the sandbox back to a checkpoint.

    Raises:
        Refused: without consent; nothing was touched.
        Busy: another run holds the sandbox.
        Failed: there is no such checkpoint, or it failed; the sandbox is what it was.
        SandboxError: a setting or a right is missing, or a server does not answer.
    """
    shelf.checked(name)
    if not yes:
        raise consent(settings, name)
    begun = time.monotonic()
    with started(settings, runner, progress or Silent()) as steps, ThreadPoolExecutor(3) as side_by_side:
        work = _Rewinding(steps, name, side_by_side)
        work.do()
    code, step = _verdict(work.goal, work.armed)
    return RewindReport(
        checkpoint=name,
        dry=steps.dry,
        saved=work.goal.saved,
        database_bytes=work.goal.bytes,
        documents=work.documents,
        unavailable_ms=work.away,
        armed=work.armed.armed,
        agent=work.armed.words,
        seconds=round(time.monotonic() - begun, 2),
        warnings=tuple(work.warnings),
        exit_code=int(ExitCode.DONE if steps.dry else code),
        next_step="" if steps.dry else step,
    )


def _verdict(goal: Checkpoint, armed: arms.Armed) -> tuple[ExitCode, str]:
    """The exit code, and what mends it; a checkpoint without an armed agent is to have none."""
    if armed.armed:
        return ExitCode.DONE, ""
    if armed.armed is None:
        code = ExitCode.UNREACHABLE if goal.armed else ExitCode.DONE
        return code, "check the URL, the network and that the sandbox runs, then: inv status"
    if not goal.armed:
        return ExitCode.DONE, "the agent was not armed when this was saved; run: inv provision"
    if goal.fingerprint is not None and not armed.has(goal.fingerprint):
        return armed.exit_code, (
            "the key file holds another key than the one this checkpoint was saved with; run: inv provision,"
            f" then: inv save --name {goal.name}"
        )
    return armed.exit_code, "run: inv status"


class _Rewinding:
    """One rewind, step by step."""

    def __init__(self, steps: Steps, name: str, side_by_side: ThreadPoolExecutor) -> None:
        self.steps, self.side_by_side = steps, side_by_side
        self.engine, self.runner = steps.engine, steps.runner
        steps.progress.stage("look")
        looks = (
            side_by_side.submit(shelf.look, self.engine, self.runner),
            side_by_side.submit(checkpoint.live_folder, self.engine, self.runner),
        )
        self.sandbox = observe_sandbox(self.engine, self.runner)
        self.goal = looks[0].result().find(name)
        self.folder = looks[1].result()
        checkpoint.check_rights(self.engine, self.sandbox)
        for neighbour in self.sandbox.neighbours:
            raise plan.not_ours(neighbour)
        if self.sandbox.strangers:
            raise Busy(
                f"another run works on the sandbox's databases: {', '.join(self.sandbox.strangers)}",
                "wait until it ends; it was started from another folder or machine",
            )
        live = steps.live.database.name
        self.names = swap.Names(live, live + NEXT, live + OLD)
        self.documents = self._kept()
        self.warnings: list[str] = []
        self.away = 0
        self.armed = arms.Armed(None, "not asked")
        if self.folder is not None and self.documents is None:
            self.warnings.append("the checkpoint has no documents: they were left as they are")

    def _kept(self) -> dict[str, int] | None:
        """What of the documents will come back."""
        kept = self.goal.documents
        if kept is None or self.folder is None:
            return None
        text = documents.existing(f"{kept.path}/files", *self.folder.layout().others)
        found = observe(self.runner, self.engine.documents_command(self.steps.settings.sandbox, text)).stdout
        here = found.splitlines()
        if f"{kept.path}/files" not in here:
            raise Failed(
                f"the documents of checkpoint {self.goal.name} are not there: {kept.path}",
                f"inv forget --name {self.goal.name}, and save a new one",
            )
        for path in here[1:]:
            raise Refused(f"{path} exists, and no run of ours is known to have made it", "move or remove it")
        return {"files": kept.files, "bytes": kept.bytes}

    def do(self) -> None:
        """Do all of it."""
        steps, names = self.steps, self.names
        page = checkpoint.first_page(
            steps,
            "rewind",
            self.folder if self.documents else None,
            next=names.next,
            old=names.old,
            oid=self.sandbox.identity.oid,
            checkpoint=self.goal.name,
        )
        steps.begin(page)
        steps.turn("back")
        told = self._beside()
        steps.turn("swap")
        noted = [self.side_by_side.submit(self._note_origin, told)] if told else []
        try:
            self.away = self._exchange((copying.claim(self.engine.run), self.sandbox.comment))
        finally:
            wait(noted)
        self._finish()

    def _beside(self) -> dict[str, Any]:
        """Copy database and documents beside the live ones, at once."""
        tasks: list[Future[Any]] = [self.side_by_side.submit(arms.prepare)]
        if self.documents is not None:
            tasks.append(self.side_by_side.submit(self._copy_documents))
        try:
            told = self._copy_database()
        finally:
            wait(tasks)  # nothing of ours runs on when this is over
        for task in tasks:
            task.result()
        return told

    def _copy_database(self) -> dict[str, Any]:
        seen = self.sandbox
        order = copying.Copy(
            source=self.goal.database(self.names.live),
            oid=self.goal.oid,
            target=self.names.next,
            owner=seen.owner,
            version=seen.version,
            comment=copying.claim(self.engine.run),
            more=swap.finish(self.names, seen.privileges, seen.settings),
        )
        return copying.copied(self.engine, self.runner, order)

    def _copy_documents(self) -> None:
        kept, live = self.goal.documents, self.folder
        if kept is not None and live is not None:
            self.steps.shell(copies.restore(kept.path, live), "copying the checkpoint's documents")

    def _note_origin(self, told: dict[str, Any]) -> None:
        """Write on the checkpoint since when the next database, and its documents, may differ from it.

        This only lets `diff` read less: what fails here costs time and nothing else.
        """
        live, following = self.sandbox.identity.oid, int(told["oid"])
        if self.documents is not None and self.goal.documents is not None:
            text = copies.set_mark(self.goal.documents.path, following, live)
            self.steps.shell(text, "marking the checkpoint's documents")
        origin = Origin(int(told["xid"]), told["epoch"])
        noted = shelf.with_origin(self.goal, following, origin, (live, following))
        name = identifier(self.goal.database(self.names.live))
        script = f"COMMENT ON DATABASE {name} IS {literal(noted.comment())};\n"
        self.steps.sql(self.steps.live.maintenance, script, "writing on the checkpoint")

    def _exchange(self, comments: tuple[str, str | None]) -> int:
        """Swap the databases; for how long the sandbox had none, in milliseconds."""
        oid = self.sandbox.identity.oid
        if self.steps.dry:
            change(self.runner, swap.exchange(self.engine, self.names, oid, comments))
            return 0
        return swap.swap(self.engine, self.runner, self.names, oid, comments)

    def _finish(self) -> None:
        """Put the documents in place, and drop what was replaced while the ERP is asked who the agent is."""
        steps, folder = self.steps, self.folder if self.documents is not None else None
        if folder is not None:
            steps.shell(documents.finish(folder.layout()), "swapping the documents")
        steps.turn("clean")
        asked = None if steps.dry else self.side_by_side.submit(arms.look, steps.settings)
        steps.sql(steps.live.maintenance, swap.drop(self.names.old), f"dropping {self.names.old}")
        if folder is not None:
            steps.shell(documents.discard(folder.layout()), "removing the old documents")
        self.armed = asked.result() if asked else arms.Armed(None, "not asked in a dry run")
