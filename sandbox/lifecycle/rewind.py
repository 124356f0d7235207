"""Rewind: put the sandbox back to a checkpoint; it is at every moment the old one or the rewound one.

What takes time happens beside the live sandbox, at once: the server copies the checkpoint's database, the
documents are copied, and what the armed check needs is loaded.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from sandbox.errors import Busy, ExitCode, Refused
from sandbox.lifecycle import (
    arms,
    checkpoint,
    copying,
    database_rights,
    grants,
    plan,
    record,
    shelf,
    strangers,
    swap,
)
from sandbox.lifecycle.observe import NEXT, OLD
from sandbox.lifecycle.progress import Progress, Silent
from sandbox.lifecycle.replaceable import require_database
from sandbox.lifecycle.rewind_files import Files
from sandbox.lifecycle.shelf import Checkpoint, Origin
from sandbox.lifecycle.steps import Steps, started
from sandbox.postgres import identifier, literal
from sandbox.settings import Settings
from sandbox.shell import Runner, change


@dataclass(frozen=True)
class RewindReport:
    """What a rewind did; its fields are the JSON document's."""

    checkpoint: str
    dry: bool
    saved: str
    database_bytes: int
    documents: dict[str, int] | None  # files, bytes; None: left as they were
    unavailable_ms: int  # for how long the sandbox could not answer
    armed: bool | None  # None: the ERP did not answer, or is not known to serve this database
    proven: bool | None  # the URL serves this database; asked of an agent whose key works
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
        documents=work.files.report if work.files else None,
        unavailable_ms=work.away,
        armed=work.armed.armed,
        proven=work.armed.proven,
        agent=work.armed.words,
        seconds=round(time.monotonic() - begun, 2),
        warnings=(*work.warnings, *(work.files.warnings if work.files else ())),
        exit_code=int(ExitCode.DONE if steps.dry else code),
        next_step="" if steps.dry else step,
    )


def _verdict(goal: Checkpoint, armed: arms.Armed) -> tuple[ExitCode, str]:
    """The exit code, and what mends it; a checkpoint without an armed agent is to have none."""
    if armed.armed:
        return ExitCode.DONE, ""
    if armed.doubt:
        return ExitCode.DONE if armed.proven is None else ExitCode.NOT_ARMED, armed.next_step
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
        side_by_side.submit(arms.prepare)
        looked = side_by_side.submit(checkpoint.live_folder, self.engine, self.runner)
        live = steps.live.database.name
        self.sandbox, told = steps.sandbox(shelf.script(live) + strangers.SCRIPT)
        self.goal = shelf.read(live, told).find(name)
        checkpoint.check_rights(self.engine, self.sandbox)
        require_database(steps.settings, self.sandbox)
        for neighbour in self.sandbox.neighbours:
            raise plan.not_ours(neighbour)
        if self.sandbox.runs:
            raise Busy(
                f"another run works on the sandbox's databases: {', '.join(self.sandbox.runs)}",
                "wait until it ends; it was started from another folder or machine",
            )
        database_rights.refuse_settings(self.engine, self.runner, live, self.sandbox.settings)
        strangers.refuse(told, "rewind", self.sandbox.owner)
        self.names = swap.Names(live, live + NEXT, live + OLD)
        self.files = Files.of(steps, self.goal, looked.result(), self.sandbox.identity.oid)
        self.warnings: list[str] = []
        self.away = 0
        self.armed = arms.Armed(None, "not asked")
        if looked.result() is not None and self.files is None:
            self.warnings.append("the checkpoint has no documents: they were left as they are")

    def do(self) -> None:
        """Do all of it."""
        steps, names = self.steps, self.names
        page = checkpoint.first_page(
            steps,
            "rewind",
            self.files.live if self.files else None,
            next=names.next,
            old=names.old,
            oid=self.sandbox.identity.oid,
            checkpoint=self.goal.name,
        )
        steps.begin(page)
        steps.turn("back")
        told = self._beside()
        self._carry_grants()
        steps.turn("swap")
        if steps.book is not None:
            record.expect(steps.book.desk, self.goal.refresh)
        noted = [self.side_by_side.submit(self._note_origin, told)] if told else []
        try:
            self.away = self._exchange((copying.claim(self.engine.run), self.sandbox.comment))
        finally:
            wait(noted)
        if self.files is not None:
            self.files.swap()
        steps.turn("clean")
        if steps.book is not None:
            record.settle(steps.book.desk, self.goal.refresh)
        self._clean()

    def _beside(self) -> dict[str, Any]:
        """Copy database and documents beside the live ones, at once."""
        tasks: list[Future[Any]] = []
        if self.files is not None:
            tasks.append(self.side_by_side.submit(self.files.stage))
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
            more=database_rights.carry(self.names.live, self.names.next, seen.privileges, seen.settings),
            busy=False,
        )
        return copying.copied(self.engine, self.runner, order)

    def _carry_grants(self) -> None:
        """Others may do in it what they may do now, not what they could when it was saved."""
        live, owner = self.steps.live, self.sandbox.owner
        following = live.named(self.names.next)
        role = "" if owner == self.sandbox.user else owner
        result = change(self.runner, grants.carry(self.engine, live, following, role))
        if result.exited != 0:
            raise grants.why(following, result)

    def _note_origin(self, told: dict[str, Any]) -> None:
        """Write on the checkpoint since when the next database may differ from it.

        This only lets `diff` read less: what fails here costs time and nothing else.
        """
        live, following = self.sandbox.identity.oid, int(told["oid"])
        origin = Origin(int(told["xid"]), told["epoch"], mark=self.files.mark if self.files else "")
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

    def _clean(self) -> None:
        """Drop what was replaced, while the ERP is asked who the agent is."""
        steps = self.steps
        asked = None if steps.dry else self.side_by_side.submit(arms.look, self.engine, self.runner)
        tasks = [self.side_by_side.submit(self.files.clean)] if self.files else []
        try:
            steps.sql(steps.live.maintenance, swap.drop(self.names.old), f"dropping {self.names.old}")
        finally:
            wait(tasks)
        for task in tasks:
            task.result()
        self.armed = asked.result() if asked else arms.Armed(None, "not asked in a dry run")
        if self.armed.doubt:
            self.warnings.append(self.armed.doubt)
