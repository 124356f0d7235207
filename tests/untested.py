"""What a run did not test, and the command that does: said at its end, in lines like `WHAT: HOW`.

The reason of every skip has that form. Where somebody further out gathers such lines (nox, CI), NOT_TESTED
names the file for them, and they are said there.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

NOT_TESTED = "not tested"  # record_property(NOT_TESTED, "WHAT: HOW"), for a part of a test that passes
_SLOW = pytest.StashKey[int]()


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count the slow tests that nobody asked for; what -k and -m leave out was meant to be."""
    config = items[0].config
    if config.option.markexpr == "not slow" and all(item.get_closest_marker("slow") for item in items):
        config.stash[_SLOW] = len(items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)  # from one of several processes to the first
    if output is not None:
        output["slow"] = session.config.stash.get(_SLOW, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_SLOW] = getattr(node, "workeroutput", {}).get("slow", 0)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Iterator[None]:
    yield  # after all that others say
    if hasattr(config, "workeroutput"):  # the first of several processes says it for all
        return
    found = Counter(_told(terminalreporter.stats))
    if slow := config.stash.get(_SLOW, 0):
        found["what takes long: nox -s slow"] = slow
    lines = []
    for line, count in found.items():
        what, _, how = line.partition(": ")
        lines.append(f"{what} ({count} test{'s' if count > 1 else ''}): {how}")
    if lines and (gathered := os.environ.get("NOT_TESTED")):
        with Path(gathered).open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    elif lines:
        terminalreporter.write_sep("=", "not tested, and how to test it")
        for line in lines:
            terminalreporter.write_line(line)


def _told(stats: dict[str, list[Any]]) -> Iterator[str]:
    for report in stats.get("skipped", []):
        yield report.longrepr[2].removeprefix("Skipped: ")
    for report in stats.get("passed", []):
        yield from (value for name, value in report.user_properties if name == NOT_TESTED)
