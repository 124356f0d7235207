"""Which documents were added, changed or removed since a checkpoint.

A file of the same size and time is the same file unless the file system says that something touched it
since the copy was made, which nobody can set back: then, as where times differ, its content is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox import copies
from sandbox.copies import Entry
from sandbox.engines import Engine
from sandbox.errors import Failed
from sandbox.lifecycle.compare import Aim
from sandbox.lifecycle.mask import Mask
from sandbox.lifecycle.plan import folder
from sandbox.shell import Runner, observe


@dataclass(frozen=True)
class DocumentsDiff:
    """Paths below the documents folder, and how many bytes each has now."""

    added: dict[str, int]
    changed: dict[str, int]
    removed: dict[str, int]  # bytes that it had

    @property
    def any(self) -> bool:
        """Whether something differs."""
        return bool(self.added or self.changed or self.removed)


def documents(engine: Engine, runner: Runner, aim: Aim, mask: Mask) -> DocumentsDiff | None:
    """Compare the live documents with a checkpoint's; None when one of both has none.

    Raises:
        Failed: a folder is gone or cannot be read.
    """
    side, one = engine.settings.sandbox, aim.checkpoint
    if one.documents is None or side.documents is None:
        return None
    live = folder(engine, runner, side).path
    kept = f"{one.documents.path}/files"
    origin = one.origins.get(str(aim.oid))
    mark = copies.mark(one.documents.path, origin.mark if origin else "unknown")
    text = engine.documents_command(side, copies.listings(live, kept, mark))
    result = observe(runner, text)
    if result.exited != 0:
        raise Failed(f"the documents cannot be listed: {live} or {kept}", "look at both folders")
    *both, since = copies.read_listings(result.stdout)
    ours, theirs = ({path: one for path, one in found.items() if one.kind != "d"} for found in both)
    changed, unsure = [], []
    for path in ours.keys() & theirs.keys():
        answer = _differs(ours[path], theirs[path], None if aim.full else since)
        if answer is None:
            unsure.append(path)
        elif answer:
            changed.append(path)
    changed += _unlike(engine, runner, (live, kept), sorted(unsure))
    return DocumentsDiff(
        added={mask.text(path): ours[path].size for path in sorted(ours.keys() - theirs.keys())},
        changed={mask.text(path): ours[path].size for path in sorted(changed)},
        removed={mask.text(path): theirs[path].size for path in sorted(theirs.keys() - ours.keys())},
    )


def _differs(ours: Entry, theirs: Entry, since: str | None) -> bool | None:
    """Whether two entries of one path differ; None when only their content can tell."""
    if (ours.kind, ours.size, ours.target) != (theirs.kind, theirs.size, theirs.target):
        return True
    if ours.kind != "f":
        return False
    touched = since is None or Decimal(ours.changed) >= Decimal(since)
    return None if touched or ours.modified != theirs.modified else False


def _unlike(engine: Engine, runner: Runner, folders: tuple[str, str], paths: list[str]) -> list[str]:
    """Those of the paths whose content differs."""
    if not paths:
        return []
    found = []
    for path in folders:
        text = engine.documents_command(engine.settings.sandbox, copies.digests(path, paths))
        result = observe(runner, text)
        if result.exited != 0:
            raise Failed(f"documents cannot be read in {path}", "look at the folder, then run it again")
        found.append(copies.read_digests(result.stdout))
    return [path for path in paths if found[0].get(path) != found[1].get(path)]
