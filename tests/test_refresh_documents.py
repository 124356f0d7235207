"""Documents: an exact copy, swapped beside or inside, finished from wherever it stopped."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import documents
from sandbox.documents import Layout, Look
from sandbox.errors import Failed
from sandbox.guard import MARK, Guard, Mark
from tests.worlds import World

GUARD = Guard("sandbox", "documents-test")
NEW = {"a.pdf": "new", "deep/er/b c.pdf": "new", "line\nbreak": "new", ".hidden": "new"}


def sh(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", "-c", text], capture_output=True, text=True, check=False)


def filled(folder: Path, content: dict[str, str]) -> Path:
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def content(folder: Path) -> dict[str, str]:
    paths = (p for p in folder.rglob("*") if p.is_file() and p != folder / MARK)
    return {str(p.relative_to(folder)): p.read_text() for p in paths}


def looked(folder: Path) -> Look:
    found = documents.parsed(sh(documents.look(folder)).stdout)
    assert found is not None
    return found


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Prod's folder and the live one."""
    prod = filled(tmp_path / "prod's folder", NEW)
    (prod / "link").symlink_to("/etc/hostname")
    (prod / "empty").mkdir(mode=0o750)
    os.utime(prod / "a.pdf", ns=(10**18 + 123456789, 10**18 + 123456789))
    mark = Mark(GUARD.database, "r0").text()
    return prod, filled(tmp_path / "live $(x)", {"a.pdf": "old", "gone.pdf": "old", MARK: mark})


@pytest.mark.parametrize("beside", [True, False])
def test_a_copy_is_exact_and_the_swap_leaves_only_it(pair: tuple[Path, Path], beside: bool) -> None:
    prod, live = pair
    look = Look(**{**vars(looked(live)), "beside": beside})
    layout = look.layout()
    assert sh(documents.copy(str(prod), look, GUARD, again=False)).returncode == 0
    manifests = [documents.read_manifest(sh(documents.manifest(p)).stdout) for p in (str(prod), layout.next)]
    assert manifests[0] is not None
    assert manifests[0] == manifests[1]
    assert manifests[0].files == len(NEW)
    assert content(live)["a.pdf"] == "old"
    assert sh(documents.finish(layout, GUARD)).returncode == 0
    assert sh(documents.discard(layout, GUARD, "20261128T010203-a1b2c3")).returncode == 0
    assert content(live) == NEW | {"link": Path("/etc/hostname").read_text()}
    assert (live / "link").is_symlink()
    assert (live / "a.pdf").stat().st_mtime_ns == 10**18 + 123456789
    assert (live / "empty").stat().st_mode & 0o777 == 0o750
    assert sorted(path.name for path in live.parent.iterdir()) == sorted([prod.name, live.name])


def moves(layout: Layout) -> list[str]:
    """The single steps of a swap, as a kill can part them."""
    if not layout.incoming:
        return [f"mv '{layout.live}' '{layout.old}'", f"mv '{layout.next}' '{layout.live}'"]
    return [
        f"mkdir '{layout.old}' && cp '{layout.next}/{MARK}' '{layout.old}'",
        f"mv '{layout.live}/a.pdf' '{layout.old}'",
        f"mv '{layout.live}/gone.pdf' '{layout.old}'",
        f"mv '{layout.next}' '{layout.incoming}'",
        f"mv '{layout.incoming}/a.pdf' '{layout.live}'",
        f"mv '{layout.incoming}/deep' '{layout.live}'",
    ]


@pytest.mark.parametrize(("beside", "done"), [(True, n) for n in range(3)] + [(False, n) for n in range(7)])
def test_a_swap_is_finished_from_wherever_it_stopped(
    pair: tuple[Path, Path], beside: bool, done: int
) -> None:
    prod, live = pair
    look = Look(**{**vars(looked(live)), "beside": beside})
    sh(documents.copy(str(prod), look, GUARD, again=False))
    for move in moves(look.layout())[:done]:
        assert sh(move).returncode == 0
    for _ in range(2):  # and again, which changes nothing
        assert sh(documents.finish(look.layout(), GUARD)).returncode == 0
        assert sh(documents.discard(look.layout(), GUARD, "20261128T010203-a1b2c3")).returncode == 0
        assert content(live) == NEW | {"link": Path("/etc/hostname").read_text()}


def test_a_copy_steps_back_for_the_database(pair: tuple[Path, Path], tmp_path: Path) -> None:
    prod, live = pair
    programs = filled(
        tmp_path / "programs", {"cp": f'#!/bin/sh\nnice >"{tmp_path}/nice"\nexec /bin/cp "$@"\n'}
    )
    (programs / "cp").chmod(0o755)
    copied = sh(f"PATH={programs}:$PATH\n{documents.copy(str(prod), looked(live), GUARD, again=False)}")
    assert copied.returncode == 0
    assert int((tmp_path / "nice").read_text()) == min(os.nice(0) + 10, 19)


@pytest.mark.parametrize(("beside", "done"), [(True, 0), (True, 1), (False, 0)])
def test_a_copy_that_is_not_wanted_leaves_the_live_folder(
    pair: tuple[Path, Path], beside: bool, done: int
) -> None:
    prod, live = pair
    look = Look(**{**vars(looked(live)), "beside": beside})
    sh(documents.copy(str(prod), look, GUARD, again=False))
    for move in moves(look.layout())[:done]:
        sh(move)
    for _ in range(2):
        assert sh(documents.undo(look.layout(), GUARD, GUARD.run)).returncode == 0
        assert content(live) == {"a.pdf": "old", "gone.pdf": "old"}


def test_a_second_pass_brings_a_copy_up_to_date(pair: tuple[Path, Path]) -> None:
    prod, live = pair
    look = looked(live)
    sh(documents.copy(str(prod), look, GUARD, again=False))
    (prod / "a.pdf").write_text("newer")
    (prod / "deep" / "er" / "b c.pdf").unlink()
    (prod / "line\nbreak").rename(prod / "more\nbreaks")
    assert sh(documents.copy(str(prod), look, GUARD, again=True)).returncode == 0
    found = [sh(documents.manifest(path)).stdout for path in (str(prod), look.layout().next)]
    assert found[0] == found[1]


def test_the_place_of_the_copy_follows_from_the_folder(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (tmp_path / "link").symlink_to(plain)
    assert looked(plain).beside
    assert looked(tmp_path / "link").path == str(plain.resolve())
    assert documents.parsed(sh(documents.look(tmp_path / "none")).stdout) is None
    assert not looked(Path("/proc")).beside  # a mount point


@pytest.fixture
def world(lab_root: Path, tmp_path: Path) -> Iterator[World]:
    made = World(lab_root, tmp_path).make()
    yield made
    made.drop()


def test_documents_that_change_meanwhile_are_copied_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prod = world.folder / "prod documents"
    change = f"""echo "$1" >>"{tmp_path}/copied"
/bin/cp "$@" || exit 1
if [ $(wc -l <"{tmp_path}/copied") = 1 ]; then cd "{prod}" && rm "prod only.pdf" && echo more >"more.pdf"; fi
"""
    programs = filled(tmp_path / "programs", {"cp": f"#!/bin/sh\n{change}"})
    (programs / "cp").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    world.refresh()
    assert (tmp_path / "copied").read_text() == "-RpP\n-RpPu\n"
    assert world.files() == {"more.pdf": "more\n", "mycompany/logos/logo.png": "prod's"}
    assert world.leftovers() == []


def test_documents_that_never_stand_still_fail_and_the_sandbox_stays(world: World) -> None:
    prod = world.folder / "prod documents"
    before = world.dump(world.sandbox)
    stop = threading.Event()

    def busy() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            (prod / "moving.pdf").write_text(str(number))

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        with pytest.raises(Failed, match="documents"):
            world.refresh()
    finally:
        stop.set()
        thread.join()
    assert world.dump(world.sandbox) == before
    assert world.files()["sandbox only.pdf"] == "old"
    assert world.leftovers() == []


def test_a_logo_that_prod_lacks_is_told(world: World) -> None:
    (world.folder / "prod documents" / "mycompany" / "logos" / "logo.png").unlink()
    report = world.refresh()
    assert [line for line in report.warnings if "logo.png" in line]


@pytest.mark.parametrize("program", ["stat", "id"])
def test_a_look_whose_program_is_killed_is_told_as_failed(tmp_path: Path, program: str) -> None:
    dying = tmp_path / "programs" / program
    dying.parent.mkdir()
    dying.write_text("#!/bin/sh\nkill -9 $$\n")
    dying.chmod(0o755)
    text = documents.look(tmp_path)
    assert sh(text).returncode == 0
    assert sh(f"PATH={dying.parent}:$PATH\n{text}").returncode == 1
