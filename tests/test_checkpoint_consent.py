"""No checkpoint is replaced or removed without consent; the refusal says what would be lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from sandbox.errors import ExitCode, Failed, Refused
from sandbox.lifecycle import shelf
from tests.checkpoint_world import Shelved


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelved]:
    made = Shelved(lab_root, tmp_path_factory.mktemp("consent"))
    made.make()
    yield made
    made.drop()


def comments(world: Shelved) -> list[tuple[object, ...]]:
    query = "SELECT datname, oid, shobj_description(oid, 'pg_database') FROM pg_database ORDER BY 1"
    return world.rows("postgres", query)


def test_a_first_save_needs_no_consent_and_a_second_does(world: Shelved) -> None:
    saved = world.save(yes=False).saved
    before = comments(world)
    with pytest.raises(Refused) as refused:
        world.save(yes=False)
    assert refused.value.code == ExitCode.REFUSED
    assert f"baseline, saved {saved}, would be lost; nothing differs since then" in refused.value.what
    assert "inv save --yes" in refused.value.next_step
    world.change(
        "INSERT INTO llx_user (login) VALUES ('rehearsed')", "DELETE FROM llx_societe WHERE rowid = 1"
    )
    (world.documents / "rehearsed.pdf").write_text("rehearsed")
    for dry in (False, True):
        with pytest.raises(Refused, match=r"1 row inserted, 1 row deleted in 2 tables and 1 document\n"):
            world.save(yes=False, dry=dry)
    assert comments(world) == before
    assert world.strays() == []
    assert world.save(yes=True).replaced


def test_a_rehearsal_under_another_name_needs_no_consent(world: Shelved) -> None:
    assert not world.save("other", yes=False).replaced
    before = comments(world)
    with pytest.raises(
        Refused, match=r"without --yes no checkpoint is removed: other, saved .* and \d+ documents"
    ):
        world.forget("other", yes=False)
    assert comments(world) == before
    world.forget("other", yes=True)
    assert world.strays() == []


def test_a_checkpoint_whose_comment_names_another_folder_touches_nothing_there(world: Shelved) -> None:
    world.save("moved")
    other = world.folder / "somebody's"
    (other / "files").mkdir(parents=True)
    (other / "since.long").write_text("mine")
    ((told,),) = world.rows(
        "postgres",
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
        world.kept("moved"),
    )
    begin, _, comment = told.partition("{")
    page = json.loads("{" + comment)
    page["documents"]["path"] = str(other)
    with world.session("postgres") as session:
        name, text = sql.Identifier(world.kept("moved")), sql.Literal(begin + json.dumps(page))
        session.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, text))
    with pytest.raises(Failed, match="nothing was touched"):
        world.rewind("moved")
    assert (other / "since.long").read_text() == "mine"
    world.forget("moved")
    assert (other / "since.long").read_text() == "mine"


@pytest.mark.parametrize(
    "edit", [{"saved": "yesterday"}, {"saved": 1}, {"origins": {"x": {}}}, {"bytes": "1"}, {"run": "../x"}]
)
def test_a_checkpoint_whose_comment_is_not_of_its_types_is_none(world: Shelved, edit: dict[str, Any]) -> None:
    one = shelf.Checkpoint(
        "a", "2026-11-28T01:02:03Z", "20261128T010203-a1b2c3", None, None, None, 1, None, None, None
    )
    begin, _, comment = one.comment().partition("{")
    edited = begin + json.dumps({**json.loads("{" + comment), **edit})
    database = f"{world.sandbox}__cp_a"
    read = {"shelf": [[database, 1, -1, one.comment()]], "live": 2, "version": 180000}
    assert shelf.read(world.sandbox, read).checkpoints
    found = shelf.read(world.sandbox, {**read, "shelf": [[database, 1, -1, edited]]})
    assert found.checkpoints == ()
    assert database in found.others
