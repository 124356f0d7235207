"""A save, a rewind or a forget in a process of its own, which kills itself at a chosen moment.

    python -m tests.checkpoint_driver FOLDER save|rewind|forget NAME [before N | during N]

N counts the commands that change something.
"""

# ruff: noqa: T201

from __future__ import annotations

import json
import sys
from pathlib import Path

from invoke.config import Config

from sandbox.errors import SandboxError
from sandbox.lifecycle.checkpoint import save
from sandbox.lifecycle.checkpoints import forget
from sandbox.lifecycle.rewind import rewind
from sandbox.settings import load
from tests.refresh_driver import Dying
from tests.worlds import context


def main(folder: str, what: str, name: str, when: str = "", number: str = "0") -> int:
    settings = load(Config(), base=json.loads((Path(folder) / "settings.json").read_text()))
    runner = Dying(context(), when, int(number))
    try:
        if what == "save":
            print(save(settings, runner, name, yes=True), flush=True)
        elif what == "rewind":
            print(rewind(settings, runner, name, yes=True), flush=True)
        else:
            print(forget(settings, runner, name, yes=True), flush=True)
    except SandboxError as error:
        print(error, flush=True)
        return int(error.code)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
