"""A refresh that was started in the cluster goes on without who started it, and `status` follows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from invoke.config import Config

from sandbox.engines import ledger_for
from sandbox.settings import load
from tests.cluster.example import CRONJOB, asked, example, granted, listening, nightly, settings_inside
from tests.cluster.kube import apply, eventually, get, kubectl, listed
from tests.cluster.test_refused import credential, token
from tests.cluster.world import World
from tests.support import document, run
from tests.worlds import context

INVOKE = ("-m", "invoke")
NAMED = {"kubernetes": {"cronjob": CRONJOB}}


@pytest.fixture
def inside(world: World, tmp_path: Path) -> World:
    """The world with the example's accounts, CronJob and settings in it, and no Job."""
    apply(*example(world, "rbac.yaml"))
    settings_inside(world, tmp_path / "inside", refresh={"strategy": "in-place"})
    nightly(world)
    kubectl("delete", "jobs", "--all", "-n", world.sandbox)
    world.rehearse()
    return world


def seen(desk: Path, **variables: str) -> dict[str, Any]:
    """What `status` tells of the newest one."""
    told = document(run(desk, "status", "--json", program=INVOKE, **variables))["detached"]
    assert isinstance(told, dict)
    return told


def ended(desk: Path, **variables: str) -> dict[str, Any]:
    """The same, once it has ended."""

    def look() -> dict[str, Any] | None:
        told = seen(desk, **variables)
        return told if told["state"] != "running" else None

    found = eventually(look, "the end of the detached refresh", patience=180)
    assert isinstance(found, dict)
    return found


def test_it_ends_without_who_started_it_and_needs_no_other_right(inside: World, tmp_path: Path) -> None:
    kubectl("delete", "lease", "--all", "-n", inside.sandbox)  # else a test before this one has created it
    programs, logs = listening(tmp_path)
    account = {
        "KUBECONFIG": str(credential(tmp_path, token(inside.sandbox, "sandbox-starter"))),
        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
    }
    desk = inside.desk(tmp_path / "desk", **NAMED)
    begun = run(desk, "refresh", "--yes", "--detach", "--json", program=INVOKE, **account)
    assert begun.returncode == 0, begun.stderr
    made = document(begun)
    job = get("job", made["job"], inside.sandbox)
    assert job["metadata"]["ownerReferences"][0]["name"] == CRONJOB
    again = run(desk, "refresh", "--yes", "--detach", "--json", program=INVOKE, **account)
    assert again.returncode == 6, again.stdout
    assert made["job"] in document(again)["error"]
    assert len(listed("jobs", inside.sandbox)) == 1
    told = ended(desk, **account)
    logged = kubectl("logs", f"job/{made['job']}", "-n", inside.sandbox, check=False)
    assert (told["job"], told["state"], told["exit_code"]) == (made["job"], "succeeded", 0), logged
    assert "succeeded  (job" in run(desk, "status", program=INVOKE, **account).stdout
    assert asked(logs) == granted(example(inside, "rbac.yaml"), "sandbox-starter")
    assert inside.content() == ("new", "new")
    inside.whole()


def test_one_that_fails_is_told_with_its_reason_and_what_to_do(inside: World, tmp_path: Path) -> None:
    settings_inside(inside, tmp_path / "wrong", prod={"database": {"name": "not_there"}})
    desk = inside.desk(tmp_path / "desk", **NAMED)
    begun = run(desk, "refresh", "--yes", "--detach", "--db-only")
    assert begun.returncode == 0, begun.stderr
    (job,) = listed("jobs", inside.sandbox)
    words = job["spec"]["template"]["spec"]["containers"][0]["command"]
    assert words[words.index("refresh") :] == ["refresh", "--db-only", "--yes", "--json"]
    told = ended(desk)
    assert (told["state"], told["exit_code"]) == ("failed", 2)
    assert "not_there" in told["reason"]
    assert told["next_step"] == "check sandbox.prod.database"
    text = run(desk, "status").stdout
    assert "failed  (job" in text
    assert "check sandbox.prod.database" in text
    assert inside.content() == ("old", "old")
    inside.whole()


def test_nothing_is_made_where_it_cannot_run_now(inside: World, tmp_path: Path) -> None:
    desk = inside.desk(tmp_path / "desk", **NAMED)
    other = {"INVOKE_SANDBOX_KUBERNETES_CRONJOB": "other"}
    done = run(desk, "refresh", "--yes", "--detach", "--json", program=INVOKE, **other)
    assert (done.returncode, "no cronjob other" in document(done)["error"]) == (2, True), done.stdout
    dry = run(desk, "--dry", "--echo", "refresh", "--yes", "--detach")
    assert (dry.returncode, "create" in dry.stdout) == (0, True), dry.stderr
    given = load(Config(), base=inside.settings())
    with ledger_for(given, context()).hold({"run": "r", "pid": 1, "host": "h", "user": "u", "since": "s"}):
        done = run(desk, "refresh", "--yes", "--detach", "--json")
    assert done.returncode == 6
    assert "u@h, process 1" in document(done)["error"]
    assert listed("jobs", inside.sandbox) == []
    assert inside.content() == ("old", "old")
