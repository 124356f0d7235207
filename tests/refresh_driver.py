"""A refresh in a process of its own, which kills itself at a chosen moment.

    python -m tests.refresh_driver FOLDER [before N | during N | stage NAME | run]

N counts the commands that change something.
"""

# ruff: noqa: T201

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from invoke.config import Config

from sandbox.errors import SandboxError
from sandbox.lifecycle.progress import Silent
from sandbox.lifecycle.refresh import refresh
from sandbox.settings import load
from sandbox.shell import Runner
from tests.worlds import context


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Told(Silent):
    """Dies when a stage begins."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def stage(self, name: str) -> None:
        print("stage", name, flush=True)
        if name == self._stage:
            die()


class Dying:
    """A runner that dies before, or during, the Nth command that changes something."""

    def __init__(self, context: Runner, when: str, number: int) -> None:
        self._context, self._when, self._number = context, when, number
        self._count = itertools.count(1)

    @property
    def config(self) -> Any:
        return self._context.config

    def run(self, command: str, **kwargs: Any) -> Any:
        if kwargs.get("dry") is not False and next(self._count) == self._number:
            if self._when == "before":
                die()
            threading.Timer(0.06, die).start()
        return self._context.run(command, **kwargs)


def main(folder: str, when: str, what: str = "") -> int:
    settings = load(Config(), base=json.loads((Path(folder) / "settings.json").read_text()))
    number = int(what) if when in {"before", "during"} else 0
    runner = Dying(context(), when, number)
    try:
        told = Told(what if when == "stage" else "")
        report = refresh(settings, runner, yes=True, db_only=False, progress=told)
    except SandboxError as error:
        print(error, flush=True)
        return int(error.code)
    print(report, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
