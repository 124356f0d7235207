"""A run in which anything is skipped says at its end what was not tested and how to test it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY

TESTS = """
import pytest

def test_with_all_that_may_be_missing():
    pass

@pytest.mark.slow
@pytest.mark.parametrize("moment", range(3))
def test_takes_long(moment):
    pass

@pytest.mark.skip(reason="on the moon: fly there")
def test_asks_for_much():
    pass

def test_asks_for_much_in_part(record_property):
    record_property("not tested", "the moon's far side: fly there")
"""
LINES = """\
on the moon (1 test): fly there
the moon's far side (1 test): fly there
what takes long (3 tests): nox -s slow
"""


def run(folder: Path, *words: str, **variables: str) -> list[str]:
    """What a run of these tests prints, with our own plugin and settings."""
    (folder / "test_them.py").write_text(TESTS)
    ours = ("-p", "tests.untested", "-c", str(REPOSITORY / "pyproject.toml"), "--rootdir", str(folder))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *ours, *words, str(folder)],
        cwd=REPOSITORY,
        env={**{name: value for name, value in os.environ.items() if name != "NOT_TESTED"}, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines(keepends=True)


@pytest.mark.parametrize("processes", ["0", "1"])
def test_what_was_skipped_is_said_last(tmp_path: Path, processes: str) -> None:
    said = run(tmp_path, "-n", processes)
    assert "".join(said[-4:-1]) == LINES
    assert "not tested, and how to test it" in said[-5]


def test_nothing_is_said_where_nothing_was_skipped(tmp_path: Path) -> None:
    assert "not tested" not in "".join(run(tmp_path, "-m", "slow or not slow", "-k", "missing or takes"))


@pytest.mark.parametrize("processes", ["0", "1"])
def test_what_was_skipped_is_written_once_for_whoever_gathers_it(tmp_path: Path, processes: str) -> None:
    said = run(tmp_path, "-n", processes, NOT_TESTED=str(tmp_path / "gathered"))
    assert "not tested" not in "".join(said)
    assert (tmp_path / "gathered").read_text() == LINES


def test_a_skipped_session_says_last_how_to_test_it(tmp_path: Path) -> None:
    words = ("-m", "nox", "--no-venv", "--envdir", str(tmp_path), "-f", str(REPOSITORY / "noxfile.py"))
    env = {name: value for name, value in os.environ.items() if name not in {"NOT_TESTED", "KUBECONFIG"}}
    env["TMPDIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, *words, "-s", "cluster"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    last = "Not tested, and how to test it:\nengine kubernetes: KUBECONFIG=FILE nox -s cluster\n"
    assert done.stdout.endswith(last)
    assert not list(tmp_path.glob("not-tested*"))
