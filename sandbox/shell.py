"""Commands as argv lists, made into shell text in one place and run by the runner that the task hands down.

The runner is Invoke's `Context.run` (or anything with its signature), so that ``--echo``, ``--dry`` and
test contexts work as an Invoke user expects; `process` sees to what it reads of the output.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TextIO

from sandbox.errors import Failed, Unreachable, UsageError
from sandbox.guard import Judgement

RUN_VARIABLE = "DOLIBARR_SANDBOX_RUN"  # by it a later run finds what a killed one left running
# a command that is to run elsewhere says by this line, on standard error, that it did not, or not to its end
NOT_REACHED = "dolibarr-sandbox did not reach"
_AGAIN, _PAUSE = 2, 1.0  # how often a lost reading is tried again, and after how many seconds


class Result(Protocol):
    """What a run leaves: Invoke's `Result`, as far as it is used here."""

    stdout: str
    stderr: str
    exited: int


class Runner(Protocol):
    """Invoke's `Context`, as far as it is used here."""

    @property
    def config(self) -> Any:
        """Invoke's configuration; `config.run.dry` tells a dry run."""

    def run(self, command: str, **kwargs: Any) -> Any:
        """Run a shell text."""


class OfRun:
    """A runner whose commands carry the run's id in their environment, from their very first program on."""

    def __init__(self, runner: Runner, run: str) -> None:
        self._runner, self._env = runner, {RUN_VARIABLE: run}

    @property
    def config(self) -> Any:
        """Invoke's configuration."""
        return self._runner.config

    def run(self, command: str, **kwargs: Any) -> Any:
        """Run a shell text."""
        return self._runner.run(command, env=self._env, **kwargs)


@dataclass(frozen=True)
class Command:
    """One program with its arguments, extra environment (never a secret) and standard input.

    `before` is what it reads by descriptor 3.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: str | None = None
    before: str | None = None

    def text(self) -> str:
        """The command as shell text; what it reads becomes here-documents."""
        words = [f"{name}={shlex.quote(value)}" for name, value in self.env.items()]
        line, bodies = " ".join([*words, shlex.join(self.argv)]), ""
        for descriptor, given in (("3", self.before), ("", self.stdin)):
            if given is not None:
                end = "END_OF_INPUT"
                while end in given:
                    end += "_"
                line += f" {descriptor}<<'{end}'"
                bodies += f"{given.removesuffix(chr(10))}\n{end}\n"
        return f"{line}\n{bodies}" if bodies else line

    def with_env(self, **env: str) -> Command:
        """The same command with more environment."""
        return replace(self, env={**self.env, **env})


def command(*argv: str, stdin: str | None = None, **env: str) -> Command:
    """Build a `Command` from its words."""
    return Command(tuple(argv), env, stdin)


def trace(run: str) -> str:
    """How the names of a run's temporary files begin: whoever ends a killed run removes them by it."""
    return f".dolibarr-sandbox-{run}."


def temporary(run: str, *, folder: bool = False) -> str:
    """A shell word: the path of a temporary file or folder of a run, which it makes, for its owner only."""
    return f'$(mktemp {"-d " if folder else ""}"${{TMPDIR:-/tmp}}/{trace(run)}XXXXXX")'


def observe(runner: Runner, text: str) -> Result:
    """Run something that only reads: also in a dry run. Never raises for a failed command.

    Where the place that it runs in was lost, it is tried again.

    Raises:
        Unreachable: the place where it was to run cannot be reached, or was lost while it ran.
        UsageError: that place refuses us.
    """
    for _ in range(_AGAIN):
        try:
            return _reached(runner.run(text, **_quietly(runner), dry=False))
        except Unreachable:  # reading again harms nobody
            time.sleep(_PAUSE)
    return _reached(runner.run(text, **_quietly(runner), dry=False))


def change(runner: Runner, text: str, *, err_stream: TextIO | None = None) -> Result:
    """Run something that changes the world; a dry run only prints it. Raises as `observe` does.

    When its place was lost while it ran, nobody knows how far it came: only the world can tell.
    """
    streams: dict[str, Any] = {} if err_stream is None else {"err_stream": err_stream}
    return _reached(runner.run(text, **_quietly(runner), **streams))


def _quietly(runner: Runner) -> dict[str, Any]:
    """How Invoke runs all our commands: it prints them where it was asked to, with ``--echo``."""
    return {"hide": True, "warn": True, "in_stream": False, "echo": bool(runner.config.run.echo)}


def lines(output: str) -> list[str]:
    """The lines of a program's output; only a newline ends one, unlike for `str.splitlines`."""
    found = output.split("\n")
    return found if found[-1] else found[:-1]


def records(output: str) -> list[str]:
    """What a program printed with a NUL after each: names, which may hold anything else."""
    return output.split("\0")[:-1]


def first_line(output: str) -> str:
    """The first line that says something; empty when none does."""
    return next((line.strip() for line in lines(output) if line.strip()), "")


def _reached(result: Result) -> Result:
    for line in lines(result.stderr) if NOT_REACHED in result.stderr else ():
        _, is_told, told = line.partition(f"{NOT_REACHED} ")
        if is_told and "refused" in told:
            raise UsageError(told, "give the role the rights of examples/kubernetes/rbac.yaml")
        if is_told:
            raise Unreachable(told, "check the cluster and the network, then: inv status")
    return result


def require(result: Result, doing: str) -> None:
    """Raise `Failed` when a command on the documents or the application failed; `Refused`: its guard did."""
    if result.exited != 0:
        if judged := Judgement.read(result.stderr):
            raise judged.refused()
        raise Failed(f"{doing} failed ({result.exited}): {first_line(result.stderr) or 'no message'}")


def is_dry(runner: Runner) -> bool:
    """Tell whether Invoke was asked for a dry run (``inv --dry``)."""
    return bool(runner.config.run.dry)
