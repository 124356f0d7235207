"""One suite for the stand-in and for the real Dolibarr: the option, the marks, and the table at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.lab.real.source import Source

# what these files show, a real Dolibarr must do as well; test_browser.py is about this machine
_SHARED = tuple(f"tests/provision/test_{name}.py" for name in ("converges", "proven", "refusals", "secrets"))
_WORDS = {"passed": "ok", "failed": "FAILED", "error": "ERROR"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--dolibarr", type=Path, help="run the lab on this Dolibarr folder, not on the stand-in")


@pytest.hookimpl(tryfirst=True)  # before -m chooses among the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    real = config.getoption("--dolibarr") is not None
    skip = {
        "standin": pytest.mark.skip(reason="the stand-in: nox -s tests"),
        "real": pytest.mark.skip(reason="a real Dolibarr: nox -s conformance -- --dolibarr PATH"),
    }
    for item in items:
        if item.nodeid.startswith(_SHARED):
            item.add_marker(pytest.mark.conformance)
        for mark in ("standin",) if real else ("real",):
            if item.get_closest_marker(mark):
                item.add_marker(skip[mark])


@pytest.fixture(scope="session")
def dolibarr(request: pytest.FixtureRequest) -> Path | None:
    """The real Dolibarr that the tests were given, None for the stand-in."""
    given: Path | None = request.config.getoption("--dolibarr")
    return given


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    del exitstatus
    path = config.getoption("--dolibarr")
    if path is None:
        return
    terminalreporter.section(f"conformance of Dolibarr {Source.at(path).version}")
    shown = [
        (report.nodeid.partition("tests/")[2], word, report.duration)
        for outcome, word in _WORDS.items()
        for report in terminalreporter.stats.get(outcome, [])
        if isinstance(report, pytest.TestReport)
    ]
    for nodeid, word, seconds in sorted(shown):
        file, _, check = nodeid.partition("::")
        name = check.removeprefix("test_").replace("_", " ")
        terminalreporter.write_line(f"{word:7}{seconds:6.1f} s  {file.removesuffix('.py'):28}{name}")
