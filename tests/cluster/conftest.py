"""The worlds on the cluster that KUBECONFIG names; `nox -s cluster` runs these tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.cluster.sights", "tests.cluster.kube")

from tests.cluster.kube import kubectl  # noqa: E402  # after its asserts were asked to explain themselves
from tests.cluster.manifests import GROUP, definition  # noqa: E402
from tests.cluster.world import World  # noqa: E402

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much the test of the client's memory carries."""
    parser.addoption("--size", type=int, default=200, help="megabytes that the test of memory refreshes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Never touch a cluster that nobody asked for: a KUBECONFIG may well be set for other reasons."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            if "cluster" not in config.option.markexpr:
                item.add_marker(pytest.mark.skip(reason="engine kubernetes: KUBECONFIG=FILE nox -s cluster"))


@pytest.fixture(scope="session")
def definitions() -> None:
    """The Application resource, where the cluster has none."""
    if not kubectl("get", "crd", f"applications.{GROUP}", "--ignore-not-found"):
        kubectl("apply", "-f", "-", stdin=json.dumps(definition()))
    kubectl("wait", "--for=condition=established", f"crd/applications.{GROUP}")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, definitions: None) -> Iterator[World]:
    """Both sides on one server, the application in two replicas, with a healer."""
    del definitions
    yield from _made(World(tmp_path_factory.mktemp("world"), replicas=2))


@pytest.fixture(scope="session")
def apart(tmp_path_factory: pytest.TempPathFactory, definitions: None) -> Iterator[World]:
    """Each side on a server of its own, with a healer."""
    del definitions
    yield from _made(World(tmp_path_factory.mktemp("apart"), servers=2))


def _made(world: World) -> Iterator[World]:
    for folder in world.folder.parents:  # pytest closes its folders to others, and PostgreSQL is nobody
        if folder.name.startswith("pytest-"):
            folder.chmod(folder.stat().st_mode | 0o011)
    try:
        world.make()
        with world.healer():
            yield world
    finally:
        world.remove()
