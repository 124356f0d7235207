"""The files of examples/kubernetes in a test's world, and what they grant beside what is asked for."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox.config import merged
from tests.cluster.kube import apply, kubectl
from tests.cluster.manifests import IMAGE, volumes
from tests.cluster.world import World
from tests.support import REPOSITORY

EXAMPLE = REPOSITORY / "examples/kubernetes"
CRONJOB = "sandbox-refresh"
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


def granted(objects: list[dict[str, Any]], name: str) -> set[Right]:
    """What the Roles of that name allow."""
    return {
        (role["metadata"]["namespace"], group, resource, verb)
        for role in objects
        if role["kind"] == "Role" and role["metadata"]["name"] == name
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


def listening(folder: Path) -> tuple[Path, Path]:
    """A folder with a kubectl that logs its requests, and the folder of its logs."""
    programs, logs = folder / "bin", folder / "logs"
    programs.mkdir()
    logs.mkdir()
    script = LISTENING.replace("REAL", str(shutil.which("kubectl"))).replace("LOGS", str(logs))
    (programs / "kubectl").write_text(script)
    (programs / "kubectl").chmod(0o755)
    return programs, logs


def settings_inside(world: World, folder: Path, **overlay: Any) -> None:
    """The ConfigMap with the tasks and settings of who refreshes from within the cluster."""
    inside = {"kubernetes": {"context": ""}, "prod": {"kubernetes": {"context": ""}}}
    desk = world.desk(folder, **merged(inside, overlay))
    text = (desk / "invoke.yaml").read_text().replace('"context": "", ', "")
    kubectl("delete", "configmap", "sandbox-tasks", "-n", world.sandbox, "--ignore-not-found")
    kubectl(
        *("create", "configmap", "sandbox-tasks", "-n", world.sandbox),
        *(f"--from-literal=invoke.yaml={text}", f"--from-file={EXAMPLE / 'tasks.py'}"),
    )


def nightly(world: World) -> dict[str, Any]:
    """The example's CronJob, made runnable on the lab's node, which has no image with Python in it."""
    kubectl("delete", "cronjob", CRONJOB, "-n", world.sandbox, "--ignore-not-found")  # with its Jobs
    (cronjob,) = example(world, "cronjob.yaml")
    template = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    container = template["containers"][0]
    borrowed, mounts = volumes({})
    container |= {"image": IMAGE, "imagePullPolicy": "Never"}
    container["command"][0] = shutil.which("python")
    container["volumeMounts"] += mounts
    variables = {"INVOKE_SANDBOX_FILES_STATE": "/tmp/state", "PYTHONPATH": str(REPOSITORY)}
    container["env"] = [{"name": name, "value": value} for name, value in variables.items()]
    template["volumes"] += borrowed
    template["hostNetwork"] = True
    apply(cronjob)
    return cronjob
