"""A run whose journal is lost, told by what it left: its claim on a database, or its mark in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote

from sandbox.documents import Layout
from sandbox.engines import Engine
from sandbox.errors import Busy
from sandbox.guard import MARK, Mark
from sandbox.lifecycle.journal import Holder, Journal
from sandbox.lifecycle.observe import NEXT, OLD, observe_sandbox
from sandbox.lifecycle.plan import claimant, dead, not_ours
from sandbox.lifecycle.repair import LOST
from sandbox.shell import Runner, observe, records


@dataclass(frozen=True)
class Traces:
    """The documents folder and those that a run makes for its copy, as far as they are there."""

    layout: Layout
    marks: dict[str, Mark | None]  # by path

    @property
    def others(self) -> list[str]:
        """All but the live one."""
        return [path for path in self.layout.others if path in self.marks]

    def made_for(self, database: str) -> Mark | None:
        """The mark of the run that made the copy, if all of this is that database's sandbox's; else None."""
        layout = self.layout
        # what is being moved out of `incoming` may have lost its mark to the live folder
        marks = [self.marks[path] for path in self.others if path != layout.incoming]
        if not self.others or any(mark is None or mark.database != database for mark in marks):
            return None
        # the copy, before and after it took the live folder's place
        found = (self.marks.get(path) for path in (layout.next, layout.incoming, layout.live, layout.old))
        return next((mark for mark in found if mark and mark.database == database), None)

    @property
    def removal(self) -> str:
        """What a person types who knows that the run is dead."""
        layout = self.layout
        if layout.live not in self.marks and layout.old in self.marks:
            return f"put it back: mv -T -- {quote(layout.old)} {quote(layout.live)}"
        return f"remove it: rm -rf -- {' '.join(map(quote, self.others))}"


def stray(engine: Engine, runner: Runner) -> Journal | None:
    """The journal of a dead run that has none; None when nothing tells of such a run.

    Raises:
        Busy: that run is not known to be dead.
        UsageError: no database is configured.
        Unreachable: a server does not answer.
    """
    access = engine.access(engine.settings.sandbox)
    name = access.database.name
    found = _traces(engine, runner)
    holder, strategy, databases = None, "swap", (name + NEXT, name + OLD)
    for neighbour in observe_sandbox(engine, runner).neighbours:
        holder = claimant(neighbour)
        if holder is not None and not dead(engine, holder):
            raise not_ours(neighbour)
        if holder is not None:
            break
    if holder is None and found is not None:
        holder, strategy, databases = _marked(engine, name, found), "in-place", ("", "")
    if holder is None:
        return None
    layout = found.layout if found else None
    return Journal(
        holder,
        strategy,
        LOST,
        database=access.address,
        next=databases[0],
        old=databases[1],
        documents=layout.live if layout else "",
        beside=not (layout and layout.incoming),
    )


def _marked(engine: Engine, database: str, found: Traces) -> Holder | None:
    """Whose copy of the documents there is.

    Raises:
        Busy: a run's that is not known to be dead.
    """
    mark = found.made_for(database)
    if mark is None:
        return None
    holder = Holder(mark.run, mark.pid, mark.host, "?", "?")
    if not dead(engine, holder):
        raise Busy(
            f"{' and '.join(found.others)} belong to a run that is not known to be dead: {holder}",
            f"wait; if that run is dead, {found.removal}",
        )
    return holder


def _traces(engine: Engine, runner: Runner) -> Traces | None:
    """What there is of the documents, also while a swap of them is half done."""
    side = engine.settings.sandbox
    if side.documents is None:
        return None
    suffixes = [Layout.of("", beside=beside).others for beside in (True, False)]
    text = f"""at=$(readlink -m -- {quote(str(side.documents))}) || exit 1
for path in "$at" {" ".join(f'"$at"{suffix}' for part in suffixes for suffix in part)}; do
  [ ! -d "$path" ] || [ -L "$path" ] ||
    printf '%s\\t%s\\0' "$path" "$(head -c 4096 "$path/{MARK}" 2>/dev/null | tr -d '\\t')"
done
printf '%s\\0' "$at"
"""
    told = observe(runner, engine.documents_command(side, text))
    if told.exited != 0:
        return None
    *lines, live = records(told.stdout)
    marks = {path: Mark.read(mark) for path, _, mark in (line.partition("\t") for line in lines)}
    inside = Layout.of(live, beside=False)
    return Traces(
        inside if any(path in marks for path in inside.others) else Layout.of(live, beside=True), marks
    )
