"""What goes wrong before a task begins: Invoke reads the settings then, and would end in a traceback.

Invoke has read the user's own and the system's settings before it loads tasks.py: under the stock `inv` only
the project's and `-f FILE` can be told from here; `arcodange` tells all of them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from invoke import config as invoke_config
from invoke import env as invoke_env
from invoke import program as invoke_program
from invoke.exceptions import AmbiguousEnvVar, Exit, Failure, ParseError, UncastableEnvVar

from sandbox.config import LEVELS
from sandbox.errors import SandboxError, UsageError
from sandbox.executor import EXECUTOR
from sandbox.unexpected import debugging, explained, first_line

_READERS = (invoke_config.__file__, invoke_env.__file__, invoke_program.__file__)
_Hook = Callable[[type[BaseException], BaseException, TracebackType | None], Any]


def open_input() -> None:
    """Where standard input is closed (`<&-`), have one that is empty: else the next file takes its place."""
    try:
        os.fstat(0)
    except OSError:
        null = os.open(os.devnull, os.O_RDONLY)  # takes the lowest number that is free
        if null == 0:
            os.set_inheritable(0, True)
            sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # until the end


def explain_settings() -> None:
    """Have Python tell what Invoke could not read of the settings; any other exception as before."""
    before = sys.excepthook
    if getattr(before, "explains_settings", False):
        return

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        found = _of_settings(error) if isinstance(error, Exception) and not debugging() else None
        if found is None:
            before(kind, error, trace)
            return
        tell(found)
        raise SystemExit(int(found.code))  # this is how a hook sets the exit code

    hook.explains_settings = True  # type: ignore[attr-defined]
    sys.excepthook = hook


@contextmanager
def explaining() -> Iterator[None]:
    """In a program of our own: whatever ends it, it ends with two lines and the right code."""
    try:
        yield
    except (Exit, Failure, ParseError):
        raise
    except Exception as error:
        if debugging():
            raise
        found = _of_settings(error) or explained(error)
        tell(found)
        sys.exit(int(found.code))


def tell(error: SandboxError) -> None:
    """Tell a failure outside of any task, with `--json` as a document too."""
    if "--json" in sys.argv:
        print(json.dumps(error.document(), indent=2), flush=True)  # noqa: T201
    print(error, file=sys.stderr, flush=True)  # noqa: T201


def _of_settings(error: Exception) -> SandboxError | None:
    """What was wrong with the settings; None when Invoke was not about to read them."""
    found = {frame.f_code.co_name: frame.f_locals for frame in _frames(error.__traceback__)}
    if isinstance(error, AmbiguousEnvVar | UncastableEnvVar):
        variable = found.get("load", {}).get("real_var", "INVOKE_…")
        return UsageError(f"the variable {variable} cannot be used: {first_line(error)}", f"unset {variable}")
    if "config_path" in found.get("execute", {}):
        path = found["execute"]["config_path"]
        return UsageError(f"tasks.executor_class names no class: {path!r}", f"set it to {EXECUTOR}")
    if "merge_dicts" in found and not isinstance(error, RecursionError):
        keys = [
            str(frame.f_locals["key"]) for frame in _frames(error.__traceback__) if "key" in frame.f_locals
        ]
        return _not_settings(found["merge"]["self"], ".".join(keys))
    if "_load_file" in found:
        return _unreadable(str(found["_load_file"]["filepath"]), error)
    return None


def _frames(trace: TracebackType | None) -> Iterator[FrameType]:
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in _READERS:
            yield trace.tb_frame
        trace = trace.tb_next


def _unreadable(path: str, error: Exception) -> SandboxError:
    """Why a settings file is none."""
    if type(error).__name__ == "UnknownFileType":
        return UsageError(f"{path} is no settings file by its name", "name it .yaml, .yml, .json or .py")
    mark = getattr(error, "problem_mark", None)  # PyYAML's, which is Invoke's own copy
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or first_line(error)
    if isinstance(error, OSError):
        said = error.strerror or said
    elif isinstance(error, RecursionError):
        said = "it is nested too deeply"
    elif isinstance(error, UnicodeDecodeError):
        said = "it is no UTF-8 text"
    hint = "indent it with spaces, not tabs" if "\\t" in str(said) else "correct it"
    return UsageError(f"{path} cannot be read: {where}{said}", f"{hint}; README.md has an example")


def _not_settings(config: Any, key: str) -> SandboxError:
    """Which file has a text where names with values belong, or the other way round.

    Args:
        config: Invoke's.
        key: where; empty: the whole file.
    """
    found = [
        (path, getattr(config, f"_{level}", None))
        for level in LEVELS
        if (path := getattr(config, f"_{level}_path", None)) is not None
    ]
    for path, tree in found:
        if tree and not isinstance(tree, Mapping):
            return UsageError(f"{path} holds no settings", "write them as names with values, in YAML")
    named = " and ".join(str(path) for path, tree in found if tree)
    return UsageError(
        f"{key} is once one value, and once names with values; settings are in {named}",
        f"correct {key} there; README.md has an example",
    )
