"""A server that is restarted, or dies, in the middle: nothing is half, and no lost counter is believed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from invoke.context import Context

from sandbox.errors import SandboxError
from sandbox.lab.folder import Folder
from sandbox.lab.life import down, up
from sandbox.lab.server import Server
from sandbox.lifecycle import checkpoint, journal, rewind
from sandbox.lifecycle.recover import recover
from tests.checkpoint_world import Shelved, same, told
from tests.worlds import SCHEMA, context

LARGER = "INSERT INTO llx_societe (nom) SELECT repeat(md5(i::text), 4) FROM generate_series(1, 60000) i;"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own: the other tests need theirs."""
    root = tmp_path_factory.mktemp("server")
    up(root, say=print)
    folder = Folder(root)
    yield Server(folder.data, folder.postgres_log)
    down(root, say=print)


@pytest.fixture(scope="module")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Shelved:
    made = Shelved(server.data.parent.parent, tmp_path_factory.mktemp("restarted"))
    made.make(old=SCHEMA + LARGER)
    made.save()
    return made


def restart(server: Server, number: signal.Signals) -> None:
    """Stop the server by a signal and start it at its port; SIGQUIT is a crash."""
    port = server.port()
    assert port is not None
    server.end(number)
    assert server.start_at(port)  # `start` would take another one while this one cools down


def crash(world: Shelved) -> None:
    """Kill one session's process: the server ends all others and recovers."""
    world.rows("postgres", "CHECKPOINT")  # a lab loses what it did not write yet
    with world.session("postgres") as victim, world.session("postgres") as witness:
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        while not witness.closed:
            with suppress(psycopg.OperationalError):  # the server ends it, too
                witness.execute("SELECT pg_sleep(0.01)")
    answers(world)


def answers(world: Shelved) -> None:
    for _ in range(200):
        try:
            world.rows("postgres", "SELECT 1")
        except psycopg.OperationalError:  # it is still recovering
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the server does not come back")


@pytest.mark.parametrize("how", ["restart", "crash"])
def test_after_the_server_went_away_a_diff_is_exact_without_its_counters(
    world: Shelved, server: Server, how: str
) -> None:
    world.rewind()
    world.change(
        "UPDATE llx_societe SET nom = 'before' WHERE rowid = 5", "DELETE FROM llx_societe WHERE rowid = 6"
    )
    if how == "restart":
        restart(server, signal.SIGINT)
    else:
        crash(world)
    world.change("UPDATE llx_societe SET nom = 'after' WHERE rowid = 7")
    report = world.diff()
    assert same(told(report), world.brute())
    assert (report.changed, report.deleted) == (2, 1)
    assert report.compared["read"] == report.compared["tables"]
    assert "ends its change counters" in report.compared["note"]
    world.rewind()
    assert world.diff().compared["read"] == 0  # a new copy, counted from its beginning


class Breaking:
    """A runner that breaks the server a moment after the Nth command that changes something began."""

    def __init__(self, inner: Context, number: int, act: Callable[[], None]) -> None:
        self._inner, self._number, self._act, self._count = inner, number, act, 0
        self.thread: threading.Thread | None = None

    @property
    def config(self) -> Any:
        return self._inner.config

    def run(self, command: str, **kwargs: Any) -> Any:
        if kwargs.get("dry") is not False:
            self._count += 1
            if self._count == self._number:
                self.thread = threading.Thread(target=self._later)
                self.thread.start()
        return self._inner.run(command, **kwargs)

    def _later(self) -> None:
        time.sleep(0.04)
        self._act()


@pytest.mark.parametrize(("what", "number"), [("save", 1), ("save", 3), ("rewind", 1), ("rewind", 2)])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGQUIT], ids=["restarted", "crashed"])
def test_a_server_that_goes_away_in_the_middle_leaves_old_or_new(
    world: Shelved, server: Server, what: str, number: int, stop: signal.Signals
) -> None:
    world.change("INSERT INTO llx_user (login) VALUES ('rehearsed')")
    # a crash makes PostgreSQL skip up to 32 numbers of a sequence that it used since its last checkpoint
    world.rows("postgres", "CHECKPOINT")
    before, kept = world.content(world.sandbox), world.content(world.kept())
    runner = Breaking(context(), number, lambda: restart(server, stop))
    with suppress(SandboxError):  # it may also have been quicker
        if what == "save":
            checkpoint.save(world.settings(), runner, "baseline", yes=True)
        else:
            rewind.rewind(world.settings(), runner, "baseline", yes=True)
    assert runner.thread is not None
    runner.thread.join()
    answers(world)
    recover(world.settings(), context())
    assert journal.left(world.state) is None
    assert world.strays() == []
    assert world.content(world.sandbox) in (before, kept)
    assert world.content(world.kept()) in (before, kept)
    world.rewind()
    assert not world.diff().different
