"""Every failure that a user can meet, each with its exit code and its next step."""

from __future__ import annotations

from enum import IntEnum

from sandbox import redact
from sandbox.printable import printable


class ExitCode(IntEnum):
    """The exit codes of every task; CI jobs and agents live on them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    NOT_ARMED = 4
    UNREACHABLE = 5
    BUSY = 6
    INTERRUPTED = 7
    DIFFERENT = 8


class SandboxError(Exception):
    """What went wrong, in one line, and what mends it, in another.

    Args:
        what: what was checked and what was found; never a secret.
        next_step: the command or the edit that mends it.
    """

    code = ExitCode.FAILED

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step

    def document(self) -> dict[str, str | int]:
        """The failure for programs; `--json` prints it."""
        said = {"error": redact.text(self.what), "next_step": redact.text(self.next_step)}
        return {**said, "exit_code": int(self.code)}

    def __str__(self) -> str:
        """As it is printed; `what` and `next_step` are exact, whatever they hold."""
        what = printable(self.what)
        return f"{what}\n  next: {printable(self.next_step)}" if self.next_step else what


class Failed(SandboxError):
    """The work was tried and did not succeed; nothing is half done."""


class UsageError(SandboxError):
    """A flag, a setting or a file is missing or wrong."""

    code = ExitCode.USAGE


class Refused(SandboxError):
    """Something destructive or dangerous was asked for without consent or sense."""

    code = ExitCode.REFUSED


class NotArmed(SandboxError):
    """The sandbox answers, but the agent's key does not work."""

    code = ExitCode.NOT_ARMED


class Unreachable(SandboxError):
    """A host, a server or a lab does not answer."""

    code = ExitCode.UNREACHABLE


class Busy(SandboxError):
    """Another run holds this sandbox."""

    code = ExitCode.BUSY


class Interrupted(SandboxError):
    """An earlier run was cut off and left something to put back."""

    code = ExitCode.INTERRUPTED
