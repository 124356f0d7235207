"""A journal is believed only as far as it can be true of the sandbox that the settings name.

What it names is ended, renamed and removed. So the run's id must be one of this sandbox's, the databases'
names must follow from the settings' own, the documents folder must be the settings' own, and a pause one of
what the settings name. That a database belongs to that run is looked at where one is dropped or renamed, in
`repair`.
"""

from __future__ import annotations

from shlex import quote

from sandbox.engines import Engine
from sandbox.engines.ledger import Desk, Ledger
from sandbox.errors import SandboxError
from sandbox.lifecycle import journal, shelf
from sandbox.lifecycle.journal import Journal
from sandbox.lifecycle.observe import NEXT, OLD
from sandbox.lifecycle.runs import is_own
from sandbox.settings import Settings
from sandbox.shell import Runner, observe

REFRESHING, SHELVING = ("swap", "in-place"), ("save", "rewind", "forget")
_SWAPPING = ("swap", "rewind")


def believe(engine: Engine, runner: Runner, page: Journal, at: Desk | Ledger) -> None:
    """Go on only with a journal that can be true.

    Args:
        engine: the run's.
        runner: what runs the commands.
        page: the journal.
        at: where it is.

    Raises:
        Interrupted: it cannot be; nothing was touched.
        SandboxError: where the documents are cannot be reached.
    """
    settings = engine.settings
    why = (
        _not_its_form(settings, page) or _another_sandbox(settings, page) or _another_database(settings, page)
    )
    why = why or _another_folder(engine, runner, page) or _another_pause(engine, page)
    if why:
        raise journal.not_believed(at, f"says what cannot be true: {why}")


def _not_its_form(settings: Settings, page: Journal) -> str:
    if not is_own(settings, page.run):
        return f"{page.run!r} is no id of a run of this sandbox"
    if page.strategy not in (*REFRESHING, *SHELVING, "script"):
        return f"{page.strategy!r} is nothing that a run does"
    unprintable = [
        text for text in (page.phase, page.holder.host, page.holder.user) if not text.isprintable()
    ]
    if unprintable:
        return f"{unprintable[0]!r} is no phase, host or user"
    return _not_its_checkpoint(page)


def _not_its_checkpoint(page: Journal) -> str:
    if page.strategy in SHELVING:
        try:
            shelf.checked(page.checkpoint)
        except SandboxError:
            return f"{page.checkpoint!r} is no checkpoint's name"
    elif page.checkpoint:
        return f"a refresh is about no checkpoint, such as {page.checkpoint!r}"
    return ""


def _another_sandbox(settings: Settings, page: Journal) -> str:
    database = settings.sandbox.database
    here = f"{database.name}@{database.host}" if database and page.strategy != "script" else ""
    if page.database.rpartition(":")[0] != here:  # a lab's port may move
        return f"it is about the database {page.database!r}, the settings name {here or 'none'}"
    return ""


def _another_database(settings: Settings, page: Journal) -> str:
    database = settings.sandbox.database
    name = database.name if database else ""
    wanted = (name + NEXT, name + OLD) if page.strategy in _SWAPPING else ("", "")
    for said, own in zip((page.next, page.old), wanted, strict=True):
        if said != own:
            return f"the database {said!r} is none that this run would make{f': {own}' if own else ''}"
    return ""


def _another_folder(engine: Engine, runner: Runner, page: Journal) -> str:
    if not page.documents:
        return ""
    side = engine.settings.sandbox
    if side.documents is None or page.strategy == "script":
        return f"no documents folder is configured, and it names {page.documents!r}"
    # the folder itself may be set aside at this moment
    text = engine.documents_command(side, f"readlink -m -- {quote(str(side.documents))}\n")
    here = observe(runner, text).stdout.removesuffix("\n")
    return "" if here == page.documents else f"the documents folder is {here}, not {page.documents!r}"


def _another_pause(engine: Engine, page: Journal) -> str:
    if page.paused and page.strategy != "in-place":
        return f"a {page.strategy} pauses nothing"
    return engine.pause_doubted(page.pause) if page.paused else ""
