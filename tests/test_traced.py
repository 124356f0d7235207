"""No key, no password and no program's text is an argument or a variable of anything that any task starts."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox import envfile, lab
from sandbox.lab.folder import Folder
from sandbox.lab.life import down
from sandbox.tasks import collection, lab_collection
from tests.support import ops
from tests.test_arguments import LONGEST

CYCLE = (
    ["lab.up"],
    ["status"],
    ["reset", "--yes", "--headless"],  # refresh, provision, relink-env, save
    ["save", "--name", "second"],
    ["refresh", "--yes", "--full"],
    ["provision", "--headless"],
    ["relink-env"],
    ["diff", "--rows", "--html", "page.html"],
    ["rewind", "--yes"],
    ["refresh", "--yes"],
    ["checkpoints"],
    ["forget", "--name", "second", "--yes"],
    ["recover"],
    ["skill", "--into", "skills"],
    ["lab.down"],
)
NOT_PLAYED = {"lab.demo"}  # plays the same in a lab that is gone before its secrets could be looked for
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_PATIENCE = 300  # seconds, for a task under strace


def traced(folder: Path, number: int, *words: str) -> Path:
    """Run a task under strace; every execve that it and its children did, with arguments and environment."""
    told = folder.parent / f"trace-{number}"
    options = ("-f", "-I1", "-v", "-s", "1000000", "-e", "trace=execve", "-e", "signal=none", "-o", str(told))
    command = ["strace", *options, sys.executable, "-m", "invoke", *words]
    with (
        (folder.parent / "said").open("wb") as said,
        subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as process,
    ):
        # what a task leaves running, such as the lab's server, would be followed for ever
        deadline = time.monotonic() + _PATIENCE
        while process.poll() is None and not _exit(told) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
    code = int(_exit(told) or -1)
    assert code in {0, 4}, (words, (folder.parent / "said").read_text())
    return told


def _exit(told: Path) -> str:
    """How the first process ended; empty while it goes on."""
    text = told.read_bytes() if told.exists() else b""
    found = re.search(rb"^(\d+) ", text)
    ended = re.search(rb"^%s +\+\+\+ exited with (\d+)" % found[1], text, re.MULTILINE) if found else None
    return ended[1].decode() if ended else ""


def secrets(folder: Path) -> set[str]:
    """Every password and key that the lab has now."""
    given = lab.configuration(folder)
    assert given is not None
    passwords = Path(given["postgres"]["passwords"]).read_text().splitlines()
    found = {line.rsplit(":", 1)[1] for line in passwords if line}
    admins = envfile.read_values(folder / "test/.env.sandbox")
    found |= {value for name, value in admins.items() if "PASS" in name}
    key = envfile.read_secret(folder / "test/.ai_agent_sandbox.key")
    return found | ({key} if key else set())


@pytest.mark.slow
def test_no_program_is_started_with_a_secret_or_a_long_text(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("what every task hands to programs: apt install strace")
    names = {*collection().task_names, *(f"lab.{name}" for name in lab_collection().task_names)}
    assert {words[0] for words in CYCLE} | NOT_PLAYED == names
    folder = ops(tmp_path / "ops")
    found: set[str] = set()
    traces = []
    try:
        for number, words in enumerate(CYCLE):
            traces.append(traced(folder, number, *words))
            found |= secrets(folder)
    finally:
        down(folder, say=print)
    assert len(found) >= 6  # the roles', the admin's, and a key from each of two provisions
    assert Folder(folder).path.exists()
    programs = set()
    for trace in traces:
        for line in trace.read_bytes().split(b"\n"):
            strings = _STRING.findall(line)
            if b"execve(" not in line or not strings:
                continue
            programs.add(strings[0].rpartition(b"/")[2].decode())
            assert max(map(len, strings)) < LONGEST, line[:300]
            assert [secret for secret in found if secret.encode() in line] == [], line[:100]
    assert {"bash", "psql", "pg_dump", "pg_restore"} <= programs
