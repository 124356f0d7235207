"""How the tasks are declared: long flags alone, and the help of those that several share."""

from __future__ import annotations

from functools import partial

from invoke.tasks import task

from sandbox.errors import UsageError
from sandbox.session import SandboxTask

JSON = "Print one JSON document on stdout, for programs."
YES = "Consent to losing what the sandbox holds now."
DB_ONLY = "Leave the documents folder as it is."
FULL = "Carry all of prod, even where a checkpoint would do."
DETACH = "Start it in the cluster, as a job of its own, and return; `status` follows it."
ADOPT = "Say that this database and folder are the sandbox's, once; shows both sides. NAME: its database's."
HEADLESS = "Show no browser window; needs the credentials file."
# Invoke cannot take an optional positional: one with a default is never filled, one without is demanded,
# and either would swallow the next task's name or a core flag such as --dry (Invoke issue 1084)
NAME = "Which checkpoint; always as a flag: Invoke takes a bare word for the next task."
BASELINE = "baseline"

# long flags alone: `-h` must stay Invoke's help, and nothing destructive hides behind one letter
sandbox_task = partial(task, klass=SandboxTask, positional=[], auto_shortflags=False)


def whole_number(flag: str, text: str) -> int:
    """The number that a flag was given; Invoke itself would end a wrong one with a traceback.

    Raises:
        UsageError: it is none.
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004  # of digits
        raise UsageError(f"{flag} must be a whole number; got {text!r}", f"such as {flag} 20")
    return int(text)
