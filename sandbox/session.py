"""What a task's body is handed, and the one place where what stops it becomes an exit code."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Iterable, Mapping
from contextlib import nullcontext, redirect_stdout
from functools import cached_property
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit, Failure
from invoke.tasks import Call, Task

from sandbox import config, console, settings
from sandbox.errors import ExitCode, UsageError
from sandbox.executor import SETTING, InheritingCall, ended_parts
from sandbox.output import steady
from sandbox.process import exact
from sandbox.unexpected import debugging, explained


class Session:
    """One task's view of one sandbox.

    Args:
        context: Invoke's context; it runs the commands.
        name: the collection's name, which is its key in the configuration.
        defaults: what the collection was made with.
        as_json: whether stdout belongs to one JSON document.
    """

    def __init__(self, context: Context, name: str, defaults: Mapping[str, Any], *, as_json: bool) -> None:
        self.context, self.name, self.defaults = exact(context), name, defaults
        self.console = console.Console(as_json=as_json)

    @cached_property
    def settings(self) -> settings.Settings:
        """The checked settings; the lab's, where no engine and no URL is configured.

        Raises:
            UsageError: a setting is unknown or wrong.
        """
        from sandbox import lab  # noqa: PLC0415  # the lab is asked only when it is needed

        found = settings.load(self.context.config, self.name, base=self.defaults)
        if found.engine is not None or found.sandbox.url is not None:
            return found
        base = lab.configuration(found.root)
        if base is None:
            return found
        return settings.load(self.context.config, self.name, base=config.merged(base, self.defaults))

    @property
    def dry(self) -> bool:
        """Whether Invoke was asked for a dry run."""
        return bool(self.context.config.run.dry)

    def title(self, done: str) -> str:
        """The title of a result: what was done, unless nothing was; the rows say what would be."""
        return "nothing was changed" if self.dry else done

    @property
    def consent_hint(self) -> str:
        """What is missing when `reset --yes` cannot hand its consent on; empty when nothing is."""
        if self.context.config.tasks.executor_class:
            return ""
        return f"for reset --yes, put this into the invoke.yaml beside tasks.py: {SETTING}"


class SandboxTask(Task[Any]):
    """An Invoke task that belongs to one named sandbox and ends with the contract's exit codes."""

    sandbox_name = "sandbox"
    defaults: Mapping[str, Any] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body, whatever becomes of the output; see `_called`."""
        with steady():
            return self._called(*args, **kwargs)

    def _called(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body with a `Session`; whatever stops it becomes Invoke's `Exit` with its code."""
        context = args[0]
        if not isinstance(context, Context):
            raise TypeError(f"expected an Invoke Context, got {type(context).__name__}")
        ended = ended_parts(context)
        given = inspect.signature(self.body).bind(*args, **kwargs)
        given.apply_defaults()
        self._run_parts(context, ended, given.arguments)
        as_json = bool(kwargs.get("json"))
        _print_anything()
        session = Session(context, self.sandbox_name, self.defaults, as_json=as_json)
        try:
            # what Invoke prints itself, for --echo and --dry, is for people too
            with redirect_stdout(sys.stderr) if as_json else nullcontext():
                config.refuse_missing_file(context.config)
                result = self.body(session, *args[1:], **kwargs)
        except (Exit, Failure):
            raise
        except Exception as error:
            if debugging():
                raise
            found = explained(error)
            session.console.failed(found)
            raise Exit(f"{self.name}: {found}", code=int(found.code)) from None
        self.times_called += 1
        ended.append(self)
        return result

    def _run_parts(self, context: Context, ended: list[Task[Any]], flags: Mapping[str, Any]) -> None:
        """Run those parts of this task that did not run for this call, as when another task calls it."""
        for part in self.pre:
            if isinstance(part, InheritingCall) and part.task not in ended:
                part.task(context, **part.given(flags))

    def bound(self, name: str, defaults: Mapping[str, Any], pre: Iterable[Call] = ()) -> SandboxTask:
        """A copy of this task for the sandbox called `name`."""
        copy = type(self)(
            self.body,
            name=self.name,
            positional=list(self.positional),
            optional=self.optional,
            default=self.is_default,
            auto_shortflags=self.auto_shortflags,
            help=dict(self.help),
            pre=list(pre),  # type: ignore[arg-type]  # Invoke says str and takes calls
        )
        copy.sandbox_name, copy.defaults = name, dict(defaults)
        return copy

    def __eq__(self, other: object) -> bool:
        """Equal when the same task of the same sandbox: Invoke runs equal calls only once."""
        return super().__eq__(other) and self.sandbox_name == getattr(other, "sandbox_name", None)

    def __hash__(self) -> int:
        """See `__eq__`."""
        return hash((self.name, self.sandbox_name))


def _print_anything() -> None:
    """Let a stream that cannot print a character, such as one of ASCII only, show its code instead."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def bind(tasks: Iterable[SandboxTask], name: str, defaults: Mapping[str, Any]) -> list[SandboxTask]:
    """Copies of the tasks for one sandbox, their pre-tasks among themselves."""
    copies: dict[str, SandboxTask] = {}
    for task in tasks:
        pre = [_rebound(call, copies) for call in task.pre]
        copies[task.name] = task.bound(name, defaults, pre)
    return list(copies.values())


def _rebound(call: Any, copies: Mapping[str, SandboxTask]) -> InheritingCall:
    return InheritingCall(copies[call.task.name], kwargs=call.kwargs, flags=call.flags)


def exit_with(code: int, message: str = "") -> None:
    """End the program with this exit code unless it is 0.

    Raises:
        Exit: the code is not 0.
    """
    if code != ExitCode.DONE:
        raise Exit(message or None, code=code)


def checked_name(name: str) -> str:
    """A collection's name, fit to be a configuration key and part of a variable's name.

    Raises:
        UsageError: it is not.
    """
    if not name.isidentifier() or not name.isascii() or name != name.lower() or name.startswith("_"):
        raise UsageError(
            f"{name!r} is no name for a sandbox", "use lower-case letters, digits and underscores"
        )
    return name
