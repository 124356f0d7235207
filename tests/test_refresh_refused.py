"""What a refresh refuses, before it touches anything, and what it says."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import Busy, ExitCode, Failed, Refused, SandboxError, Unreachable, UsageError
from sandbox.lab.access import PROD, SANDBOX
from sandbox.lab.server import SUPERUSER
from sandbox.lifecycle.refresh import refresh
from tests.worlds import World, context


@pytest.fixture(scope="module")
def steady(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(lab_root, tmp_path_factory.mktemp("refused")).make()
    yield made
    made.drop()


@pytest.fixture
def world(steady: World) -> Iterator[World]:
    """Whatever a test tries, both databases stay byte for byte what they were, and nothing is left."""
    steady.overlay = {}
    before = steady.dump(steady.sandbox), steady.dump(steady.prod), steady.files()
    yield steady
    steady.overlay = {}
    assert (steady.dump(steady.sandbox), steady.dump(steady.prod), steady.files()) == before
    assert steady.leftovers() == []


def refused(world: World, overlay: dict[str, Any], kind: type[SandboxError], *words: str) -> None:
    world.overlay = overlay
    with pytest.raises(kind) as told:
        world.refresh()
    for word in words:
        assert word in str(told.value)


def test_without_consent_it_names_what_would_be_lost_and_asks_nobody(world: World) -> None:
    world.overlay = {"database": {"port": 9}}  # nothing answers there
    with pytest.raises(Refused) as told:
        world.refresh(yes=False, hint="and more")
    for word in (
        f"{world.sandbox}@127.0.0.1:9",
        str(world.documents),
        "http://127.0.0.1:9",
        "ai_agent_sandbox",
    ):
        assert word in told.value.what
    assert told.value.next_step.endswith("run it again with --yes  (and more)")
    assert told.value.code == ExitCode.REFUSED
    assert not world.state.exists()


def test_a_dry_run_prints_every_change_and_makes_none(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    for strategy in ("swap", "in-place"):
        world.overlay = {"refresh": {"strategy": strategy}}
        report = world.refresh(runner=context(dry=True, echo=True))
        assert report.dry
        printed = capfd.readouterr().out
        words = ["pg_dump", "pg_restore", "llx_user SET api_key = NULL", "cp -RpP"]
        words += ["CREATE DATABASE", "RENAME TO"] if strategy == "swap" else ["COMMIT;"]
        assert [word for word in words if word not in printed] == []
        assert not world.state.exists()


def test_the_same_database_is_refused_however_it_is_reached(world: World, tmp_path: Path) -> None:
    refused(world, {"database": {"name": world.prod}}, Refused, "database is prod's")
    world.rows("postgres", f"GRANT CONNECT ON DATABASE {world.prod} TO {SANDBOX}")
    try:
        anywhere = tmp_path / "pgpass"  # the lab's names one address only
        anywhere.write_text(Path(world.base["postgres"]["passwords"]).read_text().replace("127.0.0.1:", "*:"))
        anywhere.chmod(0o600)
        overlay = {
            "database": {"name": world.prod, "host": "localhost"},
            "postgres": {"passwords": str(anywhere)},
        }
        refused(world, overlay, Refused, "one and the same")
    finally:
        world.rows("postgres", f"REVOKE CONNECT ON DATABASE {world.prod} FROM {SANDBOX}")


def test_the_same_url_is_refused(world: World) -> None:
    refused(world, {"prod": {"url": "http://127.0.0.1:9/"}}, Refused, "prod's own URL")


@pytest.mark.parametrize("place", ["prod documents", "prod documents/mycompany", "linked", "."])
def test_one_documents_folder_for_both_is_refused(world: World, place: str) -> None:
    link = world.folder / "linked"
    link.unlink(missing_ok=True)
    link.symlink_to(world.folder / "prod documents")
    overlay = {"documents": str(world.folder / place)}
    refused(world, overlay, Refused, "documents folder")


def test_a_sandbox_in_prods_place_is_refused(world: World) -> None:
    world.rows(world.prod, "INSERT INTO llx_const (name, entity, value) VALUES ('DOLIBARR_SANDBOX', 0, 'r1')")
    try:
        refused(world, {}, Refused, "wrong way round", "r1")
    finally:
        world.rows(world.prod, "DELETE FROM llx_const WHERE name = 'DOLIBARR_SANDBOX'")
        world.rows(world.prod, "SELECT setval('llx_const_rowid_seq', 2)")


def test_databases_and_folders_that_are_not_ours_are_left_alone(world: World) -> None:
    name = f"{world.sandbox}__old"
    world.rows("postgres", f"CREATE DATABASE {name}")
    refused(world, {}, Refused, name, "drop or rename")
    world.rows("postgres", f"COMMENT ON DATABASE {name} IS 'dolibarr-sandbox run=r2 host=elsewhere pid=1'")
    refused(world, {}, Busy, "elsewhere")
    world.rows("postgres", f"DROP DATABASE {name}")
    mine = world.folder / "sandbox documents__old"
    mine.mkdir()
    refused(world, {}, Refused, str(mine))
    mine.rmdir()


def test_what_is_missing_is_named_with_what_mends_it(world: World, tmp_path: Path) -> None:
    empty = tmp_path / "pgpass"
    empty.touch(mode=0o600)
    cases: list[tuple[dict[str, Any], type[SandboxError], str]] = [
        ({"prod": {"database": {"port": 9}}}, Unreachable, "prod's database"),
        ({"database": {"port": 9}}, Unreachable, "sandbox's database"),
        ({"database": {"host": "no.such.host.invalid"}}, Unreachable, "no.such.host.invalid"),
        ({"prod": {"database": {"name": "nowhere"}}}, UsageError, "nowhere"),
        ({"prod": {"database": {"user": SANDBOX}}}, UsageError, "permission denied"),
        ({"postgres": {"passwords": str(empty)}}, UsageError, "pgpass"),
        ({"postgres": {"programs": str(tmp_path)}}, UsageError, "postgres.programs"),
        ({"documents": str(tmp_path / "none")}, UsageError, "is not there"),
        ({"engine": "kubernetes"}, UsageError, "kubernetes.namespace is not set"),
        ({"prod": {"database": {"name": "postgres", "user": SUPERUSER}}}, UsageError, "no llx_const"),
    ]
    for overlay, kind, words in cases:
        refused(world, overlay, kind, words)
    with pytest.raises(UsageError, match=r"lab\.up"):
        refresh(replace(world.settings(), engine=None), context(), yes=True, db_only=False)


@contextmanager
def answering(message: str) -> Iterator[int]:
    """A port whose server speaks PostgreSQL's protocol, to refuse every session with a FATAL message."""

    class Refusing(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while True:
                (length,) = struct.unpack("!I", self.rfile.read(4))
                (code,) = struct.unpack("!I", self.rfile.read(length - 4)[:4])
                if code >> 16 == 3:  # protocol 3, and no question about encryption
                    break
                self.wfile.write(b"N")
            fields = b"".join(
                f"{field}\0".encode() for field in ("SFATAL", "VFATAL", "C57P03", f"M{message}")
            )
            self.wfile.write(b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("the database system is starting up", Unreachable),
        ("the database system is shutting down", Unreachable),
        ("the database system is in recovery mode", Unreachable),
        ("the database system is not yet accepting connections", Unreachable),
        ("the database system is not accepting connections", Unreachable),
        ("sorry, too many clients already", Unreachable),
        ('database "it" is not currently accepting connections', UsageError),
    ],
)
def test_a_server_that_serves_later_is_told_from_a_wrong_setting(
    world: World, message: str, kind: type[SandboxError]
) -> None:
    with answering(message) as port:
        refused(world, {"database": {"port": port}}, kind, message)


def test_an_older_pg_dump_is_named_before_anything_is_made(world: World) -> None:
    world.programs(pg_dump="echo 'pg_dump (PostgreSQL) 15.4'")
    with pytest.raises(UsageError) as told:
        world.refresh()
    assert "pg_dump is 15" in told.value.what
    assert "postgres.programs" in told.value.next_step


def test_a_role_that_may_not_create_databases_is_sent_to_in_place(world: World) -> None:
    world.rows("postgres", f"ALTER ROLE {SANDBOX} NOCREATEDB")
    try:
        refused(world, {}, UsageError, "may not create databases", "in-place")
    finally:
        world.rows("postgres", f"ALTER ROLE {SANDBOX} CREATEDB")


def test_sessions_that_cannot_be_ended_are_named(world: World) -> None:
    with world.session(world.sandbox) as session:  # a superuser's
        session.execute("SET application_name = 'somebody'")
        with pytest.raises(Failed) as told:
            world.refresh(db_only=True)
    assert "somebody" in told.value.what


def test_a_prod_role_that_could_write_is_told(world: World) -> None:
    world.overlay = {"prod": {"database": {"user": PROD}}}
    report = world.refresh(dry=True)
    assert [line for line in report.warnings if "could write" in line]


def test_the_sandbox_role_cannot_reach_prod(world: World) -> None:
    refused(world, {"prod": {"database": {"user": SANDBOX}}}, UsageError, "permission denied for database")
