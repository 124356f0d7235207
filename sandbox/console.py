"""How results look: a table and a progress bar for people, one JSON document for programs.

With ``as_json`` stdout carries the document and nothing else; what people read goes to stderr.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sandbox.errors import SandboxError

if TYPE_CHECKING:  # rich costs 60 ms, which `inv --list` need not pay
    from rich.console import Console as RichConsole

Row = tuple[str, str]


class Console:
    """Where a task's words and results go.

    Args:
        as_json: whether stdout belongs to one JSON document.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    @cached_property
    def rich(self) -> RichConsole:
        """The terminal, or plain lines where there is none."""
        from rich.console import Console as RichConsole  # noqa: PLC0415

        return RichConsole(stderr=self.as_json, highlight=False, soft_wrap=True)

    def say(self, line: str, style: str = "") -> None:
        """Tell people something."""
        self.rich.print(line, style=style or None, markup=False)

    def show(self, report: Any, rows: Iterable[Row], title: str) -> None:
        """Show a result: `report`, a dataclass, as the JSON document, or `rows` as a table."""
        if self.as_json:
            print(json.dumps(dataclasses.asdict(report), indent=2, default=str))  # noqa: T201
            return
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(
            title=Text(title, style="bold"), title_justify="left", show_header=False, box=None, pad_edge=False
        )
        table.add_column(style="cyan", no_wrap=True)
        table.add_column(overflow="fold")
        for label, value in rows:
            table.add_row(label, Text(value, style=_colour(value)))
        self.rich.print(table, soft_wrap=False)

    def failed(self, error: SandboxError) -> None:
        """Give a program the failure as its JSON document; people get it from Invoke's `Exit`, on stderr."""
        if self.as_json:
            document = {"error": error.what, "next_step": error.next_step, "exit_code": int(error.code)}
            print(json.dumps(document, indent=2))  # noqa: T201
            sys.stdout.flush()


def _colour(value: str) -> str:
    if value.startswith(("armed", "alive ", "in step", "yes")):
        return "green"
    if value.startswith(("not ", "no ", "missing")):
        return "red"
    return ""


def plural(count: int, noun: str) -> str:
    """`1 table`, `2 tables`, `1,200 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size(count: float) -> str:
    """A number of bytes as people read it: `412 B`, `1.2 MB`; powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000 or unit == "GB":  # noqa: PLR2004
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError
