"""Save, rewind and a team's own script tie the ERP to the database; a double serves this one or another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from sandbox.dolibarr.shown import look
from sandbox.lifecycle import status
from sandbox.settings import Timeouts
from tests.checkpoint_world import Shelved
from tests.support import Double, Reply, login_page
from tests.worlds import context

ME = Reply(body='{"id": "7", "login": "ai_agent_sandbox", "admin": "0", "rights": {}}')
ALIVE = Reply(body='{"success": {"code": 200, "dolibarr_version": "23.0.0"}}')
SOON = Timeouts(5, 10)


class Served(Shelved):
    """A world whose URL is a double that accepts every key and shows the head of one database."""

    def page(self, database: str) -> Callable[[], Reply]:
        query = "SELECT value FROM llx_const WHERE name = 'MAIN_HTML_HEADER' ORDER BY entity DESC LIMIT 1"
        return lambda: login_page(self.rows(database, query)[0][0])

    def copy(self, source: str) -> str:
        name = f"{self.name}_other"
        with self.session("postgres") as session:
            words = [sql.Identifier(name), sql.Identifier(source)]
            session.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*words))
        return name

    def status(self) -> status.Status:
        return status.observe(self.settings())


@pytest.fixture(scope="module")
def double() -> Iterator[Double]:
    with Double().serving() as server:
        server.replies = {"users/info": ME, "status": ALIVE}
        yield server


@pytest.fixture(scope="module")
def shared(lab_root: Path, tmp_path_factory: pytest.TempPathFactory, double: Double) -> Iterator[Served]:
    made = Served(lab_root, tmp_path_factory.mktemp("proven"), overlay={"url": double.url})
    made.make()
    (made.folder / "key").write_text("a-key-that-works\n")
    made.overlay["files"] = {"key": str(made.folder / "key"), "env": str(made.folder / ".env")}
    double.replies["/"] = made.page(made.sandbox)
    made.refresh(db_only=True)
    yield made
    made.drop()


@pytest.fixture
def world(shared: Served, double: Double) -> Served:
    double.replies["/"] = shared.page(shared.sandbox)
    return shared


def told(report: Any) -> tuple[bool | None, bool | None, bool]:
    return report.armed, report.proven, any("serves" in warning for warning in report.warnings)


def test_save_and_rewind_call_the_agent_armed_only_where_the_url_serves_the_sandbox(
    world: Served, double: Double
) -> None:
    head = world.page(world.sandbox)()
    assert told(world.save("clean")) == (True, True, False)
    assert told(done := world.rewind("clean")) == (True, True, False)
    assert done.exit_code == 0
    assert world.diff("clean").different is False  # the word is taken away again
    assert world.page(world.sandbox)() == head
    assert world.status().proven is True

    other = world.copy(world.sandbox)  # an ERP on a copy of the sandbox, mark and agent included
    double.replies["/"] = world.page(other)
    assert told(world.save("other")) == (False, False, True)
    done = world.rewind("clean")
    assert (told(done), done.exit_code) == ((False, False, True), 4)
    assert "sandbox.url" in done.next_step

    double.replies["/"] = Reply(503, "<title>Maintenance</title>", "text/html")
    done = world.rewind("clean")
    assert (told(done), done.exit_code) == ((None, None, True), 0)
    assert "HTTP 503" in done.agent
    world.forget("other")


def test_the_record_follows_refreshes_and_rewinds(world: Served, double: Double) -> None:
    world.save("earlier")
    first = look(double.url, SOON).mark
    report = world.refresh(db_only=True)
    assert look(double.url, SOON).mark == report.run
    assert world.status().proven is True
    world.rewind("earlier")
    assert look(double.url, SOON).mark == first
    assert (world.status().proven, world.status().armed) == (True, True)
    double.replies["/"] = world.page(world.prod)
    world.rows(world.prod, "INSERT INTO llx_const (name, value) VALUES ('MAIN_HTML_HEADER', '<meta>')")
    seen = world.status()
    assert (seen.proven, seen.reason, seen.exit_code) == (False, "another_database", 4)
    world.rows(world.prod, "DELETE FROM llx_const WHERE name = 'MAIN_HTML_HEADER'")


def test_a_colleagues_refresh_is_learnt_from_the_database(world: Served) -> None:
    record = world.state / "last-refresh.json"
    record.write_text(record.read_text().replace(world.status().last_refresh["marks"][0], "of-yesterday"))  # type: ignore[index]
    assert world.status().proven is False
    world.save("learnt")
    assert world.status().proven is True


def test_after_a_teams_own_script_database_and_pages_are_marked(world: Served, double: Double) -> None:
    script = world.folder / "lifecycle.sh"
    script.write_text("#!/bin/sh\ntrue\n")
    script.chmod(0o755)
    kept, world.overlay = world.overlay, {**world.overlay, "refresh": {"script": str(script)}}
    report = world.refresh(db_only=True)
    assert (look(double.url, SOON).mark, world.status().proven) == (report.run, True)
    world.overlay = {**world.overlay, "database": {"name": world.prod}}  # whose database is prod's
    report = world.refresh(db_only=True, runner=context())
    assert any("no mark was written" in warning for warning in report.warnings)
    assert world.rows(world.prod, "SELECT FROM llx_const WHERE name = 'DOLIBARR_SANDBOX'") == []
    world.overlay = kept
