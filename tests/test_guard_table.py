"""Many documents folders, each written into the settings: which are refused, by which rule, and untouched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.guard_cases import ADOPTABLE, CASES, NEVER, Case
from tests.worlds import REPOSITORY, World

NAMESPACE = (
    ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--mount")
)
QUICK = {case.name for case in CASES if case.quick}


@pytest.fixture
def world(lab_root: Path, tmp_path: Path) -> Iterator[World]:
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("which folders are refused: nox -s tests slow, where a mount namespace can be had")
    made = World(lab_root, tmp_path).make()
    yield made
    made.drop()


@pytest.fixture
def top() -> Iterator[Path]:
    """Where the scratch folder is mounted, for its namespace alone; a plain user may go there."""
    with tempfile.TemporaryDirectory(prefix="guard-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)
        assert list(Path(folder).iterdir()) == []


def played(world: World, top: Path, names: set[str], *, plain: bool) -> dict[str, list[dict[str, Any]]]:
    """Refresh with each of these folders, in a mount namespace; what each run ended with, said, changed."""
    base = world.base
    passwords = Path(base["postgres"]["passwords"]).read_text(encoding="utf-8")
    del base["files"], base["documents"]
    base["prod"]["documents"] = f"{top}/prod/documents"
    base["postgres"] = {**base["postgres"], "passwords": f"{top}/keys/pgpass"}
    given = {
        "top": str(top),
        "settings": f"sandbox: {json.dumps(base)}\n",
        "passwords": passwords,
        "database": world.sandbox,
        "cases": sorted(names),
        "plain": plain,
    }
    specification = world.folder / "specification.json"
    specification.write_text(json.dumps(given))
    done = subprocess.run(
        [*NAMESPACE, sys.executable, "-m", "tests.guard_driver", str(specification)],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return found


def wrong(
    top: Path, case: Case, *, adopt: bool, code: int, said: str, changed: list[str], folder: str
) -> str:
    """What of one run was not as it must be; empty: nothing."""
    refused = case.becomes == NEVER or (case.becomes == ADOPTABLE and not adopt)
    told = " ".join(said.split())
    if refused:
        if code != case.code or case.rule.replace("{}", str(top)) not in told:
            return f"{code}: {told}"
        return f"changed {changed}" if changed else ""
    state = f"{top}/home/me/project/.sandbox/"
    others = [path for path in changed if not f"{path}/".startswith((f"{folder}/", state))]
    return f"{code}: {told}" if code else f"changed {others}" if others else ""


def check(world: World, top: Path, names: set[str], *, plain: bool) -> None:
    before = world.dump(world.prod), world.dump(world.sandbox)
    found = played(world, top, names, plain=plain)
    assert found.keys() == names
    faults = [
        f"{case.name}{', adopted' if run['adopt'] else ''}: {fault}"
        for case in CASES
        for run in found.get(case.name, ())
        if (fault := wrong(top, case, **run))
    ]
    assert not faults, "\n".join(faults)
    assert world.dump(world.prod) == before[0]
    if all(case.becomes == NEVER for case in CASES if case.name in names):
        assert world.dump(world.sandbox) == before[1]


def test_folders_that_are_no_sandboxs_are_refused_and_untouched(world: World, top: Path) -> None:
    check(world, top, QUICK, plain=os.geteuid() == 0)


@pytest.mark.slow
@pytest.mark.parametrize("plain", [False, True] if os.geteuid() == 0 else [False])
def test_of_many_folders_only_a_sandboxs_is_replaced(world: World, top: Path, plain: bool) -> None:
    check(world, top, {case.name for case in CASES}, plain=plain)
