"""Bringing a folder up to date from another place: only what differs travels, and the result is the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox import documents, sync
from sandbox.guard import MARK, Guard

GUARD = Guard("sandbox", "sync-test")


def look(folder: Path) -> documents.Look:
    told = subprocess.run(["sh", "-c", documents.look(folder)], capture_output=True, text=True, check=True)
    found = documents.parsed(told.stdout)
    assert found is not None
    return found


def shell(text: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(["sh", "-c", text], input=stdin, capture_output=True, check=True).stdout


def carried(prod: Path, live: Path, *, again: bool = False) -> list[str]:
    """Bring the copy of `live` up to date from `prod`; the paths that travelled."""
    seen = look(live)
    if not again:
        shell(sync.begun(seen, GUARD))
    wanted = shell(sync.staged(seen, GUARD), shell(sync.listed(str(prod))))
    shell(sync.received(seen), shell(sync.sent(str(prod)), wanted))
    return [path for path in wanted.decode().split("\0") if path]


def facts(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything that must be the same, by path."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(set(folder.rglob("*")) - {folder / MARK}):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        time = status.st_mtime_ns if path.is_file() and not path.is_symlink() else 0
        found[str(path.relative_to(folder))] = (
            status.st_mode,
            time,
            content,
            path.is_symlink() and path.readlink(),
        )
    return found


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    """Prod, and a sandbox that was the same once."""
    prod, live = tmp_path / "prod", tmp_path / "the sandbox"
    (prod / "facture" / "FA1").mkdir(parents=True)
    (prod / "empty").mkdir()
    for number in range(20):
        (prod / "facture" / f"{number}.pdf").write_text(f"invoice {number}")
    for name in ("a b.pdf", "line\nbreak", "-rf", "ünïcode", "dots..", "f 3 4 644 x"):
        (prod / "facture" / "FA1" / name).write_text(name)
    (prod / "link").symlink_to("facture/0.pdf")
    (prod / "facture" / "1.pdf").chmod(0o640)
    shutil.copytree(prod, live, symlinks=True)
    return prod, live


def test_of_two_equal_folders_nothing_travels(sides: tuple[Path, Path]) -> None:
    prod, live = sides
    assert [path for path in carried(prod, live) if (prod / path).is_file()] == []
    assert facts(prod) == facts(live.with_name(f"{live.name}__next"))


def test_only_what_differs_travels_and_what_prod_lacks_goes(sides: tuple[Path, Path]) -> None:
    prod, live = sides
    (prod / "facture" / "2.pdf").write_text("changed, and longer")
    (prod / "facture" / "new.pdf").write_text("new")
    (prod / "link").unlink()
    (prod / "link").symlink_to("facture/3.pdf")
    shutil.rmtree(prod / "empty")
    (prod / "empty").write_text("a file by now")
    (prod / "facture" / "1.pdf").chmod(0o600)
    (live / "rehearsed" / "deep").mkdir(parents=True)
    (live / "rehearsed" / "deep" / "file").write_text("rehearsed")
    (live / "facture" / "4.pdf").write_text("rehearsal 4")
    before = facts(live)
    travelled = {path for path in carried(prod, live) if not (prod / path).is_dir()}
    assert travelled == {
        "facture/1.pdf",
        "facture/2.pdf",
        "facture/4.pdf",
        "facture/new.pdf",
        "link",
        "empty",
    }
    assert facts(prod) == facts(live.with_name(f"{live.name}__next"))
    assert facts(live) == before


def test_what_changes_meanwhile_comes_with_the_next_pass(sides: tuple[Path, Path]) -> None:
    prod, live = sides
    carried(prod, live)
    (prod / "facture" / "5.pdf").write_text("written meanwhile")
    (prod / "facture" / "6.pdf").unlink()
    travelled = [path for path in carried(prod, live, again=True) if (prod / path).is_file()]
    assert travelled == ["facture/5.pdf"]
    assert facts(prod) == facts(live.with_name(f"{live.name}__next"))


def test_who_receives_may_start_before_all_others(sides: tuple[Path, Path]) -> None:
    prod, live = sides
    seen, following = look(live), live.with_name(f"{live.name}__next")
    shell(sync.begun(seen, GUARD))
    with subprocess.Popen(["sh", "-c", sync.received(seen)], stdin=subprocess.PIPE) as receiving:
        waits = Path(f"/proc/{receiving.pid}/cwd")
        while waits.readlink() != following:
            assert receiving.poll() is None
        wanted = shell(sync.staged(seen, GUARD), shell(sync.listed(str(prod))))
        receiving.communicate(shell(sync.sent(str(prod)), wanted), timeout=30)
    assert receiving.returncode == 0
    assert facts(prod) == facts(following)


def test_a_listing_that_was_cut_off_deletes_nothing(sides: tuple[Path, Path]) -> None:
    prod, live = sides
    carried(prod, live)
    following = live.with_name(f"{live.name}__next")
    before = facts(following)
    listing = shell(sync.listed(str(prod)))
    with pytest.raises(subprocess.CalledProcessError):
        shell(sync.staged(look(live), GUARD), listing[: len(listing) // 2])
    assert facts(following) == before
