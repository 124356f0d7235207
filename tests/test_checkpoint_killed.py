"""A save, a rewind or a forget killed at any moment: the sandbox is open, old or new, and all converges."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.errors import Busy
from sandbox.lab.access import SANDBOX
from sandbox.lifecycle import journal
from sandbox.lifecycle.recover import recover
from tests.checkpoint_world import Shelved
from tests.support import slow_but
from tests.worlds import SCHEMA, context

# enough that a kill 60 ms into a copy hits the copy
LARGER = "INSERT INTO llx_societe (nom) SELECT repeat(md5(i::text), 4) FROM generate_series(1, 60000) i;"
SAVE, REWIND, FORGET = 5, 7, 2  # commands that change something, when one is there already
QUICK = {("before", 4), ("before", 5), ("during", 1)}  # the others run in `nox -s slow`


@pytest.fixture(scope="module")
def shared(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelved]:
    made = Shelved(lab_root, tmp_path_factory.mktemp("killed"))
    made.make(old=SCHEMA + LARGER)
    made.save()
    yield made
    made.drop()


def mark(world: Shelved, text: str) -> None:
    """A rehearsal, in the database and in the documents."""
    world.change(f"INSERT INTO llx_user (login) VALUES ('{text}')")
    (world.documents / "mark.pdf").write_text(text)


def marks(world: Shelved, database: str, documents: Path) -> tuple[str, str]:
    """What the last rehearsal was, as each of both has it."""
    rows = world.rows(database, "SELECT login FROM llx_user ORDER BY rowid DESC LIMIT 1")
    path = documents / "mark.pdf"
    return rows[0][0] if rows else "", path.read_text() if path.exists() else ""


def live(world: Shelved) -> tuple[str, str]:
    with world.session(world.sandbox, role=SANDBOX) as session:  # it is open
        session.execute("SELECT 1")
    return marks(world, world.sandbox, world.documents)


def kept(world: Shelved, name: str = "baseline") -> tuple[str, str]:
    (folder,) = (world.folder / "sandbox documents__cp").glob(f"*.{name}.*/files")
    return marks(world, world.kept(name), folder)


def killed(world: Shelved, *words: str) -> None:
    process = world.begin(*words)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, said
    settled = time.monotonic() + 5  # on a busy machine the kernel may free the lock a moment later
    while journal.active(world.state) and time.monotonic() < settled:
        time.sleep(0.01)
    assert journal.interrupted(world.settings()) is not None


def recovered(world: Shelved) -> str:
    report = recover(world.settings(), context())
    assert report.found
    assert world.strays() == []
    assert not recover(world.settings(), context()).found
    return report.outcome


@pytest.mark.parametrize(
    ("when", "number"),
    slow_but(QUICK, [*(("before", n) for n in range(1, SAVE + 1)), ("during", 1), ("during", 3)]),
)
def test_a_killed_save_leaves_the_older_checkpoint_or_the_newer_one(
    shared: Shelved, when: str, number: int
) -> None:
    world, text = shared, f"{when} {number}"
    world.rewind()
    mark(world, "older")
    world.save()
    mark(world, text)
    killed(world, "save", "baseline", when, str(number))
    assert live(world) == (text, text)
    if number % 2:
        outcome = recovered(world)
        assert kept(world) == ((text, text) if outcome == "rolled forward" else ("older", "older"))
    else:
        world.save()  # the next command converges by itself
        assert kept(world) == (text, text)
        assert world.strays() == []
    assert live(world) == (text, text)
    world.rewind()
    assert not world.diff().different


@pytest.mark.parametrize(
    ("when", "number"),
    slow_but(QUICK, [*(("before", n) for n in range(1, REWIND + 1)), ("during", 1), ("during", 2)]),
)
def test_a_killed_rewind_leaves_the_old_state_or_the_rewound_one(
    shared: Shelved, when: str, number: int
) -> None:
    world = shared
    mark(world, "saved")
    world.save()
    mark(world, "rehearsed")
    killed(world, "rewind", "baseline", when, str(number))
    assert live(world)[0] in {"saved", "rehearsed"}
    if number % 2:
        outcome = recovered(world)
        there = "saved" if outcome == "rolled forward" else "rehearsed"
        assert live(world) == (there, there)
        assert world.diff().different == (there == "rehearsed")
    else:
        world.rewind()
        assert live(world) == ("saved", "saved")
        assert world.strays() == []
        assert not world.diff().different
    assert kept(world) == ("saved", "saved")


@pytest.mark.parametrize("number", range(1, FORGET + 1))
def test_a_killed_forget_is_finished_or_not_begun(shared: Shelved, number: int) -> None:
    shared.save("other")
    killed(shared, "forget", "other", "before", str(number))
    outcome = recovered(shared)
    assert shared.shelf() == (["baseline", "other"] if outcome == "rolled back" else ["baseline"])
    if outcome == "rolled back":
        shared.forget("other")
    assert shared.strays() == []


def test_a_killed_run_whose_journal_is_lost_is_found_by_its_claims(shared: Shelved) -> None:
    world = shared
    mark(world, "saved")
    world.save()
    mark(world, "rehearsed")
    for words in (("rewind", "baseline", "before", "5"), ("save", "baseline", "before", "4")):
        killed(world, *words)
        (world.state / journal.JOURNAL).unlink()
        world.rewind()
        world.save()
        assert world.strays() == [], words
    assert live(world) == kept(world) == ("saved", "saved")


def test_a_copy_that_another_machine_is_making_is_left_alone(shared: Shelved) -> None:
    database = f"{shared.kept('other')}__next"
    shared.rows("postgres", f"CREATE DATABASE {database} OWNER {SANDBOX}")
    claim = f"dolibarr-sandbox run=r1 host=not-{socket.gethostname()} pid=1"
    shared.rows("postgres", f"COMMENT ON DATABASE {database} IS '{claim}'")
    with pytest.raises(Busy, match="not known to be dead"):
        shared.save("other")
    assert shared.shelf() == ["baseline"]
    shared.rows("postgres", f"DROP DATABASE {database}")


def test_sigterm_during_a_save_and_a_rewind_ends_them_in_order(shared: Shelved) -> None:
    world = shared
    world.rewind()
    mark(world, "termed")
    for what in ("save", "rewind"):
        process = world.begin(what, "baseline")
        while journal.left(world.state) is None and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
        assert process.returncode in {0, 1}, said
        assert journal.left(world.state) is None
        assert world.strays() == []
        assert live(world)[0] == live(world)[1]
    assert not world.diff().different or live(world) == ("termed", "termed")
