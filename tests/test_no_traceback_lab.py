"""Surroundings that only tell with a real database and ERP: a driver, a terminal, a disk that is full."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import lab
from sandbox.lab import access
from sandbox.lab.folder import Folder
from tests.support import ops, run

FULL = """mount -t tmpfs -o size=16k tmpfs "$1" && dd if=/dev/zero of="$1/rest" 2>/dev/null
shift; exec "$@"
"""


@pytest.fixture(scope="module")
def root(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The lab's root with our tasks, its sandbox refreshed and saved, and one name of a customer changed."""
    del tmp_path_factory
    made = ops(lab_root)
    for words in (("refresh", "--yes", "--db-only"), ("save", "--yes")):
        done = run(made, *words)
        assert done.returncode == 0, done.stderr
    folder = Folder(made)
    port = folder.state()["database_port"]
    with access.connected(folder.passwords, port, access.SANDBOX, access.SANDBOX) as session:
        session.execute("UPDATE llx_societe SET nom = 'Crédit, Référence' WHERE rowid = 1")
    yield made
    assert run(made, "forget", "--name", "baseline", "--yes").returncode == 0


def test_a_terminal_of_ascii_shows_other_characters_by_their_codes(root: Path) -> None:
    for words in ((), ("--json",)):
        done = run(root, "diff", "--rows", *words, PYTHONIOENCODING="ascii")
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()
        assert ("R\\u00e9f\\u00e9rence" if words else "R\\xe9f\\xe9rence") in done.stdout


@pytest.mark.parametrize("node", ["/nonexistent", "/bin/false"])
def test_a_driver_that_does_not_start_is_told(root: Path, node: str) -> None:
    done = run(root, "provision", "--headless", PLAYWRIGHT_NODEJS_PATH=node)
    assert done.returncode == 1, done.stderr
    assert "provision: Playwright's driver does not start: " in done.stderr
    assert "\n  next: see why: python -m playwright --version" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="a full disk: nox -s slow, as root")
def test_a_full_disk_is_told_and_nothing_is_half_done(root: Path, tmp_path: Path) -> None:
    tree = lab.configuration(root)
    assert tree is not None
    words = [sys.executable, "-m", "invoke", "save", "--yes", "--name", "full"]
    full = ["unshare", "--mount", "sh", "-c", FULL, "sh", str(tmp_path), *words]
    state = {"INVOKE_SANDBOX_FILES_STATE": str(tmp_path)}
    done = subprocess.run(
        full, cwd=root, env={**os.environ, **state}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "No space left on device" in done.stderr
    assert "next: make room there" in done.stderr
    assert "Traceback" not in done.stderr
    assert "full" not in run(root, "checkpoints").stdout
