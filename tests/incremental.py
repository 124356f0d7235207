"""What the tests of an incremental refresh share."""

from __future__ import annotations

from pathlib import Path

from sandbox.lifecycle.refresh import RefreshReport
from tests.worlds import World


def left(world: World) -> list[str]:
    kept = {"_sbx__cp_baseline", "sandbox documents__cp"}
    return [name for name in world.leftovers() if name not in kept]


def incremental(report: RefreshReport) -> dict[str, int]:
    assert (report.mode, report.base, report.why_full) == ("incremental", "baseline", "")
    assert report.carried is not None
    return report.carried


def page(world: World) -> Path:
    """Where the last refresh's content is remembered."""
    return world.state / "content.json"
