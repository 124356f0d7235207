"""A server that repeats the key wherever it can gets it into nothing that is printed or kept."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.checkpoint_world import Shelved
from tests.dripping import WAYS, answer, dripping
from tests.support import document, ops, run, slow_but

KEY = "23.0.0-k3y-that-nobody-may-see"  # which could be a version, by its form
DIGITS = "1234567890123456"  # and this a user's number
JSON = b"application/json"
Server = Callable[[str, str], bytes]  # told the key and the path; its answer


def success(version: str) -> bytes:
    return answer(json.dumps({"success": {"code": 200, "dolibarr_version": version}}).encode(), JSON)


def user(**fields: object) -> bytes:
    given = {"id": "7", "login": "ai_agent_sandbox", "rights": {}, **fields}
    return answer(json.dumps(given).encode(), JSON)


def api(of_status: bytes, of_user: bytes, page: bytes = b"") -> Callable[[str], bytes]:
    def given(path: str) -> bytes:
        if "/users/info" in path:
            return of_user
        return of_status if "/api/" in path else page or answer(b"<title>nothing</title>")

    return given


def pages(page: Callable[[str], bytes]) -> Server:
    return lambda key, path: api(success("23.0.0"), user(), page(key))(path)


def raw(head: str, body: str = "") -> bytes:
    return f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{body}".encode()


def quoted(key: str) -> bytes:
    """JSON in which each character of the key is written as its code."""
    codes = "".join(f"\\u{ord(character):04x}" for character in key)
    return answer(f'{{"success": {{"code": 200, "dolibarr_version": "{codes}"}}}}'.encode(), JSON)


SERVERS: dict[str, Server] = {
    "version": lambda key, path: api(success(key), user())(path),
    "a version in capitals": lambda key, path: api(success(key.upper()), user())(path),
    "a version in codes": lambda key, path: api(quoted(key), user())(path),
    "user": lambda key, path: api(success("23.0.0"), user(login=key))(path),
    "number": lambda key, path: api(success("23.0.0"), user(id=int(key) if key.isdigit() else key))(path),
    "rights": lambda key, path: api(success("23.0.0"), user(rights={key: {key: "1"}}))(path),
    "error": lambda key, path: api(raw(f"401 {key}", key), raw(f"500 {key}", key))(path),
    "no HTTP": lambda key, _: f"{key}\r\n\r\n".encode(),
    "no status": lambda key, _: raw(f"{key} {key}"),
    "mark": pages(lambda key: answer(f'<meta name="dolibarr-sandbox" content="{key}">'.encode())),
    "title": pages(lambda key: answer(f"<title>{'x' * 40} {key}</title>".encode())),
    "a title in HTML": pages(lambda key: answer(f"<title>{html.escape(key)}'\"</title>".encode())),
    "type": pages(lambda key: raw(f"200 OK\r\nContent-Type: {key}")),
    "redirect": pages(lambda key: raw(f"302 Found\r\nLocation: http://{key}.example/{key}")),
    "redirect within": pages(lambda key: raw(f"302 Found\r\nLocation: /{key}")),
}


def echoing(server: Server, key: str) -> Callable[[bytes], bytes]:
    return lambda head: server(key, head.decode(errors="replace").split(" ")[1])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = ops(tmp_path / "ops")
    state = made / ".sandbox/sandbox"
    state.mkdir(parents=True)
    (state / "last-refresh.json").write_text(json.dumps({"run": "r", "seconds": 1, "marks": ["R1"]}))
    (made / "test").mkdir()
    return made


@pytest.mark.parametrize("key", [KEY, DIGITS])
@pytest.mark.parametrize("name", slow_but({"version", "rights", "title"}, SERVERS))
def test_no_task_prints_the_key_that_a_server_repeats(folder: Path, name: str, key: str) -> None:
    (folder / "test/.ai_agent_sandbox.key").write_text(key + "\n")
    with dripping(WAYS["silence"], echoing(SERVERS[name], key)) as url:
        said = ""
        for words in (["status", "--json"], ["status"], ["relink-env"]):
            done = run(folder, *words, INVOKE_SANDBOX_URL=url)
            assert "Traceback" not in done.stderr
            said += done.stdout + done.stderr
            if "--json" in words:
                assert document(done)["version"] in (None, "23.0.0")
    assert key.lower() not in said.lower()
    assert key[:20].lower() not in said.lower()
    written = [path for path in folder.rglob("*") if path.is_file() and key in path.read_text()]
    assert {path.name for path in written} <= {".ai_agent_sandbox.key", ".env"}


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelved]:
    made = Shelved(lab_root, tmp_path_factory.mktemp("echo"))
    made.make()
    (made.folder / "key").write_text(KEY + "\n")
    made.overlay["files"] = {"key": str(made.folder / "key"), "env": str(made.folder / ".env")}
    made.refresh(db_only=True)
    yield made
    made.drop()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mark", "title", "type", "redirect"])
def test_no_checkpoint_keeps_the_key_that_a_server_repeats(world: Shelved, name: str) -> None:
    with dripping(WAYS["silence"], echoing(SERVERS[name], KEY)) as url:
        world.overlay["url"] = url
        reports = [asdict(world.save()), asdict(world.rewind())]
    assert all(report["proven"] is not True for report in reports)
    assert KEY[:20] not in json.dumps(reports, default=str)
    for path in world.state.rglob("*"):
        assert path.is_dir() or KEY not in path.read_text()
    comments = world.rows("postgres", "SELECT description FROM pg_shdescription")
    assert KEY not in str(comments)
