"""The example's ServiceAccount may do exactly what the cycle asks of the API server, and does it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cluster.kube import apply, eventually, get, kubectl
from tests.cluster.manifests import IMAGE, named, volumes
from tests.cluster.test_refused import credential, token
from tests.cluster.world import World
from tests.support import REPOSITORY, run

EXAMPLE = REPOSITORY / "examples/kubernetes"
Right = tuple[str, str, str, str]  # namespace, API group, resource, verb
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_PATH = r"/api(?:s/(?P<group>[^/]+))?/v[^/]+/namespaces/(?P<ns>[^/]+)(?:/(?P<kind>[^/]+))?"
PATH = re.compile(_PATH + r"(?:/(?P<name>[^/]+)(?:/(?P<sub>[^/]+))?)?")


# what kubectl logs of its requests goes to a file, what it says otherwise where it belongs
LISTENING = r"""#!/bin/bash
{ REAL -v=6 "$@" 2>&1 >&4 3>&- 4>&- | tee "LOGS/$$" | grep -v '^[IWEF][0-9]\{4\} ' >&3
exit "${PIPESTATUS[0]}"; } 3>&2 4>&1
"""


def example(world: World, name: str) -> list[dict[str, Any]]:
    """The objects of one of the example's files, in this world's namespaces."""
    text = (EXAMPLE / name).read_text()
    for theirs, ours in (
        ("erp-prod", world.prod),
        ("erp-sandbox", world.sandbox),
        ("namespace: argocd", f"namespace: {world.argocd}"),
    ):
        text = text.replace(theirs, ours)
    told = json.loads(kubectl("apply", "--dry-run=client", "-f", "-", "-o", "json", stdin=text))
    return list(told["items"]) if told["kind"] == "List" else [told]


def granted(objects: list[dict[str, Any]]) -> set[Right]:
    """What the Roles allow."""
    return {
        (role["metadata"]["namespace"], group, resource, verb)
        for role in objects
        if role["kind"] == "Role"
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def asked(folder: Path) -> set[Right]:
    """What kubectl asked the API server, by its own log."""
    found = set()
    for log in folder.iterdir():
        for method, url in re.findall(r"\] (GET|POST|PUT|PATCH|DELETE) (https://\S+)", log.read_text()):
            match = PATH.fullmatch(urlsplit(url).path)
            if match is not None and match["kind"]:
                resource = match["kind"] + (f"/{match['sub']}" if match["sub"] else "")
                verb = VERBS.get(method) or ("get" if match["name"] else "list")
                found.add((match["ns"], match["group"] or "", resource, verb))
    return found


@pytest.fixture
def listening(tmp_path: Path) -> tuple[Path, Path]:
    """A folder with a kubectl that logs its requests, and the folder of its logs."""
    programs, logs = tmp_path / "bin", tmp_path / "logs"
    programs.mkdir()
    logs.mkdir()
    script = LISTENING.replace("REAL", str(shutil.which("kubectl"))).replace("LOGS", str(logs))
    (programs / "kubectl").write_text(script)
    (programs / "kubectl").chmod(0o755)
    return programs, logs


def test_the_account_of_the_example_suffices_and_has_nothing_superfluous(
    world: World, tmp_path: Path, listening: tuple[Path, Path]
) -> None:
    objects = example(world, "rbac.yaml")
    apply(*objects)
    config = credential(tmp_path, token(world.sandbox, "sandbox-refresh"))
    desk = world.desk(tmp_path / "desk")
    programs, logs = listening
    path = f"{programs}:/usr/local/bin:/usr/bin:/bin"
    kubectl("delete", "lease", "--all", "-n", world.sandbox)  # else a test before this one has created it
    world.rehearse()
    for words in (
        ["refresh", "--yes"],
        ["save"],
        ["diff"],
        ["rewind", "--yes"],
        ["forget", "--name", "baseline"],
        ["recover"],
    ):
        done = run(desk, *words, KUBECONFIG=str(config), PATH=path)
        assert done.returncode in {0, 4}, (words, done.stderr)  # 4: rewound to a sandbox without an agent
    done = run(
        desk,
        "refresh",
        "--yes",
        KUBECONFIG=str(config),
        PATH=path,
        INVOKE_SANDBOX_REFRESH_STRATEGY="in-place",
    )
    assert done.returncode == 0, done.stderr
    # a newer kubectl first tries a WebSocket, which is a GET, and goes on with a POST where it may not
    tried = {(namespace, "", "pods/exec", "get") for namespace in (world.prod, world.sandbox)}
    assert asked(logs) - tried == granted(objects)
    assert world.content() == ("new", "new")
    world.whole()


def test_the_nightly_job_refreshes_from_within_the_cluster(world: World, tmp_path: Path) -> None:
    apply(*example(world, "rbac.yaml"))
    (cronjob,) = example(world, "cronjob.yaml")
    template = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    container = template["containers"][0]
    borrowed, mounts = volumes({})  # the lab's node has no image with Python in it
    desk = world.desk(tmp_path / "desk", kubernetes={"context": ""}, prod={"kubernetes": {"context": ""}})
    text = (desk / "invoke.yaml").read_text().replace('"context": "", ', "")
    kubectl(
        *("create", "configmap", "sandbox-tasks", "-n", world.sandbox),
        *(f"--from-literal=invoke.yaml={text}", f"--from-file={EXAMPLE / 'tasks.py'}"),
    )
    container |= {"image": IMAGE, "imagePullPolicy": "Never"}
    container["command"][0] = shutil.which("python")
    container["volumeMounts"] += mounts
    container["env"] = [{"name": "INVOKE_SANDBOX_FILES_STATE", "value": "/tmp/state"}]
    template["volumes"] += borrowed
    template["hostNetwork"] = True
    apply(cronjob)
    world.rehearse()
    apply(named("Job", "batch/v1", "tonight", world.sandbox, spec=cronjob["spec"]["jobTemplate"]["spec"]))
    eventually(lambda: ended(world), "the nightly job", patience=180)
    assert get("job", "tonight", world.sandbox)["status"].get("succeeded") == 1, kubectl(
        "logs", "job/tonight", "-n", world.sandbox, check=False
    )
    assert world.content() == ("new", "new")
    world.whole()


def ended(world: World) -> bool:
    return bool(get("job", "tonight", world.sandbox)["status"].get("conditions"))
