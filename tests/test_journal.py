"""The lock dies with its holder; the journal outlives everybody."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.errors import Busy, ExitCode, Failed, Interrupted
from sandbox.lifecycle.journal import JOURNAL, LAST, LOCK, Book, Journal, active, busy, held, holder, left
from tests.worlds import REPOSITORY

HOLD = """
import sys, time
from pathlib import Path
from sandbox.lifecycle.journal import held, Journal, holder
with held(Path(sys.argv[1]), "theirs") as book:
    book.write(Journal(holder("theirs"), "swap", "copy"))
    print("held", flush=True)
    time.sleep(60)
"""


def other(state: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock."""
    words = [sys.executable, "-c", HOLD, str(state)]
    process = subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_held_lock_is_refused_and_names_its_holder(tmp_path: Path) -> None:
    process = other(tmp_path)
    try:
        with pytest.raises(Busy) as told, held(tmp_path, "mine"):
            pass
        assert f"process {process.pid}" in told.value.what
        assert told.value.code == ExitCode.BUSY
        who = active(tmp_path)
        assert who is not None
        assert (who.run, who.pid) == ("theirs", process.pid)
        assert str(process.pid) in str(busy(tmp_path))
    finally:
        end(process)


def test_a_dead_holder_blocks_nobody_and_its_journal_is_there(tmp_path: Path) -> None:
    end(other(tmp_path))
    assert active(tmp_path) is None
    with held(tmp_path, "mine") as book:
        page = left(tmp_path)
        assert page is not None
        assert (page.run, page.phase) == ("theirs", "copy")
        book.clear()
    assert list(tmp_path.iterdir()) == []


def test_looking_takes_no_lock_and_makes_no_file(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert active(state) is None
    assert left(state) is None
    assert not state.exists()


def test_files_and_folder_are_private_from_the_start(tmp_path: Path) -> None:
    os.umask(os.umask(0))
    old = os.umask(0)
    try:
        with held(tmp_path / "state", "mine") as book:
            book.write(Journal(holder("mine"), "swap", "create"))
            book.record({"run": "mine"})
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "state").iterdir()}
            assert modes == {LOCK: 0o600, JOURNAL: 0o600, LAST: 0o600}
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_page_is_turned_whole(tmp_path: Path) -> None:
    book = Book(tmp_path)
    with pytest.raises(Failed):
        book.turn("copy")
    book.write(Journal(holder("mine"), "in-place", "pause", paused=True))
    book.turn("copy")
    page = left(tmp_path)
    assert page is not None
    assert (page.phase, page.paused) == ("copy", True)
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL]


def test_a_journal_of_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text('{"something": "else"}')
    with pytest.raises(Interrupted, match="of another version"):
        left(tmp_path)


def test_many_processes_get_the_lock_one_after_another(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from sandbox.errors import Busy
from sandbox.lifecycle.journal import held
state, inside = Path(sys.argv[1]), Path(sys.argv[1]) / "inside"
done = 0
while done < 15:
    try:
        with held(state, "x"):
            inside.touch(exist_ok=False)
            time.sleep(0.001)
            inside.unlink()
            done += 1
    except Busy:
        pass
"""
    words = [sys.executable, "-c", script, str(tmp_path)]
    crowd = [subprocess.Popen(words, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=60)[1] for process in crowd]
    assert [process.returncode for process in crowd] == [0, 0, 0, 0], said


def test_a_journal_on_a_full_disk_is_told_and_the_older_page_stays(tmp_path: Path) -> None:
    with held(tmp_path, "mine") as book:
        page = Journal(holder("mine"), "swap", "copy")
        book.write(page)
        # no file of this process may grow beyond the lock's: as on a full disk, a write fails
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8, limits[1]))
        try:
            with pytest.raises(Failed, match=r"journal\.json cannot be written"):
                book.turn("swap")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, previous)
        assert left(tmp_path) == page
        assert sorted(path.name for path in tmp_path.iterdir()) == [JOURNAL, LOCK]
