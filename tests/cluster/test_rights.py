"""The example's ServiceAccounts may do exactly what is asked of the API server for them, and do it."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.example import asked, example, granted, listening, nightly, settings_inside
from tests.cluster.kube import apply, eventually, get, kubectl
from tests.cluster.manifests import named
from tests.cluster.test_refused import credential, token
from tests.cluster.world import World
from tests.support import run


def test_the_account_of_the_example_suffices_and_has_nothing_superfluous(
    world: World, tmp_path: Path
) -> None:
    objects = example(world, "rbac.yaml")
    apply(*objects)
    config = credential(tmp_path, token(world.sandbox, "sandbox-refresh"))
    desk = world.desk(tmp_path / "desk")
    programs, logs = listening(tmp_path)
    path = f"{programs}:/usr/local/bin:/usr/bin:/bin"
    kubectl("delete", "lease", "--all", "-n", world.sandbox)  # else a test before this one has created it
    world.rehearse()
    for words in (
        ["refresh", "--yes"],
        ["save", "--yes"],
        ["diff"],
        ["rewind", "--yes"],
        ["forget", "--name", "baseline", "--yes"],
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
    assert asked(logs) - tried == granted(objects, "sandbox-refresh")
    assert world.content() == ("new", "new")
    world.whole()


def test_the_nightly_job_refreshes_from_within_the_cluster(world: World, tmp_path: Path) -> None:
    apply(*example(world, "rbac.yaml"))
    settings_inside(world, tmp_path / "inside")
    cronjob = nightly(world)
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
