"""The lab for any user in any folder: closed, oddly named, as root alone, in a bare container."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import REPOSITORY, copy_programs, ops

as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="the labs of root and of other users: nox -s tests slow, as root"
)
ODD = f"a b/é'x \"y $z/{'long-' * 25}"
LIFE = "import sys; from pathlib import Path; from sandbox.lab.life import up, down; at = Path(sys.argv[1]); "
UP = f"{LIFE}print(up(at, say=print).url); print(down(at, say=print))"
SERVER = (
    "import sys; from pathlib import Path; from sandbox.lab.server import Server; at = Path(sys.argv[1]); "
    "s = Server(at / 'data', at / 'log'); s.data.exists() or s.make('secret'); print(s.start(None), s.stop())"
)
NO_NAMESPACE = ("setpriv", "--bounding-set", "-setfcap")  # without that right root cannot be mapped into one
NOBODY_ELSE = ("setpriv", "--bounding-set", "-setfcap,-setuid")
PLAIN = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
NAMELESS = ("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups")
READING = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")  # what root installed


@pytest.fixture
def closed() -> Iterator[Path]:
    """An odd folder below a closed one, with PostgreSQL's programs in it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, ODD)
        copy_programs(folder / "programs")
        (folder / "root").mkdir()
        yield folder / "root"


def python(folder: Path, code: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a closed folder, with the programs beside it and no home; `words` come before it."""
    path = f"{folder.parent / 'programs'}{os.pathsep}{REPOSITORY}"
    own = {"HOME": str(folder / "none"), "PYTHONPATH": path, "TMPDIR": str(folder)}
    return subprocess.run(
        [*words, sys.executable, "-c", code, str(folder)],
        env={**os.environ, **own, **variables},
        cwd=folder,
        umask=0o077,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def give(folder: Path, uid: int) -> None:
    """Make the whole closed place that uid's."""
    top = folder.parents[len(Path(ODD).parts)]
    for path in (top, *top.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)


def test_lab_lives_in_a_closed_folder_of_an_odd_and_long_name(closed: Path) -> None:
    done = python(closed, UP)
    assert (done.stderr, done.stdout.splitlines()[-1]) == ("", "True")
    data = closed / ".lab" / "postgres"
    assert len(str(data)) > 107
    assert data.stat().st_uid in {os.geteuid(), 65534}  # the latter where containers refuse namespaces
    assert "dynamic_shared_memory_type = mmap" in (data / "postgresql.conf").read_text()
    assert sorted(path.name for path in closed.iterdir()) == [".lab", "test"]  # and no temporary file


@as_root
def test_lab_of_a_plain_user_is_that_users(closed: Path) -> None:
    give(closed, 65534)
    done = python(closed, UP, *PLAIN, *READING)
    assert (done.stderr, done.stdout.splitlines()[-1]) == ("", "True")
    assert (closed / ".lab" / "postgres").stat().st_uid == 65534


@as_root
@pytest.mark.slow
def test_user_without_a_name_has_a_server_too(closed: Path) -> None:
    give(closed, 54321)
    done = python(closed, SERVER, *NAMELESS, *READING)
    assert (done.stderr, done.stdout.split()[-1:]) == ("", ["True"])


@as_root
def test_root_without_namespaces_gives_the_data_to_another_user_and_takes_it_up_again(closed: Path) -> None:
    done = python(closed, SERVER, *NO_NAMESPACE)
    assert (done.stderr, done.stdout.split()[-1:]) == ("", ["True"])
    assert (closed / "data").stat().st_uid == 65534
    again = python(closed, SERVER)  # as with a lab that an older version made
    assert (again.stderr, again.stdout.split()[-1:]) == ("", ["True"])


@as_root
def test_root_who_can_be_nobody_else_is_told_what_to_do(closed: Path) -> None:
    ops(closed)
    code = "import sys; from invoke import main; sys.argv[1:] = ['lab.up']; main.program.run()"
    refused = python(closed, code, *NOBODY_ELSE)
    assert refused.returncode == 2
    assert "does not run here as uid 0: unshare: " in refused.stderr
    assert "; setpriv: " in refused.stderr
    assert "next: run it as a plain user" in refused.stderr
    assert not (closed / ".lab" / "postgres").exists()


@as_root
@pytest.mark.slow
def test_root_who_may_give_no_folder_away_is_told_what_to_do(closed: Path) -> None:
    ops(closed)
    code = "import sys; from invoke import main; sys.argv[1:] = ['lab.up']; main.program.run()"
    refused = python(closed, code, "setpriv", "--bounding-set", "-setfcap,-chown")
    assert refused.returncode == 2
    assert "postgres cannot be given to uid 65534" in refused.stderr
    assert "next: run it as a plain user" in refused.stderr
    assert not (closed / ".lab" / "postgres").exists()


@as_root
@pytest.mark.slow
def test_data_of_somebody_whom_we_cannot_be_is_told(closed: Path) -> None:
    assert python(closed, SERVER).returncode == 0
    if (closed / "data").stat().st_uid != 0:
        pytest.skip("data that root cannot use: nox -s slow, where root may have user namespaces")
    mine = python(closed, SERVER, *NO_NAMESPACE)
    assert f"does not run as the user of {closed / 'data'}: unshare: " in mine.stderr
    assert "inv lab.down, remove" in mine.stderr
    give(closed, 65534)
    os.chown(closed / "data", 1, 1)
    theirs = python(closed, SERVER, *PLAIN, *READING)
    assert "belongs to uid 1, not to you (uid 65534)" in theirs.stderr


BARE = """
set -e
echo 'root:x:0:0::/root:/bin/sh' > "$1/passwd"; mount --bind "$1/passwd" /etc/passwd
mount -t tmpfs -o size=4k,mode=555 tmpfs /dev/shm
echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
mkdir "$1/bin"; for name in sh mount unshare setpriv; do ln -s "$(command -v "$name")" "$1/bin/"; done
shift; exec "$@"
"""


@as_root
@pytest.mark.slow
def test_bare_container_has_a_lab(closed: Path) -> None:
    """No user but root, no IPv6, no shared memory, and four programs on PATH: no ps."""
    scratch = closed.parent / "scratch"
    scratch.mkdir()
    bare = ("unshare", "--mount", "--net", "sh", "-c", BARE, "sh", str(scratch))
    if subprocess.run([*bare, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a bare container: nox -s slow, where root may have mount namespaces")
    shutil.rmtree(scratch / "bin")
    flags = "struct.pack('16sh14x', b'lo', 1)"  # up
    loopback = (
        f"import fcntl, socket, struct; s = socket.socket(); fcntl.ioctl(s, 0x8914, {flags}); s.close(); "
    )
    done = python(closed, f"{loopback}{UP}", *bare, "env", f"PATH={scratch / 'bin'}")
    assert (done.stderr, done.stdout.splitlines()[-1:]) == ("", ["True"])


BROWSER = """
from playwright.sync_api import sync_playwright
from sandbox.dolibarr.browser import window
with window("http://127.0.0.1:9", None, 30, headless=True) as opened:
    opened.page.set_content("<p>here</p>")
    print(opened.page.inner_text("p"))
"""


def test_browser_starts_with_a_long_folder_of_temporary_files_and_leaves_nothing(tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / ODD
    home.mkdir()
    temporary.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", BROWSER],
        env={**os.environ, "HOME": str(home), "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stderr, done.stdout) == ("", "here\n")
    assert [path for path in (*home.rglob("*"), *temporary.rglob("*")) if not path.is_dir()] == []


FIND = """
from playwright.sync_api import sync_playwright
from sandbox.dolibarr.browser import find
with sync_playwright() as playwright:
    print(find(playwright, None, headless=True))
"""


def test_browser_is_found_where_the_home_may_not_be_entered(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    barred = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    done = subprocess.run(
        [*barred, sys.executable, "-c", FIND],
        env={**os.environ, "HOME": str(closed / "home")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    # found where this machine has one beside Playwright's download; refused in one line where not
    assert "PermissionError" not in done.stderr
    assert done.stdout.startswith("/") or "no browser was found" in done.stderr
