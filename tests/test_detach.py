"""`refresh --detach` where nothing could be started: one clear line, before the cluster is asked."""

from __future__ import annotations

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
