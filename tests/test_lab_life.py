"""The lab's own life: made, killed, crowded out of its ports, stopped; all with real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import requests

from sandbox.errors import UsageError
from sandbox.lab import configuration, folder_of
from sandbox.lab.folder import Folder
from sandbox.lab.life import LabReport, down, up
from sandbox.lab.processes import gone
from tests.erp_client import call, settings

UP = "import sys; from pathlib import Path; from sandbox.lab.life import up; up(Path(sys.argv[1]), say=print)"


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lab to mistreat, below a closed folder; its first `up` was killed half way."""
    root = tmp_path_factory.mktemp("closed") / "spare"
    root.mkdir()
    root.parent.chmod(0o700)
    first = subprocess.Popen([sys.executable, "-c", UP, root], start_new_session=True, stdout=subprocess.PIPE)
    assert first.stdout is not None
    for line in first.stdout:
        if b"filling prod" in line:
            break
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert configuration(root) is None
    assert up(root, say=print).made
    yield root
    down(root, say=print)


@pytest.fixture
def running(spare: Path) -> Path:
    up(spare, say=print)
    return spare


def server(root: Path) -> psutil.Process:
    return psutil.Process(int((Folder(root).data / "postmaster.pid").read_text().splitlines()[0]))


def erp(root: Path) -> psutil.Process:
    return psutil.Process(Folder(root).state()["erp"]["pid"])


def kill(process: psutil.Process) -> None:
    process.kill()
    gone(process, 10)


def alive(root: Path) -> bool:
    return call(root, "GET", "/status").status_code == 401


def test_second_up_finds_everything_running(running: Path) -> None:
    before = settings(running)
    report = up(running, size=20, say=print)
    assert isinstance(report, LabReport)
    assert (report.already_running, report.made) == (True, False)
    assert settings(running) == before
    assert alive(running)


def test_killed_server_comes_back_at_its_port_with_its_data(running: Path) -> None:
    before = settings(running)
    old = server(running)
    kill(old)
    assert call(running, "GET", "/status").status_code == 202  # the database is down, the ERP answers
    assert not up(running, say=print).already_running
    assert settings(running) == before
    assert server(running).pid != old.pid
    assert alive(running)


def test_killed_erp_comes_back_at_its_port(running: Path) -> None:
    before = settings(running)
    kill(erp(running))
    with pytest.raises(requests.ConnectionError):
        alive(running)
    assert not up(running, say=print).already_running
    assert settings(running) == before
    assert alive(running)


def test_ports_taken_meanwhile_are_replaced_and_recorded(running: Path) -> None:
    before = Folder(running).state()
    down(running, say=print)
    with ExitStack() as taken:
        for port in (before["database_port"], before["erp_port"]):
            other = taken.enter_context(socket.create_server(("127.0.0.1", port)))
            other.listen()
        report = up(running, say=print)
        after = Folder(running).state()
        assert after["database_port"] != before["database_port"]
        assert after["erp_port"] != before["erp_port"]
        assert settings(running)["database"]["port"] == after["database_port"] == report.database_port
        assert settings(running)["url"] == report.url
        assert alive(running)


def test_down_twice_then_up_keeps_the_data(running: Path) -> None:
    processes = [server(running), erp(running)]
    assert down(running, say=print)
    for process in processes:
        gone(process, 0.1)
    assert not down(running, say=print)
    assert not up(running, say=print).made
    assert alive(running)


def test_pid_of_somebody_else_is_left_alone(running: Path) -> None:
    folder = Folder(running)
    down(running, say=print)
    state = folder.state()
    state["erp"] = {"pid": os.getpid(), "born": psutil.Process().create_time()}
    folder.write_state(state)
    pidfile = folder.data / "postmaster.pid"
    pidfile.write_text(f"{os.getpid()}\n{folder.data}\n{int(time.time())}\n1\n\n127.0.0.1\n\nready   \n")
    assert not down(running, say=print)
    assert not pidfile.exists()  # nobody's any more: nothing runs in that data folder
    up(running, say=print)
    assert alive(running)


def test_ups_at_one_time_make_one_lab(running: Path) -> None:
    down(running, say=print)
    both = [
        subprocess.Popen([sys.executable, "-c", UP, running], stdout=subprocess.DEVNULL) for _ in range(2)
    ]
    assert [one.wait(60) for one in both] == [0, 0]
    mark = str(Folder(running).erp_config)
    erps = [each for each in psutil.process_iter(["cmdline"]) if mark in (each.info["cmdline"] or [])]
    assert len(erps) == 1
    assert alive(running)


def test_up_lets_go_of_its_callers_pipes(running: Path) -> None:
    down(running, say=print)
    # communicate() returns only when nobody holds the pipe's other end any more
    done = subprocess.run(
        [sys.executable, "-c", UP, running], capture_output=True, text=True, timeout=60, check=True
    )
    assert "starting PostgreSQL" in done.stdout
    assert done.stderr == ""
    assert alive(running)


def test_two_labs_run_side_by_side(running: Path, lab_root: Path) -> None:
    one, other = settings(running), settings(lab_root)
    assert one["url"] != other["url"]
    assert one["database"]["port"] != other["database"]["port"]
    assert alive(running)
    assert alive(lab_root)
    cookies = [requests.get(each["url"], timeout=10).cookies.keys() for each in (one, other)]
    assert cookies[0] != cookies[1]


def test_other_size_is_refused_with_what_to_do(running: Path) -> None:
    with pytest.raises(UsageError, match=r"has size 20, not 50\n.*inv lab.down"):
        up(running, size=50, say=print)
    with pytest.raises(UsageError, match="20 to 2000"):
        up(running, size=5, say=print)


def test_folder_is_closed_and_ignored_by_git(lab_root: Path) -> None:
    folder = Folder(lab_root)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert (folder.path / ".gitignore").read_text() == "*\n"
    for name in ("pgpass", "erp.json", "credentials.env", "lab.json"):
        assert stat.S_IMODE((folder.path / name).stat().st_mode) == 0o600
    assert folder.postgres_log.is_file()
    assert folder.erp_log.is_file()


def test_credentials_are_written_renewed_and_never_over_a_persons_own(running: Path) -> None:
    path = running / "test" / ".env.sandbox"
    written = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    assert up(running, say=print).credentials == path
    assert path.read_text() == written
    path.write_text(written.replace("DOLIBARR", "OLD"))
    path.chmod(0o644)
    up(running, say=print)
    assert path.read_text() == written
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    mine = "DOLIBARR_ADMIN_LOGIN=me\n"
    path.write_text(mine)
    said: list[str] = []
    assert up(running, say=said.append).credentials is None
    assert path.read_text() == mine
    assert any("left alone" in line for line in said)
    path.unlink()


def test_lab_deleted_while_it_ran_leaves_no_erp(tmp_path: Path, running: Path) -> None:
    process = erp(running)
    config = Folder(running).erp_config
    config.rename(tmp_path / "gone")
    try:
        gone(process, 10)
    finally:
        (tmp_path / "gone").rename(config)


def test_lab_whose_state_was_spoilt_stops(running: Path) -> None:
    processes = [server(running), erp(running)]
    path = folder_of(running) / "lab.json"
    state = path.read_text()
    path.write_text("{")
    try:
        assert down(running, say=print)
        for process in processes:
            gone(process, 0.1)
    finally:
        path.write_text(state)


def test_configuration_of_no_lab_is_none_and_of_a_spoilt_one_says_what_to_do(tmp_path: Path) -> None:
    assert configuration(tmp_path) is None
    assert not down(tmp_path, say=print)
    assert not folder_of(tmp_path).exists()
    folder_of(tmp_path).mkdir()
    for text in ("{", "[]", json.dumps({"size": 20})):
        (folder_of(tmp_path) / "lab.json").write_text(text)
        with pytest.raises(UsageError, match=r"inv lab\.up"):
            configuration(tmp_path)


def test_configuration_imports_nothing_heavy(lab_root: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sandbox.lab import configuration; "
        "assert configuration(Path(sys.argv[1])); "
        "print([name for name in ('flask', 'psycopg', 'psutil', 'requests') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, lab_root], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_missing_extra_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import importlib.util as util; real = util.find_spec; "
        "from sandbox.lab.life import up; "
        "util.find_spec = lambda name, *more: None if name in ('flask', 'psycopg') else real(name, *more); "
        "up(Path(sys.argv[1]), say=print)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert "not installed: flask, psycopg" in done.stderr
    assert "pip install 'dolibarr-sandbox[lab]'" in done.stderr
