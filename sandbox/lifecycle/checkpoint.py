"""Save the sandbox's state beside it: the server copies the database, and the documents follow."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sandbox import copies, documents
from sandbox.engines import Engine
from sandbox.engines.ledger import LAST, readable
from sandbox.errors import Failed, Refused, UsageError
from sandbox.lifecycle import arms, consent, copying, facts, journal, plan, record, shelf, swap, tidy
from sandbox.lifecycle.observe import NEXT, OLD, Sandbox
from sandbox.lifecycle.progress import Progress, Silent
from sandbox.lifecycle.replaceable import guard_of, require_folder
from sandbox.lifecycle.shelf import Checkpoint, Kept
from sandbox.lifecycle.steps import Steps, started
from sandbox.postgres import identifier, literal
from sandbox.settings import Settings
from sandbox.shell import Runner, observe

_PASSES = 4  # over documents that change while they are copied


@dataclass(frozen=True)
class SaveReport:
    """What `save` did; its fields are the JSON document's."""

    checkpoint: str
    dry: bool
    replaced: bool
    saved: str
    database_bytes: int
    documents: dict[str, int] | None  # files, bytes
    dolibarr: str | None
    refresh: str | None
    armed: bool | None
    proven: bool | None  # the URL serves this database; asked of an agent whose key works
    seconds: float
    warnings: tuple[str, ...] = ()


def save(
    settings: Settings, runner: Runner, name: str, *, yes: bool, progress: Progress | None = None
) -> SaveReport:
    """Save database and documents as a checkpoint; an older one of that name stays until this one is whole.

    New connections to the sandbox wait while the server copies; sessions that stay open are ended.

    Args:
        settings: the sandbox's settings.
        runner: what runs the commands.
        name: the checkpoint's.
        yes: consent to replacing an older checkpoint of that name.
        progress: who is told how far it is.

    Raises:
        Refused: there is one of that name and no consent; nothing was changed.
        Busy: another run holds the sandbox.
        UsageError: the name is none, or the role may not create databases.
        SandboxError: it failed; the sandbox and the older checkpoint are as they were.
    """
    shelf.checked(name, settings.sandbox.database.name if settings.sandbox.database else "")
    begun = time.monotonic()
    with started(settings, runner, progress or Silent()) as steps:
        saving = _Saving(steps, name)
        if saving.before is not None and not yes:
            raise consent.replacing(steps.engine, steps.runner, saving.before)
        made = saving.do()
    return SaveReport(
        checkpoint=name,
        dry=steps.dry,
        replaced=saving.before is not None,
        saved=made.saved,
        database_bytes=made.bytes,
        documents={"files": made.documents.files, "bytes": made.documents.bytes} if made.documents else None,
        dolibarr=made.version,
        refresh=made.refresh,
        armed=made.armed,
        proven=saving.armed.proven,
        seconds=round(time.monotonic() - begun, 2),
        warnings=(*saving.warnings, *filter(None, [saving.armed.doubt])),
    )


class _Saving:
    """One save, step by step."""

    def __init__(self, steps: Steps, name: str) -> None:
        self.steps, self.name = steps, name
        self.engine, self.runner = steps.engine, steps.runner
        self.side = steps.settings.sandbox
        live = steps.live.database.name
        self.sandbox, told = steps.sandbox(shelf.script(live))
        check_rights(self.engine, self.sandbox)
        self.seen = shelf.read(live, told)
        self.before = next((one for one in self.seen.checkpoints if one.name == name), None)
        self.database = f"{self.seen.live}{shelf.BETWEEN}{name}"
        if self.database in self.seen.others:
            raise Refused(
                f"the database {self.database} exists, and no save of this version made it",
                "drop or rename it, or choose another name",
            )
        self.warnings: tuple[str, ...] = ()
        self.folder = live_folder(self.engine, self.runner)
        if self.folder is not None:  # a copy is made beside or in it, and none of a home or of prod's
            require_folder(self.engine, self.runner, self.folder, unmarked=True)
        self.armed = arms.Armed(None, "not asked")

    def do(self) -> Checkpoint:
        """Do all of it."""
        steps = self.steps
        armed = self.armed = arms.look(self.engine, self.runner)
        if steps.book is not None:
            record.settle(steps.book.desk, self.sandbox.mark)
        page = first_page(steps, "save", self.folder, checkpoint=self.name)
        tidy.refuse_foreign(self.engine, self.seen, page)
        steps.begin(page)
        steps.turn("clear")
        tidy.tidy(self.engine, self.runner, page)  # what a run left whose journal is lost
        before = facts.look(self.engine, self.runner, steps.live, self.sandbox.version)
        steps.turn("keep")
        size = self._copy_database()
        made = Checkpoint(
            name=self.name,
            saved=journal.now(),
            run=self.engine.run,
            refresh=self.sandbox.mark,
            refreshed=_refreshed(steps, self.sandbox.mark),
            version=before.dolibarr,
            bytes=size,
            armed=armed.armed,
            fingerprint=armed.fingerprint(),
            documents=self._copy_documents(),
            origins={str(self.sandbox.identity.oid): before.origin(self.engine.run)},
        )
        steps.turn("shelve")
        steps.sql(steps.live.maintenance, self._shelve(made), f"putting {self.name} on the shelf")
        self.warnings = tidy.tidy(self.engine, self.runner, page).warnings
        return made

    def _copy_database(self) -> int:
        seen = self.sandbox
        order = copying.Copy(
            source=self.seen.live,
            oid=seen.identity.oid,
            target=self.database + NEXT,
            owner=seen.owner,
            version=seen.version,
            comment=copying.claim(self.engine.run),
        )
        return int(copying.copied(self.engine, self.runner, order).get("bytes", 0))

    def _copy_documents(self) -> Kept | None:
        live = self.folder
        if live is None:
            return None
        parent = copies.shelf(live.path, beside=live.beside)
        path = f"{parent}/{shelf.folder(self.seen.live, self.name, self.engine.run)}"
        for _ in range(_PASSES):
            text = copies.keep(live, path, self.engine.run, guard_of(self.engine))
            self.steps.shell(text, "copying the documents")
            if self.steps.dry:
                return Kept(path, 0, 0)
            found, kept = self._contents(live.path, f"{path}/files")
            if found == kept:
                sizes = [size for kind, size, *_ in kept.values() if kind == "f"]
                text = self.engine.documents_command(self.side, copies.state(f"{path}/files"))
                state = copies.read_state(observe(self.runner, text).stdout)
                return Kept(path, len(sizes), sum(sizes), state)
        raise Failed(
            "the documents change faster than they are copied", "run it again when the sandbox is quieter"
        )

    def _contents(self, *folders: str) -> list[dict[str, tuple[str, int, str, str]]]:
        text = self.engine.documents_command(self.side, copies.listings(*folders))
        *both, _ = copies.read_listings(observe(self.runner, text).stdout)
        return [{path: entry.content for path, entry in found.items()} for found in both]

    def _shelve(self, made: Checkpoint) -> str:
        """SQL: the new copy takes the name in one transaction; the one that had it is left to be removed."""
        new, old, name = (identifier(self.database + end) for end in (NEXT, OLD, ""))
        aside = ""
        if self.before is not None:
            aside = (
                f"COMMENT ON DATABASE {name} IS {literal(copying.claim(self.engine.run))};\n"
                f"ALTER DATABASE {name} RENAME TO {old};\n"
            )
        ours = ", ".join(literal(self.database + end) for end in (NEXT, ""))
        return (
            f"BEGIN;\n{swap.end_sessions(f'datname IN ({ours})', 1.0)}{aside}"
            f"COMMENT ON DATABASE {new} IS {literal(made.comment())};\n"
            f"ALTER DATABASE {new} SET default_transaction_read_only = on;\n"
            f"ALTER DATABASE {new} RENAME TO {name};\nCOMMIT;\n"
        )


def _refreshed(steps: Steps, mark: str | None) -> str | None:
    """When the refresh of that mark ended, if that is known here."""
    last = (readable(steps.book.desk, LAST) if steps.book else None) or {}
    return str(last["finished"]) if mark and last.get("run") == mark and "finished" in last else None


def check_rights(engine: Engine, sandbox: Sandbox) -> None:
    """Tell what the sandbox's role lacks.

    Raises:
        UsageError: it may not create databases, or does not own the sandbox's.
    """
    if not sandbox.owns:
        raise UsageError(
            f"{sandbox.user} does not own the sandbox's database, {sandbox.owner} does",
            f"GRANT {sandbox.owner} TO {sandbox.user}, or set {engine.settings.name}.database.user to it",
        )
    if not sandbox.may_create:
        raise UsageError(
            f"a checkpoint is a database of its own, and {sandbox.user} may not create databases",
            f"ALTER ROLE {sandbox.user} CREATEDB; without it every rehearsal needs an inv reset",
        )


def live_folder(engine: Engine, runner: Runner) -> documents.Look | None:
    """The live documents; None when none are configured."""
    side = engine.settings.sandbox
    return plan.folder(engine, runner, side) if side.documents is not None else None


def first_page(steps: Steps, strategy: str, folder: documents.Look | None, **more: Any) -> journal.Journal:
    """What the journal says before anything is changed."""
    return journal.Journal(
        journal.holder(steps.engine.run),
        strategy,
        "begin",
        database=steps.live.address,
        documents=folder.path if folder else "",
        beside=folder.beside if folder else True,
        **more,
    )
