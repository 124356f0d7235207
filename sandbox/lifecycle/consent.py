"""The refusals of what would lose a checkpoint: each names it, when it was saved, and what is lost."""

from __future__ import annotations

from sandbox.engines import Engine
from sandbox.errors import Refused, SandboxError
from sandbox.lifecycle.diff import compare
from sandbox.lifecycle.shelf import BASELINE, Checkpoint
from sandbox.shell import Runner


def replacing(engine: Engine, runner: Runner, one: Checkpoint) -> Refused:
    """The refusal to save over a checkpoint; reads what differs from it by now."""
    flag = "" if one.name == BASELINE else f" --name {one.name}"
    return Refused(
        f"without --yes no checkpoint is replaced: {one.name}, saved {one.saved}, would be lost;"
        f" {_since(engine, runner, one.name)}",
        f"look at it: inv diff{flag}; keep both: inv save --name ANOTHER; replace it: inv save{flag} --yes",
    )


def forgetting(name: str, one: Checkpoint | None) -> Refused:
    """The refusal to remove a checkpoint; None stands for one whose removal was cut off."""
    lost = "its removal was begun"
    if one is not None:
        documents = f" and {_count(one.documents.files, 'document')}" if one.documents else ""
        lost = f"saved {one.saved}, {one.bytes / 1e6:.1f} MB{documents}, would be lost"
    return Refused(
        f"without --yes no checkpoint is removed: {name}, {lost}", f"inv forget --name {name} --yes"
    )


def _since(engine: Engine, runner: Runner, name: str) -> str:
    """What differs between the sandbox and its checkpoint, in words."""
    try:
        found = compare(engine, runner, name)
    except SandboxError as error:
        return f"what differs since then is not known: {error.what}"
    if not found.different:
        return "nothing differs since then"
    kinds = {"inserted": found.inserted, "changed": found.changed, "deleted": found.deleted}
    words = [f"{_count(number, 'row')} {kind}" for kind, number in kinds.items() if number]
    words = [f"{', '.join(words)} in {_count(len(found.tables), 'table')}"] if words else []
    if not words and found.tables:
        words = [f"the columns of {_count(len(found.tables), 'table')}"]
    files = found.documents
    if files is not None and files.any:
        words.append(_count(len(files.added) + len(files.changed) + len(files.removed), "document"))
    return f"since then differ: {' and '.join(words)}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
