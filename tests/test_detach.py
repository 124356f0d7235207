"""`refresh --detach` where nothing could be started: one clear line, before the cluster is asked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sandbox.lifecycle.detach import last_words
from tests.support import document, ops, run

CLUSTER = "engine: kubernetes\n  kubernetes: {namespace: made-up, cronjob: nightly}\n"


@pytest.mark.parametrize(
    ("settings", "words", "code", "said"),
    [
        (CLUSTER, ["--detach"], 3, "without --yes"),
        ("engine: local\n", ["--yes", "--detach"], 2, "sandbox.engine: kubernetes; it is local"),
        (CLUSTER.replace(", cronjob: nightly", ""), ["--yes", "--detach"], 2, "sandbox.kubernetes.cronjob"),
        (CLUSTER + "  refresh: {script: tasks.py}\n", ["--yes", "--detach"], 2, "sandbox.refresh.script"),
    ],
    ids=["no consent", "another engine", "no cronjob", "a script"],
)
def test_detach_is_refused_with_the_setting_s_name(
    tmp_path: Path, settings: str, words: list[str], code: int, said: str
) -> None:
    folder = ops(tmp_path / "ops", f"sandbox:\n  url: http://127.0.0.1:9\n  {settings}")
    done = run(folder, "refresh", *words, "--json", PATH=str(tmp_path))  # no kubectl: it is not asked
    assert done.returncode == code, done.stderr
    assert said in document(done)["error"]


KUBECTL = """#!/bin/sh
case "$*" in
*"get cronjob nightly"*) cat "$(dirname "$0")/cronjob.json" ;;
*"get jobs"*) echo '{"metadata": {}, "items": []}' ;;
*"get lease"*) ;;
*) echo "not expected: $*" >&2; exit 1 ;;
esac
"""
CRONJOB = {
    "apiVersion": "batch/v1",
    "metadata": {"uid": "made-up"},
    "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "refresh"}]}}}}},
}


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """An ops repository whose cluster is a `kubectl` that knows one CronJob."""
    made = json.loads(json.dumps(CRONJOB))
    container = made["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["inv", "refresh", "--yes", "--json"]
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "cronjob.json").write_text(json.dumps(made))
    (programs / "kubectl").write_text(KUBECTL)
    (programs / "kubectl").chmod(0o755)
    database = "database: {host: made-up, name: dolibarr_sandbox}\n"
    return ops(tmp_path / "ops", f"sandbox:\n  url: http://127.0.0.1:9\n  {database}  {CLUSTER}")


def test_the_name_that_a_person_adopts_is_handed_on_to_the_job(cluster: Path) -> None:
    path = f"{cluster.parent / 'programs'}:{os.environ['PATH']}"
    done = run(
        cluster, "--dry", "--echo", "refresh", "--yes", "--detach", "--adopt", "dolibarr_sandbox", PATH=path
    )
    assert done.returncode == 0, done.stderr
    assert '["inv", "refresh", "--adopt=dolibarr_sandbox", "--yes", "--json"]' in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--adopt"], "name it: --adopt NAME"),
        (["--adopt", "dolibarr"], "is dolibarr_sandbox, not 'dolibarr'"),
    ],
)
def test_what_is_adopted_without_seeing_it_is_named_rightly(
    cluster: Path, words: list[str], said: str
) -> None:
    done = run(cluster, "refresh", "--yes", "--detach", *words, "--json", PATH=str(cluster))
    assert done.returncode == 3, done.stderr
    told = document(done)
    assert said in f"{told['error']} {told['next_step']}"


def test_reset_does_not_take_detach(tmp_path: Path) -> None:
    assert run(ops(tmp_path / "ops"), "reset", "--yes", "--detach").returncode != 0


DOCUMENT = '{\n  "error": "it broke",\n  "next_step": "mend it",\n  "exit_code": 1\n}\n'


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (f"copying prod ...\n{DOCUMENT}refresh: it broke\n  next: mend it\n", ("it broke", "mend it")),
        (f"refresh: it broke\n  next: mend it\n{DOCUMENT}", ("it broke", "mend it")),
        ('": 1\n}\nrefresh: it broke\n  next: mend it\n', ("refresh: it broke", "mend it")),
        ("Traceback\nKeyError: 'x'\n", ("KeyError: 'x'", "")),
        ("OOMKilled", ("OOMKilled", "")),
        ("", ("", "")),
    ],
    ids=["document and text", "text first", "its beginning is lost", "a crash", "killed", "nothing"],
)
def test_the_last_words_of_a_job_are_its_reason(said: str, wanted: tuple[str, str]) -> None:
    assert last_words(said) == wanted
