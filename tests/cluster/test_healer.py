"""The tests' own healer does what Argo CD would, so that a pause is known to matter."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.healer import drift
from tests.cluster.kube import eventually, patch
from tests.cluster.world import World

KIND = "applications.argoproj.io"
PAUSES = (
    {"automated": {"prune": True, "selfHeal": True, "enabled": False}},
    {"automated": {"prune": True, "selfHeal": False}},
    {"automated": None},
)


@contextmanager
def policy(world: World, changed: dict[str, Any]) -> Iterator[None]:
    """Another sync policy, and afterwards the one that was."""
    patch(KIND, "erp", world.argocd, {"spec": {"syncPolicy": changed}})
    try:
        yield
    finally:
        world.restore_policy()


def scale(world: World, replicas: int) -> None:
    patch("deployment", "erp", world.sandbox, {"spec": {"replicas": replicas}})


def test_a_scale_down_without_a_pause_is_undone(world: World) -> None:
    scale(world, 0)
    eventually(lambda: world.running() == (2, 2), "the healer's scale-up")
    world.whole()


@pytest.mark.parametrize("pause", PAUSES, ids=["enabled-false", "self-heal-false", "automated-null"])
def test_a_scale_down_under_a_pause_is_left_alone(world: World, pause: dict[str, Any]) -> None:
    with policy(world, pause):
        scale(world, 0)
        for _ in range(10):  # each longer than the healer's pause between two looks
            time.sleep(0.3)
            assert world.running()[0] == 0
    eventually(lambda: world.running() == (2, 2), "the healer's scale-up")
    world.whole()


def test_a_parent_takes_back_what_its_git_names_and_nothing_else(world: World) -> None:
    git = {"spec": {"syncPolicy": {"automated": {"prune": True, "selfHeal": True}}}}
    with world.healer(parent=git) as told:
        with policy(world, {"automated": {"enabled": False}}):
            time.sleep(2)
            assert told.read_text() == ""
        patch(KIND, "erp", world.argocd, {"spec": {"syncPolicy": {"automated": None}}})
        eventually(lambda: healed(told), "the parent's revert")
    assert healed(told)[0] == {"application": git}
    world.restore_policy()
    world.whole()


def healed(told: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.read_text().splitlines()]


def test_drift_is_what_git_names_and_the_live_object_lacks() -> None:
    live = {"spec": {"a": 1, "extra": True, "gone": None}}
    assert drift({"spec": {"a": 1}}, live) is None
    assert drift({"spec": {"a": False}}, live) == {"spec": {"a": False}}
    assert drift({"spec": {"gone": {"x": 1}}}, live) == {"spec": {"gone": {"x": 1}}}
