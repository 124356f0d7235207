"""Lets a task hand chosen flags, `--yes` among them, to its Invoke `pre` tasks.

Invoke's pre-tasks do not see their parent's flags. This executor, named in the ``invoke.yaml`` beside
tasks.py, copies the flags that a pre-task declares with `inherits` from the parent's call. Consent goes
nowhere else: another task on the same command line does not see it, and without this executor the
pre-tasks run with their defaults and refuse.

Such pre-tasks are the parts of their parent. Each call of a parent has its own: it notes which of them ran to
their end, in the contexts of both, so that a parent that is called in any other way can tell, and runs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invoke.config import Config
from invoke.context import Context
from invoke.executor import Executor as InvokeExecutor
from invoke.parser import ParseResult
from invoke.tasks import Call, Task

from sandbox.output import steady

EXECUTOR = "sandbox.executor.Executor"
_ENDED = "_ended_parts"
SETTING = f"tasks: {{executor_class: {EXECUTOR}}}"


class InheritingCall(Call):
    """A pre-task's call that names the flags which it takes from its parent."""

    def __init__(self, *args: Any, flags: tuple[str, ...] = (), **kwargs: Any) -> None:
        self.flags = flags
        super().__init__(*args, **kwargs)

    def clone_data(self) -> dict[str, Any]:
        """See Invoke: the arguments for a copy of this call."""
        return {**super().clone_data(), "flags": self.flags}

    def given(self, flags: Mapping[str, Any]) -> dict[str, Any]:
        """Its arguments, where its parent was called with `flags`."""
        return {**self.kwargs, **{flag: flags[flag] for flag in self.flags if flag in flags}}

    def bound(self, parent: OwnCall) -> OwnCall:
        """A call of this part for one call of its parent, with its flags and in its collection."""
        called_as = _sibling(parent.called_as, self.task.name)
        return OwnCall(
            self.task, called_as, args=self.args, kwargs=self.given(parent.kwargs), ended=parent.ended
        )


class OwnCall(Call):
    """A call of a task with parts, or of one of its parts.

    Args:
        ended: the parts of that one call that ran to their end; added to while they run.
    """

    def __init__(self, *args: Any, ended: list[Task[Any]], **kwargs: Any) -> None:
        self.ended = ended
        super().__init__(*args, **kwargs)

    def clone_data(self) -> dict[str, Any]:
        """See Invoke: the arguments for a copy of this call."""
        return {**super().clone_data(), "ended": self.ended}

    def make_context(self, config: Config, core_parse_result: ParseResult) -> Context:
        """See Invoke: the context that the task is called with."""
        context = super().make_context(config, core_parse_result)
        object.__setattr__(context, _ENDED, self.ended)  # Invoke would take it for a setting
        return context

    # never another's equal: Invoke runs only the first of equal calls, and what was done since would stay
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def ended_parts(context: Context) -> list[Task[Any]]:
    """The parts of the call with this context that ran to their end; none where it is not an `OwnCall`'s."""
    found: list[Task[Any]] = vars(context).get(_ENDED, [])
    return found


def inherits(task: Task[Any], *flags: str) -> InheritingCall:
    """Declare a pre-task that takes the named flags from its parent: ``pre=[inherits(refresh, "yes")]``."""
    return InheritingCall(task, flags=flags)


def _sibling(called_as: str | None, name: str) -> str | None:
    """The dotted name of a task in the same collection, so that it reads the same configuration."""
    if called_as is None:
        return None
    prefix, dot, _ = called_as.rpartition(".")
    return f"{prefix}{dot}{name}"


class Executor(InvokeExecutor):
    """Invoke's executor, with flags handed on to the pre-tasks that ask for them."""

    def execute(self, *tasks: Any) -> Any:
        """See Invoke: run the tasks, all of them, whatever becomes of the output."""
        with steady():
            return super().execute(*tasks)

    def expand_calls(self, calls: list[Call]) -> list[Call]:
        """See Invoke: add each call's pre and post tasks around it."""
        bound: list[Call] = []
        for item in calls:
            call = Call(item) if isinstance(item, Task) else item
            if any(isinstance(pre, InheritingCall) for pre in call.pre) and not isinstance(call, OwnCall):
                call = call.clone(into=OwnCall, with_={"ended": []})
            for pre in call.pre:
                is_part = isinstance(pre, InheritingCall) and isinstance(call, OwnCall)
                bound.extend(self.expand_calls([pre.bound(call) if is_part else pre]))
            bound.append(call)
            bound.extend(self.expand_calls(call.post))
        return bound
