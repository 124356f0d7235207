"""The two strategies: restore beside the live database and rename, or restore over it in one transaction."""

from __future__ import annotations

import time
from typing import Any

from sandbox.errors import Busy, Failed
from sandbox.lifecycle import grants, holder, inplace, journal, parallel, statistics, stream, swap
from sandbox.lifecycle.work import Outcome, Work
from sandbox.postgres import Access, failure, identifier
from sandbox.shell import change


class Swap(Work):
    """Restore beside the live database, and rename."""

    def do(self) -> Outcome:
        """Do all of it."""
        names, sandbox, server = self.plan.names, self.plan.sandbox, self.live.maintenance
        beside = self.live.named(names.next)
        carried = self.carrier(beside)
        mine = journal.holder(self.engine.run)
        claim = swap.claim(mine.run, mine.host, mine.pid)
        self.begin("create")
        self.create(swap.create(names, sandbox.owner, sandbox.options, claim))
        self.begin("copy")
        copied = self.copy(carried, carried.beside(), carried.wanted)
        folders = self.copy_documents()
        self.begin("neutralize")
        text = statistics.muted(beside, self.mute, self.plan.role, self.engine.settings.refresh.jobs)
        told = self.told(beside, text, "neutralizing the copy")
        self.sql(server, swap.finish(names, sandbox.privileges, sandbox.settings), "reapplying rights")
        self.carry_grants(beside)
        self.begin("swap")
        away = self.exchange(claim)
        self.swap_documents()
        self.turn("clean")
        self.progress.stage("clean")
        self.sql(server, swap.drop(names.old), f"dropping {names.old}")
        self.discard_documents()
        return self.outcome(copied, told, unavailable_ms=away, documents=folders)

    def carrier(self, beside: Access) -> stream.Stream:
        """Several workers; one dump for a prod that has what only a dump carries."""
        unusual = self.plan.prod.unusual
        if unusual:
            self.warnings.append(f"prod has {unusual}: copied by one pg_dump, not in parallel")
        kind = stream.Stream if unusual else parallel.Parallel
        return kind(self.engine, beside, self.plan.role, self.check)

    def create(self, script: str) -> None:
        """Create the next database, unless somebody just did."""
        try:
            self.sql(self.live.maintenance, script, f"creating {self.plan.names.next}")
        except Failed as error:
            if f"ERROR:  {swap.EXISTS}" in error.what and self.book is not None:
                self.book.clear()  # it is another run's: nothing here is ours to put back
                raise Busy(f"another run just began: {self.plan.names.next} exists") from None
            raise

    def carry_grants(self, beside: Access) -> None:
        """Give the sandbox's other roles in the copy what they have in the live database."""
        role = f"SET ROLE {identifier(self.plan.role)};\n" if self.plan.role else ""
        ask, take = self.live.psql(grants.ASK).text(), beside.psql().text()
        before, after = holder.here(role + grants.TAKE), holder.here(grants.APPLY)
        text = f"{{ {before}{ask}printf '\\\\.\\n'\n{after}}} | {take}\n"
        result = change(self.runner, self.engine.database_command(self.side, text))
        if result.exited != 0:
            raise failure(beside, result, "reapplying grants")
        self.warnings += [line for line in result.stderr.splitlines() if "WARNING:" in line]

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
        carried = stream.Stream(self.engine, self.live, self.plan.role, self.check)
        text = carried.within(inplace.clear(self.plan.role), f"{grants.APPLY}{self.mute}")
        pause = self._pausing()
        folders = self.copy_documents()  # the long part that needs nobody stopped
        begun = time.monotonic()
        if pause:
            self.begin("pause", paused=True, pause=pause)
            self.engine.pause(self.runner, pause)
        self.begin("copy")
        copied = self.copy(carried, text, {"dump": 1, "restore": 1, "load": 1})
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
        return self.outcome(copied, told, unavailable_ms=0 if self.dry else away, documents=folders)

    def _pausing(self) -> dict[str, Any]:
        pause = self.engine.pausing(documents=self.plan.folders is not None)
        if not pause:
            self.warnings.append("the application was not paused: nothing that runs is configured to be")
        return pause
