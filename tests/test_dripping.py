"""However a server drips, each question to it, and each task, ends within its timeouts and a second."""

from __future__ import annotations

import datetime as dt
import ipaddress
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from invoke.config import Config

from sandbox.dolibarr.api import Client
from sandbox.dolibarr.shown import look
from sandbox.errors import ExitCode, Unreachable
from sandbox.lifecycle.relink import relink
from sandbox.lifecycle.status import observe
from sandbox.settings import Settings, Timeouts, load
from tests.checkpoint_world import Shelved
from tests.dripping import WAYS, answer, dripping
from tests.support import document, ops, run, slow_but
from tests.worlds import context

CONNECT, READ = 0.4, 0.7  # seconds
TIMEOUTS = Timeouts(CONNECT, READ)
ENDLESS = [name for name in WAYS if name not in {"redirects", "a TLS record"}]
ME = answer(b'{"id": "7", "login": "ai_agent_sandbox", "rights": {}}', b"application/json")


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds + 1


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate for 127.0.0.1 with its key, which our clients trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    return path


@pytest.mark.parametrize("name", ENDLESS)
def test_a_request_ends_with_its_deadline(name: str) -> None:
    with dripping(WAYS[name]) as url, within(READ), pytest.raises(Unreachable) as caught:
        Client(url, TIMEOUTS).get("status", "a-key")
    many = "has more than 4,194,304 bytes"
    assert (many if name == "a body without an end" else f"no whole answer within {READ:g} s") in str(
        caught.value
    )


def test_a_request_by_tls_ends_with_its_deadline_too(certificate: Path) -> None:
    whole = answer(b"{}", b"application/json")
    with dripping(WAYS["chunks"], lambda head: whole if b"/fine" in head else None, certificate) as url:
        assert Client(url, TIMEOUTS).get("fine").status == 200
        with within(READ), pytest.raises(Unreachable, match="no whole answer"):
            Client(url, TIMEOUTS).get("status")


@pytest.mark.parametrize("name", ["silence", "a TLS record"])
def test_a_tls_handshake_is_a_part_of_connecting(name: str) -> None:
    with dripping(WAYS[name]) as url, within(CONNECT), pytest.raises(Unreachable) as caught:
        Client(url.replace("http:", "https:"), TIMEOUTS).get("status")
    assert f"no connection within {CONNECT:g} s" in caught.value.what


def test_a_certificate_that_is_not_trusted_is_told(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with dripping(WAYS["silence"], tls=certificate) as url, pytest.raises(Unreachable, match="not trusted"):
        Client(url, TIMEOUTS).get("status")


def test_redirects_have_one_deadline_together() -> None:
    with dripping(WAYS["redirects"]) as url, within(CONNECT + READ):
        assert "no whole answer" in look(url, TIMEOUTS).words


def test_an_answer_that_was_cut_off_is_none() -> None:
    with dripping(WAYS["silence"], lambda _: ME[:-5]) as url, pytest.raises(Unreachable, match="cut off"):
        Client(url, TIMEOUTS).get("status")


def settings(folder: Path, url: str) -> Settings:
    (folder / "test").mkdir(exist_ok=True)
    (folder / "test/.ai_agent_sandbox.key").write_text("a-key-of-forty-eight\n")
    base = {"url": url, "timeouts": {"connect": CONNECT, "read": READ}}
    return load(Config(project_location=folder, lazy=True), base=base)


@pytest.mark.parametrize("name", ENDLESS)
def test_status_and_relink_end_in_time(tmp_path: Path, name: str) -> None:
    with dripping(WAYS[name]) as url:
        given = settings(tmp_path, url)
        with within(READ):
            assert observe(given, context()).exit_code == ExitCode.UNREACHABLE
        with within(READ), pytest.raises(Unreachable):
            relink(given, context())
    assert not (tmp_path / "dolibarr-sandbox-write").exists()


@pytest.mark.parametrize("name", slow_but({"a byte of the body"}, ENDLESS))
def test_a_task_of_inv_ends_in_time(tmp_path: Path, name: str) -> None:
    def seconds(url: str) -> float:
        started = time.monotonic()
        done = run(folder, "status", "--json", INVOKE_SANDBOX_URL=url)
        assert (done.returncode, document(done)["alive"]) == (5, False)
        return time.monotonic() - started

    folder = ops(tmp_path / "ops", f"sandbox: {{timeouts: {{connect: {CONNECT}, read: {READ}}}}}\n")
    at_once = seconds("http://127.0.0.1:9")  # how long it takes without waiting for anybody
    with dripping(WAYS[name]) as url:
        assert seconds(url) - at_once < READ + 1


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelved]:
    made = Shelved(lab_root, tmp_path_factory.mktemp("dripping"))
    made.make()
    (made.folder / "key").write_text("a-key-of-forty-eight\n")
    made.overlay["files"] = {"key": str(made.folder / "key"), "env": str(made.folder / ".env")}
    made.refresh(db_only=True)
    made.overlay["timeouts"] = {"connect": CONNECT, "read": READ}
    yield made
    made.drop()


@pytest.mark.parametrize(
    ("name", "page"), slow_but({("a byte of the body", True)}, itertools.product(ENDLESS, [True, False]))
)
def test_save_and_rewind_end_in_time_and_free_their_lock(world: Shelved, name: str, page: bool) -> None:
    """The whole of the ERP drips, or its pages alone, which are asked for as a proof."""

    def before(head: bytes) -> bytes | None:
        return ME if page and b"/api/" in head else None

    def seconds() -> float:
        started = time.monotonic()
        world.save("one")
        world.rewind("one")
        return time.monotonic() - started

    world.overlay["url"] = "http://127.0.0.1:9"
    at_once = seconds()
    with dripping(WAYS[name], before) as url:
        world.overlay["url"] = url
        assert seconds() - at_once < 2 * (READ + 1)  # each of both asks
        assert world.save("two").armed is None
    assert world.strays() == []
