"""The two strategies: restore beside the live database and rename, or restore over it in one transaction."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sandbox import removal
from sandbox.errors import Busy, Failed
from sandbox.lifecycle import (
    copying,
    database_rights,
    grants,
    inplace,
    parallel,
    statistics,
    stream,
    swap,
    triggers,
)
from sandbox.lifecycle.arrival import Copied
from sandbox.lifecycle.blocked import Blocked
from sandbox.lifecycle.incremental import Incremental
from sandbox.lifecycle.work import Outcome, Work
from sandbox.postgres import Access, failure
from sandbox.shell import change, lines, require

_GONE_WITHIN = 10.0  # seconds, for a session whose program died
_DOCUMENTS = 9  # how a text ends whose part about documents failed


class Swap(Work):
    """Restore beside the live database, and rename."""

    def do(self) -> Outcome:
        """Do all of it."""
        names, sandbox, server = self.plan.names, self.plan.sandbox, self.live.maintenance
        beside = self.live.named(names.next)
        claim = copying.claim(self.engine.run)
        (copied, why), folders = self.both_arrived(beside, claim)
        self.begin("neutralize")
        # what nearly every table has already needs no company
        jobs = self.engine.settings.refresh.jobs if why else 1
        told = self.told(
            beside, statistics.muted(beside, self.mute, self.plan.role, jobs), "neutralizing the copy"
        )
        self.sql(
            server,
            database_rights.carry(names.live, names.next, sandbox.privileges, sandbox.settings),
            "reapplying rights",
        )
        self.carry_grants(beside)
        self.begin("swap")
        self.adopt_documents()
        self.expect_mark()
        away = self.exchange(claim)
        self.swap_documents()
        self.turn("clean")
        self.progress.stage("clean")
        self.clean()
        started = {"base": None if why else self.plan.base.checkpoint, "why_full": why}
        carried = None if why or self.dry else copied.told["carried"]
        return self.outcome(copied, told, unavailable_ms=away, documents=folders, carried=carried, **started)

    def both_arrived(self, beside: Access, claim: str) -> tuple[tuple[Copied, str], dict[str, Any] | None]:
        """The database beside the live one, and meanwhile the documents."""
        with ThreadPoolExecutor(1) as meanwhile:
            documents = None if self.dry else meanwhile.submit(self.later_documents)
            try:
                database = self.arrived(beside, claim)
            except BaseException:
                if self.snapshot.given_up():
                    self.engine.end_processes(self.engine.run)  # whoever copies documents
                raise
            if not self.snapshot.count:
                self.snapshot.taken()
            if self.plan.folders is not None:
                self.begin("documents")
            found = self.copy_documents() if documents is None else documents.result()
            if self.snapshot.count > 1:  # the database is of a later one than the documents waited for
                found = self.copy_documents(again=True)
            return database, found

    def later_documents(self) -> dict[str, Any] | None:
        """The documents, once the snapshot is taken: what it tells of is among them then."""
        return self.copy_documents() if self.snapshot.wait() else None

    def clean(self) -> None:
        """Remove the old database, and meanwhile the old documents."""
        server, old = self.live.maintenance, self.plan.names.old
        drop = self.engine.database_command(self.side, server.psql(swap.drop(old)).text())
        discard = self.discarding_documents()
        text = f"(\n{discard}) &\n(\n{drop})\ncode=$?\nwait $! || exit {_DOCUMENTS}\nexit $code\n"
        result = change(self.runner, text if discard else drop)
        if result.exited == _DOCUMENTS:
            require(result, "removing the old documents")
        if result.exited != 0:
            raise failure(server, result, f"dropping {old}")
        self.warnings += removal.left(result.stderr, self.side)

    def arrived(self, beside: Access, claim: str) -> tuple[Copied, str]:
        """Prod's content beside the live database, and why all of it was carried; empty: it was not."""
        why = self.plan.base.why
        if not why:
            try:
                return self.changes(beside, claim), ""
            except Blocked:
                raise  # another try would meet the same lock
            except Failed as error:
                self.interrupt.check()
                why = error.what
            self.progress.note(f"all of prod is carried, not only what changed: {why}")
            # a program of ours that was killed may have left the server at making the clone
            end = swap.ended(copying.making(self.engine.run), _GONE_WITHIN)
            self.sql(self.live.maintenance, end + swap.drop(self.plan.names.next), "dropping the clone")
        names, sandbox = self.plan.names, self.plan.sandbox
        self.begin("copy")
        create = swap.create(names, sandbox.owner, sandbox.options, claim)
        return self.filled(self.carrier(beside, create)), why

    def changes(self, beside: Access, claim: str) -> Copied:
        """Clone the checkpoint, and carry what prod changed since."""
        base, names, sandbox = self.plan.base, self.plan.names, self.plan.sandbox
        order = copying.Copy(
            source=base.database,
            oid=base.oid,
            target=names.next,
            owner=sandbox.owner,
            version=sandbox.version,
            comment=claim,
        )
        self.begin("copy")
        role, check = self.plan.role, self.check
        return self.filled(
            Incremental(self.engine, beside, role, check, self.plan.prod.left, order, base.known)
        )

    def filled(self, carried: stream.Stream) -> Copied:
        """Make the next database and fill it, unless somebody just made it."""
        try:
            return self.copy(carried, carried.beside(), carried.wanted)
        except Failed as error:
            if any(sign in error.what for sign in (swap.EXISTS, swap.MAKING)):
                self.forget_all()
                raise Busy(f"another run just began: {self.plan.names.next} exists") from None
            raise

    def carrier(self, beside: Access, create: str) -> stream.Stream:
        """Several workers; one dump for a prod that has what only a dump carries."""
        unusual, left = self.plan.prod.unusual, self.plan.prod.left
        if unusual:
            self.warnings.append(f"prod has {unusual}: copied by one pg_dump, not in parallel")
            return stream.Stream(self.engine, beside, self.plan.role, self.check, left, create)
        known = self.plan.statistics
        return parallel.Parallel(
            self.engine, beside, self.plan.role, self.check, left, create, statistics=known
        )

    def forget_all(self) -> None:
        """The next database is another run's: nothing here is ours to put back."""
        if self.book is not None:
            self.book.clear()

    def carry_grants(self, beside: Access) -> None:
        """Give the sandbox's other roles in the copy what they have in the live database."""
        text = grants.carry(self.engine, self.live, beside, self.plan.role, self.plan.prod.closed)
        result = change(self.runner, text)
        if result.exited != 0:
            raise grants.why(beside, result)
        self.warnings += [line for line in lines(result.stderr) if "WARNING:" in line]

    def exchange(self, claim: str) -> int:
        """Swap the databases; for how long the sandbox had none, in milliseconds."""
        sandbox, names = self.plan.sandbox, self.plan.names
        comments = (claim, sandbox.comment)
        if self.dry:
            change(self.runner, swap.exchange(self.engine, names, sandbox.identity.oid, comments))
            return 0
        return swap.swap(self.engine, self.runner, names, sandbox.identity.oid, comments)


class InPlace(Work):
    """Clear the sandbox's database and restore into it, in one transaction."""

    def do(self) -> Outcome:
        """Do all of it."""
        carried = stream.Stream(self.engine, self.live, self.plan.role, self.check, self.plan.prod.left)
        text = carried.within(
            self._cleared(), f"{self.mute}{triggers.ON}{grants.apply(self.plan.prod.closed)}"
        )
        pause = self._pausing()
        if self.plan.folders is not None:
            self.begin("documents")
        folders = self.copy_documents()  # the long part that needs nobody stopped
        begun = time.monotonic()
        if pause:
            self.begin("pause", paused=True, pause=pause)
            self.engine.pause(self.runner, pause)
        self.begin("copy")
        self.adopt_documents()
        self.expect_mark()
        copied = self.copy(carried, text, carried.wanted_within)
        self.turn("swap")
        self.swap_documents()
        told = {**copied.told, **self.sql(self.live, statistics.ANALYZE, "gathering statistics")}
        away = round((copied.told.get("committed", 0) - copied.told.get("cleared", 0)) * 1000)
        if pause:
            self.progress.stage("resume")
            self.warnings += self.engine.resume(self.runner, pause)
            away = round((time.monotonic() - begun) * 1000)
        self.turn("clean", paused=False, pause={})
        self.progress.stage("clean")
        self.discard_documents()
        why = self.plan.base.why
        unavailable = 0 if self.dry else away
        return self.outcome(copied, told, unavailable_ms=unavailable, documents=folders, why_full=why)

    def _cleared(self) -> str:
        return inplace.clear(self.plan.role, self.live.database.name, self.plan.sandbox.identity.oid)

    def _pausing(self) -> dict[str, Any]:
        pause = self.engine.pausing(documents=self.plan.folders is not None)
        if not pause:
            self.warnings.append("the application was not paused: nothing that runs is configured to be")
        return pause
