"""The documents' part of a rewind: they are copied beside the live ones, unless none of them was touched."""

from __future__ import annotations

from sandbox import copies, documents
from sandbox.errors import Failed
from sandbox.lifecycle import permissions, shelf
from sandbox.lifecycle.replaceable import guard_of, in_the_way, require_folder
from sandbox.lifecycle.shelf import Checkpoint, Kept
from sandbox.lifecycle.steps import Steps
from sandbox.shell import observe, records


class Files:
    """The documents of one rewind.

    Args:
        steps: the rewind.
        kept: the checkpoint's documents.
        live: the live folder.
        former: the mark since when the live documents may differ from the checkpoint's; empty: unknown.
    """

    def __init__(self, steps: Steps, kept: Kept, live: documents.Look, former: str) -> None:
        self.steps, self.kept, self.live = steps, kept, live
        self.mark = former
        self._former = former
        self._same = False
        self.warnings: list[str] = []
        self._guard = guard_of(steps.engine)

    @classmethod
    def of(cls, steps: Steps, goal: Checkpoint, live: documents.Look | None, oid: int) -> Files | None:
        """What a rewind to `goal` will do; None when one side has no documents.

        Raises:
            Failed: the checkpoint's documents are gone.
            Refused: a folder that the rewind would make is there, or the live one may not be replaced.
        """
        if goal.documents is None or live is None:
            return None
        shelves = [copies.shelf(live.path, beside=beside) for beside in (True, False)]
        own = shelf.folder(steps.live.database.name, goal.name, goal.run)
        if goal.documents.path not in [f"{parent}/{own}" for parent in shelves]:
            raise Failed(
                f"the documents of checkpoint {goal.name} would be in {goal.documents.path}, where no save of"
                " this sandbox keeps any: nothing was touched",
                f"inv forget --name {goal.name} --yes, and save a new one",
            )
        origin = goal.origins.get(str(oid))
        made = cls(steps, goal.documents, live, origin.mark if origin else "")
        found = records(made._read(documents.existing(made._source, *live.layout().others)))
        if made._source not in found:
            raise Failed(
                f"the documents of checkpoint {goal.name} are not there: {goal.documents.path}",
                f"inv forget --name {goal.name} --yes, and save a new one",
            )
        for path in found[1:]:
            raise in_the_way(path, steps.settings.sandbox)
        require_folder(steps.engine, steps.runner, live)
        made.warnings += permissions.tried(steps.engine, steps.runner, live)
        return made

    @property
    def report(self) -> dict[str, int]:
        """What comes back."""
        return {"files": self.kept.files, "bytes": self.kept.bytes}

    @property
    def _source(self) -> str:
        return f"{self.kept.path}/files"

    def _read(self, text: str) -> str:
        return observe(self.steps.runner, self._there(text)).stdout

    def _there(self, text: str) -> str:
        return self.steps.engine.documents_command(self.steps.settings.sandbox, text)

    def stage(self) -> None:
        """Copy the documents beside the live ones, and begin a new mark; nothing when none was touched."""
        self._same = self._untouched()
        if self._same:
            return
        self.mark = self.steps.engine.run
        text = copies.restore(self.kept.path, self.live, self._guard)
        text += copies.set_mark(self.kept.path, self.mark, self._former)
        self.steps.shell(text, "copying the checkpoint's documents")

    def _untouched(self) -> bool:
        if not self._former or not self.kept.state:
            return False
        text = copies.state(self.live.path, copies.mark(self.kept.path, self._former))
        return copies.read_state(self._read(text)) == self.kept.state

    def swap(self) -> None:
        """Put the copy in the live ones' place."""
        if not self._same:
            text = documents.finish(self.live.layout(), self._guard)
            self.steps.shell(text, "swapping the documents")

    def clean(self) -> None:
        """Remove what was replaced; what was written at the last moment before the swap is undone here."""
        if self._same and not self._untouched():
            layout = self.live.layout()
            text = copies.restore(self.kept.path, self.live, self._guard)
            text += documents.finish(layout, self._guard)
            self.steps.shell(text, "copying the checkpoint's documents")
            self._same = False
        if not self._same:
            text = documents.discard(self.live.layout(), self._guard, self.steps.engine.run)
            self.warnings += self.steps.shell(text, "removing the old documents")
