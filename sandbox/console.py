"""How results look: a table and a progress bar for people, one JSON document for programs.

With ``as_json`` stdout carries the document and nothing else; what people read goes to stderr.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sandbox import redact
from sandbox.errors import SandboxError
from sandbox.printable import line_of_output, printable

if TYPE_CHECKING:  # rich costs 60 ms, which `inv --list` need not pay
    from rich.console import Console as RichConsole
    from rich.progress import Progress as RichProgress

    from sandbox.lifecycle.progress import Advance, Progress

STAGES = {
    "look": "looking at both sides",
    "pause": "stopping the application",
    "copy": "copying prod",
    "verify": "verifying the copy",
    "documents": "copying documents and logo",
    "neutralize": "muting the copy",
    "swap": "swapping old and new",
    "resume": "starting the application",
    "clean": "clearing away the old",
    "clear": "clearing the way",
    "keep": "copying the sandbox",
    "shelve": "putting the copy on the shelf",
    "back": "copying the checkpoint",
}
_PLAIN_EVERY = 5.0  # seconds between two plain lines of one stage

Row = tuple[str, str]


class Console:
    """Where a task's words and results go.

    Args:
        as_json: whether stdout belongs to one JSON document.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._stdout = sys.stdout  # the session may lead everything else away from it

    @cached_property
    def rich(self) -> RichConsole:
        """The terminal, or plain lines where there is none."""
        from rich.console import Console as RichConsole  # noqa: PLC0415

        stream = sys.stderr if self.as_json else sys.stdout
        # a file or a pipe has no width: only COLUMNS may fold its lines
        width = None if stream.isatty() or "COLUMNS" in os.environ else 200
        return RichConsole(stderr=self.as_json, highlight=False, soft_wrap=True, width=width, emoji=False)

    def say(self, line: str, style: str = "") -> None:
        """Tell people something."""
        self.rich.print(printable(line), style=style or None, markup=False)

    def show(self, report: Any, rows: Iterable[Row], title: str) -> None:
        """Show a result: `report`, a dataclass, as the JSON document, or `rows` as a table."""
        if self.as_json:
            self._document(dataclasses.asdict(report))
            return
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(
            title=Text(printable(title), style="bold"),
            title_justify="left",
            show_header=False,
            box=None,
            pad_edge=False,
        )
        table.add_column(style="cyan", no_wrap=True)
        table.add_column(overflow="fold")
        for label, value in rows:
            table.add_row(Text(printable(label)), Text(printable(value), style=_colour(value)))
        self.rich.print(table, soft_wrap=False)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """A progress bar on stderr, or plain lines where that is no terminal."""
        if not sys.stderr.isatty():
            yield Lines()
            return
        from rich.console import Console as RichConsole  # noqa: PLC0415
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
        from rich.progress import Progress as RichProgress  # noqa: PLC0415

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description:28}"),
            BarColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
        )
        with RichProgress(*columns, console=RichConsole(stderr=True), transient=True) as bar:
            yield Bar(bar)

    def failed(self, error: SandboxError) -> None:
        """Give a program the failure as its JSON document; people get it from Invoke's `Exit`, on stderr."""
        if self.as_json:
            self._document(error.document())

    def _document(self, document: dict[str, Any]) -> None:
        print(json.dumps(redact.tree(document), indent=2), file=self._stdout, flush=True)


class Lines:
    """Progress as plain lines on stderr: each stage, and now and then how far it is."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def stage(self, name: str) -> None:
        """Tell that a stage begins."""
        self.note(f"{STAGES.get(name, name)} ...")

    def advance(self, now: Advance) -> None:
        """Tell how far the copy is, but not too often."""
        if time.monotonic() - self._told >= _PLAIN_EVERY:
            self.note(f"  {_far(now)}")

    def note(self, text: str) -> None:
        """Tell a line."""
        self._told = time.monotonic()
        print(line_of_output(text), file=sys.stderr, flush=True)  # noqa: T201

    def ask(self, question: str) -> str | None:
        """Nobody sees a question on a stream that is no terminal."""
        del question
        return None


class Bar:
    """Progress as a bar."""

    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None, detail="")

    def stage(self, name: str) -> None:
        """Tell that a stage begins."""
        self._bar.update(self._task, description=STAGES.get(name, name), total=None, completed=0, detail="")

    def advance(self, now: Advance) -> None:
        """Tell how far the copy is."""
        # an index costs about what a table's bytes do; counted alone, bytes would stand at 100 % for long
        done, total = now.bytes_done / max(now.bytes, 1), now.indexes_done / max(now.indexes, 1)
        self._bar.update(self._task, total=1.0, completed=0.6 * done + 0.4 * total, detail=_far(now))

    def note(self, text: str) -> None:
        """Tell a line, above the bar."""
        self._bar.console.print(line_of_output(text), markup=False, emoji=False)

    def ask(self, question: str) -> str | None:
        """Ask, with the bar out of the way."""
        if not sys.stdin.isatty():
            return None
        self._bar.stop()
        try:
            self._bar.console.print(printable(question), markup=False, emoji=False, end=" ", soft_wrap=True)
            return sys.stdin.readline().strip()
        finally:
            self._bar.start()


def _far(now: Advance) -> str:
    return (
        f"tables {now.tables_done}/{now.tables}, {size(now.bytes_done)} of {size(now.bytes)}, "
        f"indexes {now.indexes_done}/{now.indexes}"
    )


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


def age(seconds: float) -> str:
    """A time as people tell it: `40 s`, `12 min`, `5 h`, `3 days`."""
    for unit, limit, length in ((" s", 100, 1), (" min", 100, 60), (" h", 48, 3600)):
        if seconds / length < limit:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds / 86400:.0f} days"
