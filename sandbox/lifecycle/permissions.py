"""Whether this user may replace the sandbox's documents: tried where they are, before anything is copied."""

from __future__ import annotations

from shlex import quote

from sandbox import documents, removal
from sandbox.engines import Engine
from sandbox.errors import Failed, UsageError
from sandbox.settings import Side
from sandbox.shell import Runner, observe


def tried(engine: Engine, runner: Runner, live: documents.Look) -> tuple[str, ...]:
    """Warnings of what could be replaced and not be removed.

    Args:
        engine: where the documents are.
        runner: what runs the commands.
        live: the live folder.

    Raises:
        UsageError: something in it cannot be moved out of the way, or what takes its place would be closed to
            the ERP.
        Failed: it could not be tried.
    """
    side = engine.settings.sandbox
    if live.kept_out:
        raise UsageError(
            f"{live.path} belongs to {live.owner}, mode {live.mode}: that user could not write to what user"
            f" {live.user} puts there",
            f"run this as root, or as that user; or share a group: {shared(live, side)}",
        )
    told = observe(runner, engine.documents_command(side, removal.tried(live.path, beside=live.beside)))
    if told.exited != 0:
        raise Failed(
            f"looking into {live.path} failed ({told.exited}): {told.stderr.strip() or 'no message'}"
        )
    found = removal.Trial.read(told.stdout)
    if found.unmovable:
        paths = removal.named(live.path, found.unmovable)
        raise UsageError(
            f"user {live.user} may not move {paths}: nothing can take its place",
            owned(live.path, live.user, side),
        )
    if not found.unremovable:
        return ()
    paths, remedy = removal.named(live.path, found.unremovable), owned(live.path, live.user, side)
    return (f"user {live.user} may not remove {paths}, which will be set aside; to prevent that: {remedy}",)


def owned(folder: str, user: str, side: Side) -> str:
    """What lets a user move and remove all of a folder, as typed."""
    return _as_root(f"chown -R {user} -- {quote(folder)}", side)


def shared(live: documents.Look, side: Side) -> str:
    """What lets a group that both users are in write to a folder, as typed."""
    path = quote(live.path)
    group = live.groups[0] if live.groups else "GROUP"
    return _as_root(f"sh -c {quote(f'chgrp -R {group} -- {path} && chmod -R g+rwX -- {path}')}", side)


def _as_root(words: str, side: Side) -> str:
    pod = side.pods.documents
    return f"sudo {words}" if pod is None else f"as root, in the pod {pod}: {words}"
