"""The lab and the demo remove and stop only what they made."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.errors import ExitCode
from sandbox.lab.demo import Demo, Step, own_folder
from tests.support import ops, run

THEIRS = {
    ".lab/postgres/PG_VERSION": "18\n",
    ".lab/postgres/base/1": "rows",
    ".lab/sandbox/documents/a.pdf": "a",
}


def tree(folder: Path) -> dict[str, tuple[int, int, str]]:
    """All below a folder: mode, inode and content."""
    found = {}
    for path in folder.rglob("*"):
        told = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else ""
        found[str(path.relative_to(folder))] = told.st_mode, told.st_ino, content
    return found


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, ["carries no mark of inv lab.up"]),
        ({".lab/lab.json": "{}"}, ["carries no mark of inv lab.up"]),  # where an older lab's state was lost
        ({".lab/.dolibarr-sandbox-mark": None}, ["carries no mark of inv lab.up"]),  # a link
    ],
    ids=["somebody's", "without its state", "with a mark that is a link"],
)
def test_a_folder_that_no_lab_made_is_left_as_it_is(
    tmp_path: Path, more: dict[str, str | None], words: list[str]
) -> None:
    root = ops(tmp_path / "ops")
    for name, text in {**THEIRS, **more}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.symlink_to("/etc/hostname")
        else:
            path.write_text(text)
    before = tree(root / ".lab")
    for task in (["lab.up"], ["--dry", "lab.up"], ["lab.down"], ["--dry", "lab.down"]):
        done = run(root, *task)
        lost = task[-1] == "lab.down" and ".lab/lab.json" in more  # an older lab still stops
        assert done.returncode == (ExitCode.DONE if lost else ExitCode.REFUSED), done.stderr
        assert lost or all(word in done.stderr for word in words)
        assert {name: told for name, told in tree(root / ".lab").items() if name in before} == before


def test_a_lab_is_not_made_where_a_link_leads(tmp_path: Path) -> None:
    root, elsewhere = ops(tmp_path / "ops"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "letter.txt").write_text("mine")
    (root / ".lab").symlink_to(elsewhere)
    for task in ("lab.up", "lab.down"):
        done = run(root, task)
        assert (done.returncode, "is no folder of its own" in done.stderr) == (ExitCode.REFUSED, True)
    assert tree(elsewhere).keys() == {"letter.txt"}


@pytest.mark.parametrize("link", [True, False])
def test_the_demo_removes_its_folder_and_nothing_that_took_its_place(tmp_path: Path, link: bool) -> None:
    with own_folder() as folder:
        (folder / "made").write_text("")
    assert not folder.exists()
    with own_folder() as folder:
        shutil.move(folder, tmp_path / "moved")
        theirs = tmp_path / "theirs"
        if link:
            theirs.mkdir()
            folder.symlink_to(theirs)
        else:
            theirs = folder
            folder.mkdir()
        (theirs / "letter.txt").write_text("mine")
    assert (theirs / "letter.txt").read_text() == "mine"
    folder.unlink() if link else shutil.rmtree(folder)


def test_the_demo_reads_no_settings_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, folder = tmp_path / "home", tmp_path / "demo"
    home.mkdir()
    folder.mkdir()
    for name in (home / ".invoke.yaml", tmp_path / "runtime.yaml"):
        name.write_text(
            "sandbox: {engine: local, url: 'http://127.0.0.1:9/somebodys', documents: /nowhere}\n"
        )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("INVOKE_RUNTIME_CONFIG", str(tmp_path / "runtime.yaml"))
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        demo = Demo(folder, Console(file=nowhere))
        said = demo.run(Step("as it is", "inv refresh --yes", ExitCode.USAGE, "inv lab.up"))
    assert said is not None
    assert "somebodys" not in said
