"""What takes the place of a folder that was judged stays as it is; what was set aside is judged, too."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sandbox import documents, removal
from sandbox.documents import Layout
from sandbox.guard import MARK, REFUSED, Guard, Judgement, Mark

RUN = "20261128T010203-a1b2c3"
GUARD = Guard("dolibarr_sandbox", RUN)
OURS = Mark(GUARD.database, RUN).text()


def folder(path: Path, mark: str = OURS) -> Path:
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "a.pdf").write_text(path.name)
    if mark:
        (path / MARK).write_text(mark)
    return path


def raced(tmp_path: Path, text: str, program: str, change: str) -> subprocess.CompletedProcess[str]:
    """Run a shell text; what `change` does happens once, when it first runs `program`."""
    programs = tmp_path / "programs"
    programs.mkdir()
    real = shutil.which(program)
    once = f"mkdir '{tmp_path}/done' 2>/dev/null && {{ {change}; }}"
    # as late as can be: what was read before, was read of the folder that was there
    script = f'#!/bin/sh\nout=$({real} "$@"; code=$?; echo "end $code")\n{once}\n'
    script = f'{script}printf %s "${{out%end *}}"\nexit "${{out##*end }}"\n'
    if program == "mv":
        script = f'#!/bin/sh\n{once}\nexec {real} "$@"\n'
    (programs / program).write_text(script)
    (programs / program).chmod(0o755)
    env: dict[str, Any] = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    return subprocess.run(["sh", "-c", text], env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["folder", "link"])
@pytest.mark.parametrize("program", ["head", "find"])  # at the end of the judgement; in the removal
def test_what_takes_a_folders_place_before_it_is_removed_stays(
    tmp_path: Path, program: str, kind: str
) -> None:
    ours, theirs = folder(tmp_path / "ours"), folder(tmp_path / "theirs", "")
    change = f"mv '{ours}' '{tmp_path}/away'; " + (
        f"mv '{theirs}' '{ours}'" if kind == "folder" else f"ln -s '{theirs}' '{ours}'"
    )
    done = raced(tmp_path, removal.removed(str(ours), GUARD, f"{tmp_path}/aside"), program, change)
    assert (tmp_path / "done").exists()
    assert done.returncode == REFUSED
    judged = Judgement.read(done.stderr)
    assert judged is not None
    assert "is another one than a moment ago" in str(judged.refused())
    assert (ours / "deep" / "a.pdf").read_text() == "theirs"
    assert not (tmp_path / "aside").exists()
    assert (tmp_path / "away" / "deep").exists() == (program == "head")  # it is what was judged


def test_what_takes_the_live_folders_place_before_the_swap_comes_back(tmp_path: Path) -> None:
    live, theirs = folder(tmp_path / "live"), folder(tmp_path / "theirs", "")
    folder(tmp_path / "live__next")
    layout = Layout.of(str(live), beside=True)
    change = f"/bin/mv '{live}' '{tmp_path}/away'; /bin/mv '{theirs}' '{live}'"
    done = raced(tmp_path, documents.finish(layout, GUARD), "mv", change)
    assert done.returncode == REFUSED
    assert (live / "deep" / "a.pdf").read_text() == "theirs"
    assert Path(layout.next).exists()
    assert not Path(layout.old).exists()


def test_of_what_earlier_runs_set_aside_only_what_is_marked_is_removed(tmp_path: Path) -> None:
    layout = Layout.of(str(folder(tmp_path / "live")), beside=True)
    ours = folder(Path(f"{layout.left}{RUN}"))
    others = {
        "20261128T010203-000001": "",
        "20261128T010203-000002": Mark("another", RUN).text(),
        "20261128T010203-000003": "forged",
        "notes": "",
    }
    left = [folder(Path(f"{layout.left}{name}"), mark) for name, mark in others.items()]
    link = Path(f"{layout.left}20261128T010203-000004")
    link.symlink_to(folder(tmp_path / "elsewhere"))
    done = subprocess.run(
        ["sh", "-c", documents.discard(layout, GUARD, RUN)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not ours.exists()
    assert link.is_symlink()
    assert all((path / "deep" / "a.pdf").exists() for path in (*left, tmp_path / "elsewhere"))
