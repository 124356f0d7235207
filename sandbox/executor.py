"""Lets a task hand chosen flags, `--yes` among them, to its Invoke `pre` tasks.

Invoke's pre-tasks do not see their parent's flags. This executor, named in the ``invoke.yaml`` beside
tasks.py, copies the flags that a pre-task declares with `inherits` from the parent's call. Consent goes
nowhere else: another task on the same command line does not see it, and without this executor the
pre-tasks run with their defaults and refuse.
"""

from __future__ import annotations

from typing import Any

from invoke.executor import Executor as InvokeExecutor
from invoke.tasks import Call, Task

EXECUTOR = "sandbox.executor.Executor"
SETTING = f"tasks: {{executor_class: {EXECUTOR}}}"


class InheritingCall(Call):
    """A pre-task's call that names the flags which it takes from its parent."""

    def __init__(self, *args: Any, flags: tuple[str, ...] = (), **kwargs: Any) -> None:
        self.flags = flags
        super().__init__(*args, **kwargs)

    def clone_data(self) -> dict[str, Any]:
        """See Invoke: the arguments for a copy of this call."""
        return {**super().clone_data(), "flags": self.flags}

    def given(self, parent: Call) -> Call:
        """A plain call with the parent's flags bound and the parent's collection as its own."""
        kwargs = {
            **self.kwargs,
            **{flag: parent.kwargs[flag] for flag in self.flags if flag in parent.kwargs},
        }
        return Call(
            self.task, called_as=_sibling(parent.called_as, self.task.name), args=self.args, kwargs=kwargs
        )


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

    def expand_calls(self, calls: list[Call]) -> list[Call]:
        """See Invoke: add each call's pre and post tasks around it."""
        bound: list[Call] = []
        for item in calls:
            call = Call(item) if isinstance(item, Task) else item
            for pre in call.pre:
                step = pre.given(call) if isinstance(pre, InheritingCall) else pre
                bound.extend(self.expand_calls([step]))
            bound.append(call)
            bound.extend(self.expand_calls(call.post))
        return bound
