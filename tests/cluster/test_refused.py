"""What must not be, or cannot be: one clear line, the contract's exit code, and nothing touched."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.kube import apply, eventually, kubectl, listed
from tests.cluster.manifests import named, template
from tests.cluster.world import World
from tests.support import run

DATABASE = {"kubernetes": {"database": {"selector": "app=double", "container": "double"}}}


@pytest.fixture
def dirty(world: World) -> Iterator[World]:
    """A rehearsed sandbox that must be the same afterwards."""
    world.rehearse()
    before = world.tables("sandbox")
    yield world
    assert world.content() == ("old", "old")
    assert world.tables("sandbox") == before
    world.whole()


def refused(world: World, folder: Path, overlay: dict[str, Any], **variables: str) -> tuple[int, str]:
    """Exit code and message of a refresh, which is to be at most two lines."""
    words = ["refresh", "--yes", "--json"]
    done = run(world.desk(folder / "desk", **overlay), *words, program=("-m", "invoke"), **variables)
    document = json.loads(done.stdout)
    assert document["exit_code"] == done.returncode
    assert "\n" not in document["error"]
    assert document["next_step"]
    assert "Traceback" not in done.stderr
    return done.returncode, document["error"]


def pods(world: World, *names: str, ready: bool = True) -> None:
    """Pods that a selector finds beside the database's own."""
    pod = template("double", ["sleep", "infinity"], {})
    if not ready:
        pod["spec"]["containers"][0]["readinessProbe"] = {"exec": {"command": ["false"]}}
    for name in names:
        made = named("Pod", "v1", name, world.prod, spec=pod["spec"])
        made["metadata"]["labels"] = {"app": "double"}
        apply(made)
    eventually(
        lambda: (
            [p["status"]["phase"] for p in listed("pods", world.prod, "-l", "app=double")]
            == ["Running"] * len(names)
        ),
        "the doubles",
    )


@pytest.fixture
def doubles(world: World) -> Iterator[World]:
    """The world, whose extra pods are removed afterwards."""
    yield world
    kubectl("delete", "pods", "-n", world.prod, "-l", "app=double", "--wait")


def test_two_matching_pods_are_named(dirty: World, doubles: World, tmp_path: Path) -> None:
    pods(doubles, "double-a", "double-b")
    code, said = refused(dirty, tmp_path, DATABASE)
    assert code == 2
    assert "double-a, double-b" in said


def test_a_pod_that_is_not_ready_is_named(dirty: World, doubles: World, tmp_path: Path) -> None:
    pods(doubles, "double-a", ready=False)
    code, said = refused(dirty, tmp_path, DATABASE)
    assert code == 5
    assert "double-a is not ready" in said


def test_a_missing_namespace_is_named(dirty: World, tmp_path: Path) -> None:
    code, said = refused(dirty, tmp_path, {"prod": {"kubernetes": {"namespace": "not-there"}}})
    assert code == 2
    assert "not-there" in said


def test_a_machine_without_kubectl_says_so(dirty: World, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "bash", "env", "cat"):
        (programs / name).symlink_to(str(shutil.which(name)))
    code, said = refused(dirty, tmp_path, {}, PATH=str(programs))
    assert code == 2
    assert "kubectl" in said


def test_an_expired_credential_is_said(dirty: World, tmp_path: Path) -> None:
    config = credential(tmp_path, "made-up-and-long-expired")
    code, said = refused(dirty, tmp_path, {}, KUBECONFIG=str(config))
    assert code == 2
    assert "nauthorized" in said or "logged in" in said


def test_a_credential_that_may_only_read_is_refused(dirty: World, tmp_path: Path) -> None:
    account = named("ServiceAccount", "v1", "viewer", dirty.sandbox)
    subject = {"kind": "ServiceAccount", "name": "viewer", "namespace": dirty.sandbox}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    apply(account)
    for namespace in (dirty.sandbox, dirty.prod, dirty.argocd):
        binding = named("RoleBinding", "rbac.authorization.k8s.io/v1", "viewer", namespace)
        apply({**binding, "roleRef": role, "subjects": [subject]})
    config = credential(tmp_path, token(dirty.sandbox, "viewer"))
    code, said = refused(dirty, tmp_path, {}, KUBECONFIG=str(config))
    assert code == 2
    assert "forbidden" in said


def token(namespace: str, account: str) -> str:
    """A ServiceAccount's token."""

    def look() -> str:
        names = [s["name"] for s in json.loads(text(namespace, account)).get("secrets", [])]
        template = "jsonpath={.data.token}"
        held = kubectl("get", "secret", names[0], "-n", namespace, "-o", template) if names else ""
        return subprocess.run(["base64", "-d"], input=held, capture_output=True, text=True, check=True).stdout

    return str(eventually(look, f"a token of {account}"))


def text(namespace: str, account: str) -> str:
    return kubectl("get", "serviceaccount", account, "-n", namespace, "-o", "json")


def credential(folder: Path, bearer: str) -> Path:
    """A kubeconfig of mode 600 for the same cluster, with this token as its only credential."""
    view = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    view["users"][0]["user"] = {"token": bearer}
    path = folder / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(view))
    return path
