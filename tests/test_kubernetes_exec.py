"""The text that `kubectl exec` carries, run for real in a shell: a stand-in hands it on to `sh`, or dies."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.engines.kubernetes.exec import LOST, inside
from sandbox.engines.kubernetes.select import Container
from sandbox.errors import Unreachable
from sandbox.shell import NOT_REACHED, change, observe
from tests.worlds import context

POD = Container("there", "erp", "postgresql-0", "postgresql")
# what kubectl does with its words: the container's command is what follows `--`
HANDS_ON = """#!/bin/sh
echo "$*" >>"$CALLS"
while [ "$1" != -- ]; do shift; done
shift
"$@"
code=$?
[ "$code" = 0 ] || echo "command terminated with exit code $code" >&2
exit "$code"
"""


@pytest.fixture
def kubectl(tmp_path: Path) -> Path:
    path = tmp_path / "kubectl"
    path.write_text(HANDS_ON)
    path.chmod(0o755)
    return path


def ran(folder: Path, text: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(folder / "calls")}
    return subprocess.run(
        ["sh", "-c", text], env=env, input=stdin, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_a_program_s_own_status_and_words_come_back(kubectl: Path, code: int) -> None:
    text = f"echo out; printf 'no end' >&2; exit {code}"
    done = ran(kubectl.parent, inside(POD, text, run="r"))
    assert (done.returncode, done.stdout, done.stderr) == (code, "out\n", "no end\n")


def test_data_follows_the_text_whatever_its_length(kubectl: Path) -> None:
    script = "".join(f": line {number}\n" for number in range(5000)) + 'read -r first\necho "$first"\nwc -c\n'
    done = ran(kubectl.parent, inside(POD, script, stream=True), "first line\n" + "x" * 1_000_000)
    assert done.stdout.split() == ["first", "line", "1000000"]
    assert ran(kubectl.parent, inside(POD, "cat"), "not for it").stdout == ""


def test_a_text_and_its_passwords_are_in_no_argument_list(kubectl: Path, tmp_path: Path) -> None:
    passwords = tmp_path / "pgpass"
    passwords.write_text("localhost:5432:*:reader:made-up-password\n")
    text = 'echo in-the-text; cat "$PGPASSFILE"; stat -c %a "$PGPASSFILE"; echo "$PGPASSFILE" >&2'
    whole = inside(POD, text, run="r", passwords=passwords)
    assert "made-up-password" not in whole
    done = ran(kubectl.parent, whole)
    assert done.stdout == "in-the-text\nlocalhost:5432:*:reader:made-up-password\n600\n"
    assert not Path(done.stderr.strip()).exists()
    calls = (kubectl.parent / "calls").read_text()
    assert "in-the-text" not in calls
    assert "made-up-password" not in calls
    assert calls.startswith(
        "--context=there --namespace=erp exec --stdin postgresql-0 --container=postgresql"
    )


@pytest.mark.parametrize("code", [0, 1])
def test_a_connection_that_is_lost_is_no_success_whatever_its_status(kubectl: Path, code: int) -> None:
    kubectl.write_text(f"#!/bin/sh\necho half\necho 'error: it broke' >&2\nexit {code}\n")
    done = ran(kubectl.parent, inside(POD, "echo whole"))
    assert done.returncode == LOST
    assert done.stdout == "half\n"
    assert done.stderr.splitlines()[-1] == (
        f"{NOT_REACHED} pod erp/postgresql-0, or lost it: error: it broke"
    )


def test_a_status_that_only_one_end_tells_is_no_success(kubectl: Path) -> None:
    kubectl.write_text(HANDS_ON.replace('exit "$code"', "exit 1"))
    done = ran(kubectl.parent, inside(POD, "exit 0"))
    assert done.returncode == LOST


def test_texts_nest_as_ends_of_one_pipe(kubectl: Path) -> None:
    giver = inside(POD, "printf 'c\\nb\\na\\n'; exit 4")
    taker = inside(POD, "sort", stream=True)
    done = ran(kubectl.parent, f"{{ {giver}\necho giver $? >&2; }} | {{ {taker}\necho taker $? >&2; }}")
    assert done.stdout == "a\nb\nc\n"
    assert sorted(done.stderr.split("\n")) == ["", "giver 4", "taker 0"]


def test_a_reading_that_is_lost_once_is_done_again_and_a_change_is_not(
    kubectl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = (
        f'#!/bin/sh\nif [ -e "{kubectl}.lost" ]; then exec "{kubectl}.real" "$@"; fi\n: >"{kubectl}.lost"\n'
    )
    kubectl.rename(f"{kubectl}.real")
    kubectl.write_text(once)
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{kubectl.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(kubectl.parent / "calls"))
    assert observe(context(), inside(POD, "echo read")).stdout == "read\n"
    Path(f"{kubectl}.lost").unlink()
    with pytest.raises(Unreachable, match="pod erp/postgresql-0"):
        change(context(), inside(POD, "echo changed"))


# kubectl hands on what comes back, and dies when nobody reads it; what its container says then is lost
RELAYS = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
"$@" 2>/dev/null | cat
kill -PIPE $$
"""


def test_a_receiver_s_own_reason_is_told_and_not_a_lost_connection(kubectl: Path, tmp_path: Path) -> None:
    sender, receiver = (replace(POD, pod=name) for name in ("sender", "receiver"))
    (tmp_path / "relays").write_text(RELAYS)
    (tmp_path / "relays").chmod(0o755)
    chosen = f'#!/bin/sh\ncase "$*" in *sender*) exec "{tmp_path}/relays" "$@" ;; esac\n'
    kubectl.write_text(HANDS_ON.replace("#!/bin/sh\n", chosen))
    giver = inside(sender, "head -c 50000000 /dev/zero")
    full = f"ulimit -f 1\ntrap '' XFSZ\ncat >{tmp_path}/full"
    taker = inside(receiver, full, stream=True)
    done = ran(kubectl.parent, f"{{ {giver}\necho giver $? >&2; }} | {{ {taker}\necho taker $? >&2; }}")
    lines = set(done.stderr.splitlines())
    reasons = lines - {"giver 141", "taker 1"}
    assert len(lines) == 3  # in any order: nobody waits for the other
    assert "File too large" in reasons.pop()
