"""What a refresh from pod to pod takes of the client's memory does not depend on how much it carries.

`nox -s cluster -- --size=1000 -k memory` does it with about 1000 MB and tells the figures.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from sandbox.lab import access
from tests.cluster.world import World

LIMIT = 100.0  # megabytes
SLACK = 12.0  # megabytes that two runs may differ in, whatever they carry
_EVERY = 0.25  # seconds
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
_SHARE = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass
class Peak:
    """The most at any moment, in megabytes."""

    inv: float = 0.0  # the one process of `inv`
    all: float = 0.0  # with every process that it started; a page that several share counts once
    count: int = 0  # of those processes


def watched(process: subprocess.Popen[str]) -> Peak:
    """Watch a program until it ends."""
    peak, root = Peak(), psutil.Process(process.pid)
    deadline = time.monotonic() + 600
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(psutil.NoSuchProcess):
            tree = [process.pid, *(child.pid for child in root.children(recursive=True))]
            peak.inv = max(peak.inv, told(process.pid, "status", _PEAK))
            peak.all = max(peak.all, sum(told(pid, "smaps_rollup", _SHARE) for pid in tree))
            peak.count = max(peak.count, len(tree))
        time.sleep(_EVERY)
    return peak


def told(pid: int, file: str, pattern: re.Pattern[str]) -> float:
    """Megabytes of a process; 0 when it is gone."""
    with suppress(OSError):
        found = pattern.search(Path(f"/proc/{pid}/{file}").read_text())
        return int(found[1]) / 1024 if found else 0.0
    return 0.0


@pytest.fixture
def megabytes(request: pytest.FixtureRequest, apart: World) -> Iterator[int]:
    """How much prod has more while the fixture lasts, once `grow` was called."""
    yield int(request.config.getoption("--size"))
    for side, database in (("prod", access.PROD), ("sandbox", access.SANDBOX)):
        apart.rows("DROP TABLE IF EXISTS llx_bulk", database, side)


def grow(world: World, megabytes: int) -> None:
    """Give prod a table of that size."""
    made = f"SELECT i AS rowid, repeat(md5(i::text), 30) AS note FROM generate_series(1, {megabytes}000) i"
    world.rows(f"CREATE TABLE llx_bulk AS {made}", access.PROD, "prod")
    world.rows(f"GRANT SELECT ON llx_bulk TO {access.READER}", access.PROD, "prod")


def refreshed(world: World, folder: Path) -> Peak:
    """Refresh, and what that took at most."""
    with world.started(folder, "refresh", "--yes", "--db-only") as going:
        peak = watched(going)
        assert going.wait(timeout=600) == 0, (folder / "said").read_text()
    return peak


def test_the_client_s_memory_does_not_grow_with_what_is_refreshed(
    apart: World, tmp_path: Path, megabytes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = apart.desk(tmp_path / "desk")
    small = refreshed(apart, desk)
    grow(apart, megabytes)
    size = apart.rows("SELECT pg_database_size(current_database())", access.PROD, "prod")[0][0]
    large = refreshed(apart, desk)
    with capsys.disabled():
        print(f"\n{apart.megabytes} MB: {small}; {size / 1e6:.0f} MB: {large}")  # noqa: T201
    assert size >= megabytes * 1e6
    assert large.inv < LIMIT
    assert large.inv < small.inv + SLACK
    assert large.all < small.all + SLACK * large.count
