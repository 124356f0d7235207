"""Key and .env files: any value survives, nobody else ever reads, everything else in the file stays."""

from __future__ import annotations

import os
import stat
import threading
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import envfile
from sandbox.errors import Failed, UsageError

values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
names = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
lines = st.sampled_from(
    [
        "# a comment\n",
        "\n",
        "  \n",
        "OTHER=plain\n",
        "export OTHER='quo\\'ted' # why\n",
        'OTHER="two\nlines"\r\n',
        "not a binding at all\n",
        "NOVALUE\n",
        "KEY=old # kept\n",
        "export KEY='o\\'ld'\n",
        'KEY = "old"\n',
    ],
)


@given(name=names, value=values, others=st.lists(lines), end=st.sampled_from(["", "TAIL=1"]))
@settings(max_examples=300, deadline=None)
def test_any_value_survives_the_round_trip_beside_any_other_line(
    name: str,
    value: str,
    others: list[str],
    end: str,
) -> None:
    before = "".join(others) + end
    after = envfile.with_values(before, {name: value})
    assert dotenv_values(stream=StringIO(after, newline=None), interpolate=False)[name] == value
    expected = {k: v for k, v in _read(before).items() if k != name}
    assert {k: v for k, v in _read(after).items() if k != name} == expected
    assert envfile.with_values(after, {name: value}) == after


def _read(text: str) -> dict[str, str | None]:
    return dict(dotenv_values(stream=StringIO(text), interpolate=False))


@given(value=values)
@settings(max_examples=50, deadline=None)
def test_a_file_written_is_the_file_read(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    path = tmp_path_factory.mktemp("env") / ".env"
    envfile.set_values(path, {"KEY": value})
    assert envfile.read_values(path) == {"KEY": value}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_comments_exports_and_line_ends_are_kept() -> None:
    text = "# head\r\nexport KEY='old' # note\r\nB=2"
    assert envfile.with_values(text, {"KEY": "new", "C": "3"}) == (
        "# head\r\nexport KEY=new # note\r\nB=2\r\nC=3\r\n"
    )


def test_a_name_that_stands_twice_leaves_no_old_secret() -> None:
    assert envfile.with_values("KEY=old1\nX=1\nKEY=old2\n", {"KEY": "new"}) == "KEY=new\nX=1\n"


def test_a_value_that_no_file_can_hold_is_refused() -> None:
    for value in ("a\0b", "\ud800"):
        with pytest.raises(UsageError, match="cannot be written"):
            envfile.with_values("", {"KEY": value})
    with pytest.raises(UsageError, match="no name"):
        envfile.with_values("", {"two words": "x"})


def test_the_mode_is_never_wider_than_600_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("KEY=old\n")
    path.chmod(0o600)
    seen: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for entry in os.scandir(tmp_path):
                try:
                    seen.add(stat.S_IMODE(entry.stat().st_mode))
                except FileNotFoundError:
                    continue

    previous = os.umask(0)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for number in range(200):
            envfile.set_values(path, {"KEY": f"v{number}"})
    finally:
        done.set()
        watcher.join()
        os.umask(previous)
    assert seen == {0o600}


def test_a_wide_file_becomes_narrow_and_a_link_keeps_pointing(tmp_path: Path) -> None:
    real = tmp_path / "real.env"
    real.write_text("A=1\n")
    real.chmod(0o644)
    link = tmp_path / ".env"
    link.symlink_to(real)
    envfile.set_values(link, {"KEY": "k"})
    assert link.is_symlink()
    assert real.read_text() == "A=1\nKEY=k\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


def test_a_folder_in_the_way_is_named_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.mkdir()
    with pytest.raises(Failed, match="cannot write"):
        envfile.write_secret(path, "x")
    assert [entry.name for entry in tmp_path.iterdir()] == [".env"]


def test_what_a_killed_writer_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    stale, fresh = tmp_path / "..env.old.tmp", tmp_path / "..env.now.tmp"
    stale.touch()
    fresh.touch()
    os.utime(stale, (1, 1))
    envfile.write_secret(tmp_path / ".env", "KEY=k\n")
    assert not stale.exists()
    assert fresh.exists()


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    """A device's name, such as /dev/zero, would be gone for everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(Failed, match="it is no file"):
            envfile.write_secret(path, "A=1\n")
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
