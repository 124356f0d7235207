"""Whatever settings, files, servers, a cluster or the machine hold: a task ends in two lines and a code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support import Double, Reply, ops

NOWHERE = {"url": "http://127.0.0.1:9", "timeouts": {"connect": 1, "read": 1}}
KEY = "test/.ai_agent_sandbox.key"
LAST = ".sandbox/sandbox/last-refresh.json"
# without root's rights over files, and with its own: what is closed is closed for both
PLAIN = ("setpriv", "--inh-caps=-all", "--bounding-set=-all") if os.geteuid() == 0 else ()


def nothing(_: Path) -> None:
    """Leave the folder as it is."""


@dataclass(frozen=True)
class Case:
    """One command in one folder, and how it must end.

    Args:
        words: the task and its flags.
        code: the exit code.
        says: words of the error.
        raw: the whole of invoke.yaml, instead of `tree`.
        tree: the sandbox's settings.
        prepare: does something to the folder.
        shell: a shell text that runs the command, `"$@"`.
    """

    words: tuple[str, ...]
    code: int
    says: tuple[str, ...]
    raw: str | bytes = ""
    tree: Mapping[str, Any] = field(default_factory=lambda: NOWHERE)
    prepare: Callable[[Path], object] = nothing
    shell: str = 'exec "$@"'
    variables: Mapping[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ("-m", "invoke")


def played(case: Case, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run it; assert that it ends in an error of a line, with a next step, and with its code."""
    ops(folder, f"sandbox: {json.dumps(case.tree)}\n")
    if case.raw:
        text = case.raw if isinstance(case.raw, bytes) else case.raw.encode("utf-8", "surrogateescape")
        (folder / "invoke.yaml").write_bytes(text)
    case.prepare(folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARCO_", "INVOKE_"))}
    words = ["bash", "-c", case.shell, "bash", *PLAIN, sys.executable, *case.program, *case.words]
    env = {**kept, "HERE": str(folder), **case.variables}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, timeout=120, check=False)
    told = done.stderr.decode(errors="replace")
    assert "Traceback" not in told
    assert "bug" not in told
    assert done.returncode == case.code, told
    assert all(word in told for word in case.says), told
    if case.says:
        assert "\n  next: " in told
    return done


def file(name: str, content: str | bytes, mode: int = 0o600) -> Callable[[Path], None]:
    """Write a file below the folder."""

    def write(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)

    return write


def at(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Make something else than a file below the folder."""

    def prepare(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        make(path)

    return prepare


def setting(says: str, *words: str, **tree: Any) -> Case:
    """A wrong value."""
    return Case(words or ("status",), 2, (says, "invoke.yaml"), tree={**NOWHERE, **tree})


def yaml(raw: str | bytes, *says: str) -> Case:
    """A settings file that cannot be read; also for a program that reads JSON."""
    return Case(("status", "--json"), 2, ("invoke.yaml", *says), raw=raw)


QUICK = {
    "tab": yaml("sandbox:\n\turl: x\n", "line 2, column 1", "spaces, not tabs"),
    "list": yaml("- a\n", "holds no settings"),
    "nul": setting("sandbox.documents must be a text without a NUL", documents="a\0b"),
    "size": Case(("lab.up", "--size", "abc"), 2, ("--size must be a whole number; got 'abc'",)),
    "fifo": Case(("status",), 2, (KEY, "it is no file"), prepare=at(KEY, os.mkfifo)),
    "state": Case(("status",), 2, (".sandbox",), prepare=file(".sandbox", "")),
    "arcodange": Case(
        ("sandbox", "checkpoint", "status"),
        2,
        ("invoke.yaml", "line 2"),
        raw="sandbox: [\n",
        shell='ARCO_ROOT=$HERE exec "$@"',
        program=("-m", "sandbox.program"),
    ),
}
SLOW = {
    "brackets": yaml("sandbox: {url: [\n", "line 2"),
    "bytes": yaml(b"sandbox: {url: 'http://\xff'}\n", "no UTF-8 text"),
    "deep": yaml("sandbox: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
    "alias": yaml("sandbox: &a {url: *a}\n", "nested too deeply"),
    "text": yaml("hello\n", "holds no settings"),
    "clash": yaml("tasks: 3\nsandbox: {}\n", "tasks is once one value"),
    "executor": Case(("status",), 2, ("executor_class", "'no.such'"), raw="tasks: {executor_class: no.such}"),
    "folder": Case(("status",), 2, ("invoke.yaml", "directory"), prepare=at("invoke.yaml", Path.mkdir)),
    "closed": Case(("status",), 2, ("invoke.yaml", "denied"), prepare=file("invoke.yaml", "", 0)),
    "missing": Case(("-f", "none.yaml", "status"), 2, ("there is no settings file none.yaml",)),
    "kind": Case(("-f", "tasks.py.txt", "status"), 2, ("no settings file by its name",)),
    "other": Case(("-f", "x.json", "status"), 2, ("x.json cannot be read",), prepare=file("x.json", "{")),
    "list in a file": Case(
        ("status",),
        2,
        ("INVOKE_SANDBOX_AGENT_RIGHTS cannot be used",),
        tree={**NOWHERE, "agent": {"rights": ["a.b"]}},
        variables={"INVOKE_SANDBOX_AGENT_RIGHTS": "societe.lire"},
    ),
    "half": setting("sandbox.database.name must be a text that can be", database={"name": "\ud800"}),
    "home": setting("whose home that is is not known", documents="~nobody_at_all/x"),
    "label": setting("sandbox.url must be an http(s) URL", url="http://a..b"),
    "long": setting("sandbox.database.port must be", database={"name": "x", "port": "1" * 5000}),
    "group": Case(
        ("status",), 2, ("sandbox must hold settings; got a list (in ", "invoke.yaml"), raw="sandbox: [1]\n"
    ),
    "key a folder": Case(("relink-env",), 2, (KEY, "directory"), prepare=at(KEY, Path.mkdir)),
    "key without an end": Case(
        ("relink-env",), 2, (KEY, "it is no file"), prepare=at(KEY, lambda path: path.symlink_to("/dev/zero"))
    ),
    "key of bytes": Case(("status",), 2, (KEY, "no UTF-8"), prepare=file(KEY, b"\xff\xfe")),
    "key closed": Case(("status",), 2, (KEY, "denied"), prepare=file(KEY, "x", 0)),
    ".env a folder": Case(("status",), 2, (".env",), prepare=at("dolibarr-sandbox-write/.env", Path.mkdir)),
    "state closed": Case(
        ("recover",), 1, (".sandbox", "denied"), prepare=at(".sandbox", lambda p: p.mkdir(0))
    ),
    "last": Case(("status",), 5, (), prepare=file(LAST, '{"marks": {"a": NaN}, "finished": [], "run": 3}')),
    "last deep": Case(("status",), 5, (), prepare=file(LAST, "[" * 100_000)),
    "lab's state": Case(
        ("lab.down",), 0, (), prepare=file(".lab/lab.json", '{"database_port": "x", "erp": {"pid": "x"}}')
    ),
    "lab's state again": Case(
        ("--dry", "lab.up"), 2, ("lab.json is damaged",), prepare=file(".lab/lab.json", '{"size": []}')
    ),
    "input": Case(("recover",), 0, (), shell='exec "$@" <&-'),
    "ascii": Case(("skill",), 0, (), variables={"PYTHONIOENCODING": "ascii"}),
    "locale": Case(
        ("status",),
        2,
        ("sandbox.documents must be a text that can be",),
        raw="sandbox: {url: 'http://127.0.0.1:9', documents: \"\\xe9\"}\n",
        variables={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ),
}


@pytest.mark.parametrize("name", QUICK)
def test_what_a_user_wrote_ends_in_two_lines(tmp_path: Path, name: str) -> None:
    done = played(QUICK[name], tmp_path)
    if "--json" in QUICK[name].words:
        assert json.loads(done.stdout)["exit_code"] == QUICK[name].code


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_whatever_surrounds_a_task_ends_in_two_lines(tmp_path: Path, name: str) -> None:
    played(SLOW[name], tmp_path)


CLUSTER = {
    "nothing": "",
    "html": "echo '<html>'",
    "bytes": r"printf '\377\376{'",
    "deep": "head -c 200000 /dev/zero | tr '\\0' '['",
    "no object": "echo '{}'",
    "texts": """echo '{"metadata": {"annotations": [], "labels": 3}, "spec": "x", "items": [3]}'""",
    "killed": "kill -9 $$",
}
PODS = {"namespace": "x", "database": {"selector": "a=b"}, "cronjob": "nightly"}
IN_CLUSTER = {**NOWHERE, "engine": "kubernetes", "database": {"name": "erp"}, "kubernetes": PODS}


@pytest.mark.slow
@pytest.mark.parametrize("told", CLUSTER)
def test_a_cluster_that_answers_garbage_is_told_and_status_goes_on(tmp_path: Path, told: str) -> None:
    kubectl = file("bin/kubectl", f"#!/bin/sh\n{CLUSTER[told]}\n", 0o755)
    path = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    status = Case(("status",), 5, (), tree=IN_CLUSTER, prepare=kubectl, variables=path)
    played(status, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "diff"],
        cwd=tmp_path,
        env={**os.environ, **path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2, 5)
    assert "Traceback" not in done.stderr
    assert "a bug" not in done.stderr


ANSWERS = {
    "deep": Reply(body="[" * 200_000),
    "number": Reply(body='{"success": {"code": 200}, "login": "ai_agent_sandbox", "id": "²"}'),
    "digits": Reply(body='{"success": {"code": 200}, "login": "x", "id": "' + "9" * 6000 + '"}'),
    "rights": Reply(body='{"success": {}, "login": "x", "rights": ' + '{"a":' * 900 + "1" + "}" * 900 + "}"),
    "half": Reply(body='{"success": {"dolibarr_version": "\\ud800"}, "login": "\\ud800"}'),
    "redirect": Reply(302, "", "text/html", "http://[::1"),
    "types": Reply(body='{"success": [1], "login": {"a": 1}, "id": {}, "admin": []}'),
}


@pytest.mark.slow
@pytest.mark.parametrize("told", ANSWERS)
def test_an_erp_that_answers_garbage_is_told(tmp_path: Path, told: str) -> None:
    with Double().serving() as double:
        double.replies = dict.fromkeys(("status", "users/info", "/"), ANSWERS[told])
        tree = {"url": double.url}
        code = {"number": 0, "half": 4, "digits": 4}.get(told, 5)
        played(Case(("status",), code, (), tree=tree, prepare=file(KEY, "a-key-of-some-length")), tmp_path)
