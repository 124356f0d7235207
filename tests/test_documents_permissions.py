"""Documents of another user: tried before anything is copied, removed or set aside, and never in a loop."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from sandbox.errors import UsageError
from sandbox.guard import MARK
from sandbox.lifecycle import checkpoint, checkpoints, journal, rewind
from sandbox.lifecycle.recover import recover
from sandbox.removal import Trial, tried
from sandbox.shell import observe
from tests.support import copy_programs
from tests.worlds import World, context

NOBODY, WEB = 65534, 33  # who refreshes; the web server's user
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")


class Plain:
    """A runner whose commands run as a plain user."""

    def __init__(self) -> None:
        self._context = context()

    @property
    def config(self) -> Any:
        return self._context.config

    def run(self, command: str, **kwargs: Any) -> Any:
        who = f"cd / && TMPDIR=/tmp setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups"
        return self._context.run(f"{who} sh -c {quote(command)}", **kwargs)


@pytest.fixture(scope="module")
def programs() -> Iterator[Path]:
    """PostgreSQL's programs, where a plain user may run them: our own may be in a closed folder."""
    with tempfile.TemporaryDirectory(prefix="programs-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield copy_programs(Path(folder))


@pytest.fixture
def world(lab_root: Path, programs: Path) -> Iterator[World]:
    """Folders that a plain user may enter, and whose sandbox side is that user's."""
    folder = Path(tempfile.mkdtemp(prefix="permissions-", dir="/tmp"))
    folder.chmod(0o755)
    made = World(lab_root, folder).make()
    passwords = folder / "pgpass"
    shutil.copy(made.base["postgres"]["passwords"], passwords)
    made.overlay = {"postgres": {"passwords": str(passwords), "programs": str(programs)}}
    passwords.chmod(0o600)
    own(folder)
    yield made
    made.drop()
    shutil.rmtree(folder)


def own(folder: Path, user: int = NOBODY, group: int = NOBODY) -> None:
    subprocess.run(["chown", "-R", f"{user}:{group}", str(folder)], check=True)


def by_web(documents: Path) -> Path:
    """A folder that the web server made."""
    made = documents / "facture" / "byweb"
    made.mkdir(parents=True)
    (made / "invoice.pdf").write_text("web's")
    os.chown(made.parent, NOBODY, NOBODY)
    own(made, WEB, WEB)
    return made


def refresh(world: World, **flags: Any) -> tuple[str, ...]:
    """Refresh as a plain user; the warnings about documents."""
    report = world.refresh(runner=Plain(), **flags)
    assert journal.interrupted(world.settings()) is None
    assert set(world.files().values()) == {"prod's"}
    return tuple(line for line in report.warnings if str(world.folder) in line)


def left(world: World) -> list[Path]:
    return sorted(path for path in world.folder.iterdir() if "__left_" in path.name)


def test_what_cannot_be_removed_is_set_aside_and_told_and_blocks_nobody(world: World) -> None:
    by_web(world.documents)
    foretold, told = refresh(world)
    (aside,) = left(world)
    assert foretold.startswith(f"user {NOBODY} may not remove {world.documents}/facture/byweb")
    assert f"sudo rm -rf -- '{aside}'" in told
    assert [path.name for path in aside.rglob("*.pdf")] == ["invoice.pdf"]  # the rest is gone
    assert not recover(world.settings(), Plain()).found
    (again,) = refresh(world)
    assert f"sudo rm -rf -- '{aside}'" in again
    subprocess.run(again.partition("sudo ")[2], shell=True, check=True)
    assert refresh(world) == ()
    assert world.leftovers() == []


def test_what_could_not_be_removed_is_removed_by_the_next_run_that_may(world: World) -> None:
    by_web(world.documents)
    refresh(world)
    own(left(world)[0])
    assert refresh(world) == ()
    assert left(world) == []


def test_a_closed_folder_of_ours_is_opened_and_removed(world: World) -> None:
    closed = world.folder / "prod documents" / "closed"
    closed.mkdir()
    (closed / "c.pdf").write_text("prod's")
    closed.chmod(0o555)
    for owner in (NOBODY, NOBODY, 0, 0):  # where its parent is another's, the copy is made inside
        os.chown(world.folder, owner, owner)
        assert refresh(world) == ()
        assert stat.S_IMODE((world.documents / "closed").stat().st_mode) == 0o555
        assert world.leftovers() == []


def test_what_cannot_be_moved_is_refused_before_anything_is_copied(world: World) -> None:
    made = by_web(world.documents)
    own(made.parent, WEB, WEB)
    os.chown(world.folder, 0, 0)
    before = world.dump(world.sandbox)
    with pytest.raises(UsageError) as refused:
        refresh(world)
    assert f"may not move {world.documents}/facture" in refused.value.what
    assert world.dump(world.sandbox) == before
    assert sorted(path.name for path in world.documents.iterdir()) == [
        MARK,
        "facture",
        "mycompany",
        "sandbox only.pdf",
    ]
    command = refused.value.next_step
    assert command.startswith("sudo chown")
    subprocess.run(command.removeprefix("sudo "), shell=True, check=True)
    assert refresh(world) == ()


def test_documents_that_the_erp_could_not_write_to_are_refused(world: World) -> None:
    own(world.documents, WEB, WEB)
    with pytest.raises(UsageError, match="could not write"):
        refresh(world)
    assert world.files()["sandbox only.pdf"] == "old"


def test_the_group_and_its_rights_are_the_live_folders(world: World) -> None:
    own(world.documents, WEB, NOBODY)
    world.documents.chmod(0o2775)
    assert refresh(world)[:1] != ()  # what is the web server's can only be set aside
    found = [world.documents, *world.documents.rglob("*")]
    assert {path.stat().st_gid for path in found} == {NOBODY}
    assert all(path.stat().st_mode & 0o020 for path in found)
    assert all(path.stat().st_mode & 0o2000 for path in found if path.is_dir())


def test_a_rewind_and_a_forget_leave_what_they_cannot_remove_and_say_so(world: World) -> None:
    settings, runner = world.settings(), Plain()
    checkpoint.save(settings, runner, "baseline", yes=False)
    by_web(world.documents)
    report = rewind.rewind(settings, runner, "baseline", yes=True)
    assert [line for line in report.warnings if f"sudo rm -rf -- '{left(world)[0]}'" in line]
    assert world.files()["sandbox only.pdf"] == "old"
    (kept,) = (world.folder / "sandbox documents__cp").iterdir()
    by_web(kept / "files")
    (warning,) = checkpoints.forget(settings, runner, "baseline", yes=True).warnings
    assert f"sudo rm -rf -- '{kept}'" in warning
    assert journal.interrupted(settings) is None
    assert not checkpoint.save(settings, runner, "baseline", yes=False).replaced
    assert not recover(settings, runner).found


def test_a_folder_like_tmp_is_found_out() -> None:
    folder = Path(tempfile.mkdtemp(prefix="permissions-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        sticky = folder / "all"
        sticky.mkdir()
        (sticky / "theirs").write_text("")
        sticky.chmod(0o1777)
        os.chown(folder, NOBODY, NOBODY)
        told = observe(Plain(), tried(str(folder), beside=True))
        assert Trial.read(told.stdout) == Trial((), ("all/theirs",))
        told = observe(Plain(), tried(str(sticky), beside=False))
        assert Trial.read(told.stdout).unmovable == ("theirs",)
    finally:
        shutil.rmtree(folder)
