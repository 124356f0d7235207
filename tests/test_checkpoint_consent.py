"""No checkpoint is replaced or removed without consent; the refusal says what would be lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.errors import ExitCode, Refused
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
