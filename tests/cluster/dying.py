"""A refresh in a process of its own that kills itself at a chosen command or stage.

    python -m tests.cluster.dying SETTINGS (before | after | stage) TEXT

SETTINGS is a JSON file. `before` and `after` are about the first command that changes something and has
TEXT in it, `stage` about the stage of that name.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from invoke.config import Config

from sandbox.lifecycle.refresh import refresh
from sandbox.settings import load
from sandbox.shell import Runner
from tests.refresh_driver import Told, die
from tests.worlds import context


class Dying:
    """Dies at a command."""

    def __init__(self, context: Runner, when: str, text: str) -> None:
        self._context, self._when, self._text = context, when, text

    @property
    def config(self) -> Any:
        return self._context.config

    def run(self, command: str, **kwargs: Any) -> Any:
        mine = kwargs.get("dry") is not False and self._text in command
        if mine and self._when == "before":
            die()
        result = self._context.run(command, **kwargs)
        if mine and self._when == "after":
            die()
        return result


def main(path: str, when: str, text: str) -> None:
    settings = load(Config(), base=json.loads(Path(path).read_text()))
    told = Told(text if when == "stage" else "")
    refresh(settings, Dying(context(), when, text), yes=True, db_only=False, progress=told)


if __name__ == "__main__":
    main(*sys.argv[1:])
