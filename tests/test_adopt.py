"""Only a sandbox is replaced: what no run of ours made is refused, and a person adopts it by name."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import ExitCode, Failed, Refused
from sandbox.guard import MARK, Mark
from sandbox.lab.access import PROD, SANDBOX
from sandbox.lab.server import SUPERUSER
from sandbox.lifecycle.progress import Silent
from sandbox.lifecycle.recover import recover
from tests.checkpoint_world import Shelved
from tests.support import ops, run
from tests.worlds import PRODS, SCHEMA, context, same

COMPANY = "INSERT INTO llx_const (name, value) VALUES ('MAIN_INFO_SOCIETE_NOM', 'Made Up SARL');"
BUSY = """INSERT INTO llx_societe (nom, tms)
  SELECT 'more ' || i, now() + interval '1 day' FROM generate_series(1, 9000) i"""
MARKED = "INSERT INTO llx_const (name, entity, value) VALUES ('DOLIBARR_SANDBOX', 0, 'r0')"
ELSEWHERE = "CREATE TABLE const (name text); INSERT INTO const VALUES ('DOLIBARR_SANDBOX')"


class Person(Silent):
    """Somebody at a terminal."""

    def __init__(self, answer: str | None) -> None:
        self.answer, self.notes, self.asked = answer, list[str](), 0

    def note(self, text: str) -> None:
        self.notes.append(text)

    def ask(self, question: str) -> str | None:
        assert question
        self.asked += 1
        return self.answer


@pytest.fixture
def world(lab_root: Path, tmp_path: Path) -> Iterator[Shelved]:
    """A sandbox that no run of ours made, as a new user has it."""
    made = Shelved(lab_root, tmp_path)
    made.make(old=SCHEMA + PRODS + COMPANY, marked=False)
    yield made
    made.drop()


def state(world: Shelved) -> tuple[str, str, dict[str, str], bool]:
    return world.dump(world.prod), world.dump(world.sandbox), world.files(), (world.documents / MARK).exists()


def refused(world: Shelved, *words: str, **flags: Any) -> Refused:
    """Refuse, and leave both sides byte for byte what they were."""
    before = state(world)
    with pytest.raises(Refused) as told:
        world.refresh(**flags)
    assert [word for word in words if word not in f"{told.value.what} {told.value.next_step}"] == []
    assert state(world) == before
    assert world.leftovers() == []
    return told.value


def test_an_unmarked_sandbox_is_refused_by_what_would_be_lost_until_it_is_adopted_by_name(
    world: Shelved,
) -> None:
    lost = (world.sandbox, "Made Up SARL", "4 tables", str(world.documents), "2 of them, 6 bytes", "--adopt")
    for flags in ({}, {"db_only": True}, {"dry": True}):
        assert refused(world, *(lost[:3] if flags.get("db_only") else lost), **flags).code == ExitCode.REFUSED
    person = Person(None)
    refused(world, world.sandbox, "--adopt NAME", adopt=True, progress=person)
    assert [line for line in person.notes if world.prod in line]
    assert refused(world, world.prod, adopt=world.prod)
    refused(world, "yes", adopt=True, progress=Person("yes"))
    assert world.refresh(adopt=True, progress=person, dry=True).dry
    assert "would be adopted" in person.notes[-1]
    world.refresh(adopt=True, progress=Person(world.sandbox))
    same(world)
    assert Mark.read((world.documents / MARK).read_text()) is not None
    world.refresh()  # once is enough


def test_an_adoption_leaves_no_mark_where_the_swap_fails(world: Shelved) -> None:
    before = state(world)
    with world.session(world.sandbox) as session:  # a superuser's, which stays
        session.execute("SET application_name = 'somebody'")
        with pytest.raises(Failed, match="somebody"):
            world.refresh(adopt=world.sandbox)
    assert state(world) == before
    assert not recover(world.settings(), context()).found


def test_an_adoption_leaves_no_mark_where_the_copy_in_place_fails(world: Shelved) -> None:
    before = state(world)
    world.overlay = {"refresh": {"strategy": "in-place"}}
    world.programs(pg_dump='case "$*" in *--version*) exec "$REAL" "$@" ;; esac; exit 1')
    with pytest.raises(Failed):
        world.refresh(adopt=world.sandbox)
    assert state(world) == before
    world.overlay = {"refresh": {"strategy": "in-place"}}
    world.refresh(adopt=world.sandbox)
    same(world)
    assert (world.documents / MARK).exists()


def test_marks_travel_with_every_refresh_checkpoint_and_rewind(world: Shelved) -> None:
    world.mark()
    world.refresh()
    first = Mark.read((world.documents / MARK).read_text())
    world.save()
    (world.documents / "rehearsed.pdf").write_text("rehearsed")
    diff = world.diff().documents
    assert diff is not None
    assert diff.added == {"rehearsed.pdf": 9}
    world.rewind()
    second = Mark.read((world.documents / MARK).read_text())
    assert first is not None
    assert second is not None
    assert (first.database, first.run != second.run) == (second.database, True)
    world.refresh()


def test_a_folder_of_another_sandbox_is_refused_and_named(world: Shelved) -> None:
    world.mark()
    (world.documents / MARK).write_text(Mark("dolibarr_training", "r1").text())
    refused(world, "dolibarr_training", "--adopt")
    world.refresh(adopt=world.sandbox)


def test_an_unmarked_sandbox_is_not_rewound(world: Shelved) -> None:
    world.save()
    world.change("INSERT INTO llx_societe (nom) VALUES ('rehearsed')")
    before = state(world)
    with pytest.raises(Refused, match="carries no mark"):
        world.rewind()
    assert state(world) == before


def test_swapped_sides_are_told_at_the_first_refresh(world: Shelved) -> None:
    """What the settings call the sandbox is the busy one, and prod's role may write."""
    world.fill(world.sandbox, SANDBOX, BUSY)
    (world.documents / "large.pdf").write_text("much" * 1000)
    world.overlay = {"prod": {"database": {"user": PROD}}}
    told = refused(world, "are the sides swapped?", "rows", "bytes", "was last written")
    assert told.what.count("swapped?") >= 3
    person = Person(None)
    refused(world, adopt=True, progress=person)
    assert [line for line in person.notes if line.startswith("ARE THE SIDES SWAPPED?")]
    world.rows("postgres", f"ALTER DATABASE {world.sandbox} OWNER TO {SUPERUSER}")
    world.rows("postgres", f"GRANT CONNECT ON DATABASE {world.sandbox} TO {SANDBOX}")
    refused(world, "the sides look swapped", PROD)


def test_swapped_sides_are_refused_once_a_run_of_ours_was_there(world: Shelved) -> None:
    world.refresh(adopt=world.sandbox)
    folders = {"documents": str(world.folder / "prod documents"), "prod": {"documents": str(world.documents)}}
    world.overlay = folders
    refused(world, "prod's documents folder", "the sides look swapped", adopt=world.sandbox)
    assert (world.documents / "prod only.pdf").exists()


DATABASES: tuple[tuple[str, str, bool], ...] = (
    ("nothing", "", True),
    (
        "an empty schema public that was made anew",
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC",
        True,
    ),
    ("an extension alone", "CREATE EXTENSION pg_trgm", True),
    ("a table of another application", "CREATE TABLE users (id int)", False),
    ("a table in a schema of its own", "CREATE SCHEMA crm; CREATE TABLE crm.deals (id int)", False),
    ("an empty schema", "CREATE SCHEMA crm", False),
    ("a function", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", False),
    ("a view", "CREATE VIEW v AS SELECT 1 AS a", False),
    ("a type", "CREATE TYPE t AS ENUM ('a')", False),
    ("a sequence", "CREATE SEQUENCE s", False),
    ("a large object", "SELECT lo_create(0)", False),
    ("a Dolibarr without a mark", SCHEMA, False),
    ("a constant of that name in another table", ELSEWHERE, False),
    ("a Dolibarr that a run of ours made", SCHEMA + MARKED, True),
)


def test_of_many_databases_only_empty_and_marked_ones_are_replaced(world: Shelved) -> None:
    for what, script, replaced in DATABASES:
        world.rows("postgres", f"DROP DATABASE {world.sandbox} WITH (FORCE)")
        world.rows("postgres", f"CREATE DATABASE {world.sandbox} OWNER {SANDBOX}")
        if script:
            superuser = "SCHEMA public" in script
            world.fill(world.sandbox, SUPERUSER if superuser else SANDBOX, script)
        if replaced:
            assert world.refresh(db_only=True, dry=True).dry, what
        else:
            assert world.sandbox in refused(world, db_only=True).what, what
    world.refresh(db_only=True)


def test_a_person_at_a_terminal_types_the_name(world: Shelved) -> None:
    folder = ops(world.folder / "ops", f"sandbox: {json.dumps(world.base)}\n")
    for answer, code in (("no", ExitCode.REFUSED), (world.sandbox, ExitCode.DONE)):
        ours, theirs = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        done = subprocess.Popen(
            [sys.executable, "-m", "invoke", "refresh", "--yes", "--adopt"],
            cwd=folder,
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
        )
        os.close(theirs)
        said = b""
        while part := _read(ours):
            said += part
        os.close(ours)
        assert done.wait(60) == code, said.decode()
        assert b"type its name" in said
    same(world)


def test_reset_hands_what_is_adopted_on_to_its_refresh(world: Shelved) -> None:
    folder = ops(world.folder / "ops", f"sandbox: {json.dumps(world.base)}\n")
    for words, said in (
        ([], "no run of ours made the sandbox's database"),
        (["--adopt", world.prod], "nothing is adopted"),
        (["--adopt", world.sandbox], f"{world.sandbox} would be adopted"),
    ):
        done = run(folder, "--dry", "reset", "--yes", "--headless", *words)
        assert said in done.stderr
        assert (done.returncode == ExitCode.REFUSED) == ("would be" not in said)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # nobody has it open any more
        return b""
