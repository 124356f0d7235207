"""Status and relink against answers that only a double gives on demand."""

from __future__ import annotations

import json
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import Double, Reply, deaf_port, document, login_page, ops, run

KEY = "k3y-that-nobody-may-see"
STATUS = Reply(body='{"success": {"code": 200, "dolibarr_version": "23.0.0"}}')
ME = Reply(body='{"id": "7", "login": "ai_agent_sandbox", "admin": "0", "rights": {"banque": {"lire": "1"}}}')
HTML = "text/html"


@pytest.fixture
def double() -> Iterator[Double]:
    with Double().serving() as server:
        server.replies = {"status": STATUS, "users/info": ME}
        yield server


@pytest.fixture
def folder(tmp_path: Path, double: Double) -> Path:
    settings = f"sandbox:\n  url: {double.url}\n  timeouts: {{connect: 1, read: 1}}\n"
    made = ops(tmp_path / "ops", settings)
    (made / "test").mkdir()
    (made / "test/.ai_agent_sandbox.key").write_text(KEY + "\n")
    return made


def test_an_armed_sandbox_costs_two_requests(folder: Path, double: Double) -> None:
    done = run(folder, "status", "--json")
    seen = document(done)
    assert done.returncode == 0
    assert (seen["alive"], seen["armed"], seen["version"], seen["user_id"]) == (True, True, "23.0.0", 7)
    assert seen["rights"] == ["banque.lire"]
    assert [path for path, _ in double.asked] == ["status", "users/info"]
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "reply", "expected"),
    [
        ("status", Reply(401), (4, "key_refused")),
        ("status", Reply(200, "module off", HTML), (4, "api_off")),
        ("status", Reply(202, "no database", HTML), (5, "unknown")),
        ("status", Reply(500, "no database", HTML), (5, "unknown")),
        ("status", Reply(302, "", HTML, "/install/index.php"), (5, "unknown")),
        ("status", Reply(404, "nothing", HTML), (5, "unknown")),
        ("users/info", Reply(401), (4, "may_not_read_itself")),  # as Dolibarr 16 says it
        ("users/info", Reply(403), (4, "may_not_read_itself")),
        ("users/info", Reply(200, '{"login": "someone"}'), (4, "another_login")),
        ("users/info", Reply(200, "<html>", HTML), (4, "api_off")),
        ("users/info", Reply(501, "<html>", HTML), (4, "api_off")),
        ("users/info", Reply(200, "not json"), (4, "unknown")),
    ],
)
def test_each_way_of_not_being_armed_is_told_apart(
    folder: Path,
    double: Double,
    path: str,
    reply: Reply,
    expected: tuple[int, str],
) -> None:
    double.replies[path] = reply
    done = run(folder, "status", "--json")
    assert (done.returncode, document(done)["reason"]) == expected
    assert document(done)["next_step"]
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize(("path", "code"), [("users/info", 4), ("status", 5)])
def test_people_are_told_too_and_never_the_key(folder: Path, double: Double, path: str, code: int) -> None:
    double.replies[path] = Reply(500, KEY, HTML) if code == 5 else Reply(401, KEY)
    people = run(folder, "status")
    assert people.returncode == code
    assert "next" in people.stdout + people.stderr
    assert KEY not in people.stdout + people.stderr


def test_the_key_never_follows_a_redirect(folder: Path, double: Double) -> None:
    with Double().serving() as elsewhere:
        elsewhere.replies = {"status": STATUS, "users/info": ME}
        for path in ("status", "users/info"):
            double.replies[path] = Reply(302, "", HTML, f"{elsewhere.url}/api/index.php/{path}")
            assert run(folder, "status").returncode in (4, 5)
        assert run(folder, "relink-env").returncode == 5
    assert elsewhere.asked == []


def recorded(folder: Path, *marks: str) -> None:
    """What a refresh leaves in the state folder."""
    state = folder / ".sandbox/sandbox"
    state.mkdir(parents=True, exist_ok=True)
    (state / "last-refresh.json").write_text(json.dumps({"run": "r", "seconds": 1, "marks": marks}))


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (login_page('<meta name="dolibarr-sandbox" content="R1">'), (0, True, None)),
        (login_page('<meta name="dolibarr-sandbox" content="R1/word">'), (0, True, None)),
        (login_page('<meta name="dolibarr-sandbox" content="R2">'), (4, False, "another_database")),
        (login_page("<meta>"), (4, False, "another_database")),
        (Reply(502, "<title>Bad Gateway</title>", HTML), (0, None, None)),
        (Reply(302, "", HTML, "https://login.example/"), (0, None, None)),
        (Reply(200, "<p>maintenance</p>", HTML), (0, None, None)),
    ],
)
def test_the_login_page_tells_which_database_the_url_serves(
    folder: Path, double: Double, page: Reply, expected: tuple[int, bool | None, str | None]
) -> None:
    recorded(folder, "R0", "R1")
    double.replies["/"] = page
    done = run(folder, "status", "--json")
    seen = document(done)
    assert (done.returncode, seen["proven"], seen["reason"]) == expected
    assert seen["armed"] is (expected[0] == 0)
    assert bool(seen["proven_why"]) is (expected[1] is not True)
    assert sorted(path for path, _ in double.asked) == ["/", "status", "users/info"]
    assert [key for path, key in double.asked if path == "/"] == [None]
    if expected[0]:
        assert seen["next_step"].startswith("run: inv relink-env")
        assert "another database" in run(folder, "status").stdout


def test_a_page_in_the_same_host_is_followed_and_no_other(folder: Path, double: Double) -> None:
    recorded(folder, "R1")
    double.replies["/"] = Reply(302, "", HTML, "/index.php")
    double.replies["/index.php"] = login_page('<meta name="dolibarr-sandbox" content="R1">')
    assert document(run(folder, "status", "--json"))["proven"] is True
    with Double().serving() as elsewhere:
        elsewhere.replies = {"/": login_page('<meta name="dolibarr-sandbox" content="R1">')}
        double.replies["/"] = Reply(302, "", HTML, f"{elsewhere.url}/")
        assert document(run(folder, "status", "--json"))["proven"] is None
        assert elsewhere.asked == []


def test_without_a_record_of_a_mark_nothing_is_known_and_nothing_asked(folder: Path, double: Double) -> None:
    recorded(folder)
    seen = document(run(folder, "status", "--json"))
    assert (seen["exit_code"], seen["armed"], seen["proven"]) == (0, True, None)
    assert "no refresh is recorded here" in seen["proven_why"]
    assert [path for path, _ in double.asked] == ["status", "users/info"]


def test_a_refused_key_stays_the_reason_where_the_page_differs_too(folder: Path, double: Double) -> None:
    recorded(folder, "R1")
    double.replies.update({"/": login_page("<meta>"), "status": Reply(401)})
    seen = document(run(folder, "status", "--json"))
    assert (seen["reason"], seen["proven"], seen["next_step"]) == ("key_refused", False, "run: inv provision")


def test_no_key_file_is_not_armed(folder: Path, double: Double) -> None:
    (folder / "test/.ai_agent_sandbox.key").unlink()
    double.replies["status"] = Reply(401)
    done = run(folder, "status", "--json")
    assert (done.returncode, document(done)["reason"]) == (4, "no_key")
    assert double.asked == [("status", None)]
    assert "inv provision" in document(done)["next_step"]


def test_a_host_that_drops_packets_is_given_up_in_time(folder: Path) -> None:
    with deaf_port() as port:
        started = time.monotonic()
        done = run(folder, "status", "--json", INVOKE_SANDBOX_URL=f"http://127.0.0.1:{port}")
    assert done.returncode == 5
    assert "no connection within 1 s" in document(done)["health"]
    assert time.monotonic() - started < 15  # a kernel would try for two minutes


def test_prods_url_gets_no_key(folder: Path, double: Double) -> None:
    for task in ("status", "relink-env", "provision"):
        done = run(folder, task, INVOKE_SANDBOX_PROD_URL=double.url.upper().replace("HTTP", "http"))
        assert done.returncode == 3
        assert "prod's own" in done.stderr
    assert double.asked == []


def test_relink_writes_what_works_and_keeps_the_rest(folder: Path, double: Double) -> None:
    env = folder / "dolibarr-sandbox-write/.env"
    env.parent.mkdir()
    env.write_text("# mine\nOTHER=1\nDOLIBARR_API_KEY=old\n")
    env.chmod(0o644)
    done = run(folder, "relink-env", "--json")
    assert done.returncode == 0
    assert document(done)["changed"] is True
    assert env.read_text() == f"# mine\nOTHER=1\nDOLIBARR_API_KEY={KEY}\nDOLIBARR_URL={double.url}\n"
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert KEY not in done.stdout + done.stderr
    assert document(run(folder, "relink-env", "--json"))["changed"] is False
    assert document(run(folder, "status", "--json"))["env_file"]["in_step"] is True


@pytest.mark.parametrize(
    ("path", "reply", "code"),
    [
        ("users/info", Reply(401), 1),
        ("users/info", Reply(403), 1),
        ("users/info", Reply(200, "off", HTML), 1),
        ("users/info", Reply(200, '{"login": "someone"}'), 1),
        ("users/info", Reply(500, "no database", HTML), 5),
    ],
)
def test_relink_leaves_the_env_alone_when_the_key_does_not_work(
    folder: Path,
    double: Double,
    path: str,
    reply: Reply,
    code: int,
) -> None:
    double.replies[path] = reply
    if code == 5:
        double.replies["status"] = reply
    done = run(folder, "relink-env")
    assert done.returncode == code
    assert not (folder / "dolibarr-sandbox-write").exists()
    assert KEY not in done.stdout + done.stderr


def test_an_env_that_git_tracks_is_refused_even_when_it_is_in_step(folder: Path, double: Double) -> None:
    assert run(folder, "relink-env").returncode == 0
    for words in (["init", "-q"], ["add", "-f", "dolibarr-sandbox-write/.env"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    double.asked.clear()
    done = run(folder, "relink-env")
    assert (done.returncode, double.asked) == (3, [])
    assert "is tracked by git" in done.stderr


def test_relink_without_a_key_exits_1(folder: Path) -> None:
    (folder / "test/.ai_agent_sandbox.key").write_text("\n")
    done = run(folder, "relink-env", "--json")
    assert done.returncode == 1
    assert document(done)["next_step"] == "run: inv provision"


def test_a_dry_relink_sends_and_writes_nothing(folder: Path, double: Double) -> None:
    done = run(folder, "--dry", "relink-env")
    assert done.returncode == 0
    assert double.asked == []
    assert not (folder / "dolibarr-sandbox-write").exists()
