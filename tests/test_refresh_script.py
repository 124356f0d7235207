"""A team's own script: run from the root, its exit code kept, under our lock and journal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from invoke.config import Config

from sandbox.errors import Busy, Failed, Refused
from sandbox.lifecycle import journal
from sandbox.lifecycle.progress import Silent
from sandbox.lifecycle.recover import recover
from sandbox.lifecycle.refresh import refresh
from sandbox.lifecycle.runs import new_run
from sandbox.settings import Settings, load
from tests.worlds import context


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def given(root: Path, script: str) -> Settings:
    path = root / "lifecycle.sh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    base = {"refresh": {"script": str(path)}, "files": {"state": str(root / "state")}}
    return replace(load(Config(), base=base), root=root)


def test_the_script_runs_from_the_root_with_the_flag_and_is_heard(tmp_path: Path) -> None:
    settings = given(tmp_path, 'echo "$PWD $*"; echo aside >&2; ls state; printf "no end"')
    heard = Heard()
    report = refresh(settings, context(), yes=True, db_only=True, progress=heard)
    assert report.strategy == "script"
    assert heard.lines == [f"{tmp_path} --db-only", "aside", "journal.json", "lock", "no end"]
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["last-refresh.json"]


def test_its_exit_code_is_kept(tmp_path: Path) -> None:
    with pytest.raises(Failed) as told:
        refresh(given(tmp_path, "exit 37"), context(), yes=True, db_only=False)
    assert int(told.value.code) == 37
    assert journal.interrupted(given(tmp_path, "")) is None


def test_it_needs_consent_and_a_dry_run_does_not_run_it(tmp_path: Path) -> None:
    settings = given(tmp_path, "touch ran")
    with pytest.raises(Refused):
        refresh(settings, context(), yes=False, db_only=False)
    refresh(settings, context(dry=True), yes=True, db_only=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lifecycle.sh"]


def test_a_second_one_is_busy_and_a_killed_one_is_told(tmp_path: Path) -> None:
    settings = given(tmp_path, "true")
    run = new_run(settings)
    with journal.held(settings.files.state, run) as book:
        book.write(journal.Journal(journal.holder(run), "script", "script"))
        with pytest.raises(Busy):
            refresh(settings, context(), yes=True, db_only=False)
    assert journal.interrupted(settings) is not None
    report = recover(settings, context())
    assert (report.found, report.outcome) == (True, "cleared")
    assert "your script" in report.actions[0]
    assert journal.interrupted(settings) is None
