"""A client that is killed at any step of an in-place refresh leaves nothing that one command cannot mend."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.world import World
from tests.support import REPOSITORY, document, run

STEPS = {
    "while documents are copied": ("stage", "documents", "old"),
    "before the pause": ("stage", "pause", "old"),
    "before Argo CD is paused": ("before", '"enabled": false', "old"),
    "before the scale-down": ("before", '"replicas": 0', "old"),
    "after the scale-down": ("after", '"replicas": 0', "old"),
    "before the copy": ("stage", "copy", "old"),
    "near the commit": ("stage", "neutralize", "either"),
    "after the swap": ("before", "ANALYZE", "new"),
    "before the scale-up": ("before", '"replicas": 2', "new"),
    "after the scale-up": ("after", '"replicas": 2', "new"),
    "after Argo CD goes on": ("after", 'original-sync-policy": null', "new"),
    "before the end": ("stage", "clean", "new"),
}


def killed(world: World, folder: Path, when: str, text: str, **overlay: object) -> None:
    """Run a refresh that dies at that step."""
    path = folder / "settings.json"
    path.write_text(json.dumps(world.settings(**overlay)))
    words = [sys.executable, "-m", "tests.cluster.dying", str(path), when, text]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(("when", "text", "wanted"), STEPS.values(), ids=STEPS)
def test_after_a_killed_client_status_tells_and_recover_from_elsewhere_mends(
    world: World, tmp_path: Path, when: str, text: str, wanted: str
) -> None:
    world.rehearse()
    killed(world, tmp_path, when, text, refresh={"strategy": "in-place"})
    desk = world.desk(tmp_path / "another desk")
    seen = run(desk, "status", "--json")
    assert seen.returncode == 7, seen.stderr
    assert document(seen)["interrupted"]["strategy"] == "in-place"
    done = run(desk, "recover", "--json")
    assert done.returncode == 0, done.stderr
    database, documents = world.content()
    assert (database, documents) in {("old", "old"), ("new", "new")}
    assert wanted in {database, "either"}
    world.whole()
    assert run(desk, "recover", "--json").returncode == 0


def test_the_next_refresh_mends_what_a_killed_one_left_beside(world: World, tmp_path: Path) -> None:
    world.rehearse()
    killed(world, tmp_path, "stage", "verify", refresh={"strategy": "swap"})
    desk = world.desk(tmp_path / "desk")
    done = run(desk, "refresh", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert document(done)["recovered"]
    assert world.content() == ("new", "new")
    world.whole()


def test_a_holder_that_cannot_be_seen_is_dead_once_its_lease_is_not_renewed(
    world: World, tmp_path: Path
) -> None:
    world.rehearse()
    killed(world, tmp_path, "after", '"replicas": 0', refresh={"strategy": "in-place"})
    desk = world.desk(tmp_path / "desk")
    # in a space of process ids of its own, as on another machine, the holder's means nothing
    words = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-m", "invoke", "recover"]
    done = subprocess.run(words, cwd=desk, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert world.content() == ("old", "old")
    world.whole()
