"""A journal is believed only as far as it can be true: whatever it says, nobody else's is touched."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.errors import ExitCode, Interrupted, SandboxError
from sandbox.lifecycle import journal, swap
from sandbox.lifecycle.recover import recover
from sandbox.lifecycle.remembered import Remembered
from sandbox.lifecycle.status import observe
from sandbox.shell import RUN_VARIABLE
from tests.worlds import World, context

OTHERS = "20261128T010203-a1b2c3"  # another sandbox's run, which lives


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(lab_root, tmp_path_factory.mktemp("believed")).make()
    made.rows("postgres", f"CREATE DATABASE {made.name}_bystander")
    (made.folder / "bystander").mkdir()
    (made.folder / "bystander" / "mine.pdf").write_text("mine")
    yield made
    made.drop()


@pytest.fixture(scope="module")
def real(world: World) -> dict[str, Any]:
    """The journal that a killed refresh wrote; what it left is put back by now."""
    process = world.start("before", "4")
    process.communicate(timeout=60)
    found: dict[str, Any] = json.loads((world.state / journal.JOURNAL).read_text())
    assert recover(world.settings(), context()).outcome == "rolled back"
    return found


@contextmanager
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of another sandbox's run."""
    with subprocess.Popen(["sleep", "300"], env={**os.environ, RUN_VARIABLE: OTHERS}) as process:
        try:
            yield process
        finally:
            process.kill()


def write(world: World, content: str | bytes) -> Path:
    path = world.state / journal.JOURNAL
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def databases(world: World) -> list[tuple[Any, ...]]:
    query = "SELECT datname, oid, shobj_description(oid, 'pg_database') FROM pg_database ORDER BY 1"
    return world.rows("postgres", query)


def changed(page: dict[str, Any], **values: Any) -> str:
    return json.dumps({**page, **values})


def wrong(world: World, page: dict[str, Any]) -> dict[str, str | bytes]:
    """Journals that cannot be read, or cannot be true."""
    whole, other = json.dumps(page), f"{world.name}_bystander"
    holder = page["holder"]
    return {
        "truncated": whole[: len(whole) // 2],
        "empty": "",
        "a list": "[]",
        "no text": b"\xff\xfe\x00",
        "deep": "[" * 100_000,
        "of another version": json.dumps({"something": "else"}),
        "a run id that is none": changed(page, holder={**holder, "run": ""}),
        "a run id that is a pattern": changed(page, holder={**holder, "run": "*"}),
        "a process id that is text": changed(page, holder={**holder, "pid": "1"}),
        "a bystander's next": changed(page, next=other),
        "a bystander's old": changed(page, old=other),
        "the live database as old": changed(page, old=world.sandbox),
        "prod as next": changed(page, next=world.prod),
        "another database": changed(page, database="postgres@127.0.0.1:5432"),
        "a bystander's folder": changed(page, documents=str(world.folder / "bystander")),
        "prod's folder": changed(page, documents=str(world.folder / "prod documents")),
        "a root": changed(page, documents="/"),
        "a strategy that is none": changed(page, strategy="destroy"),
        "a swap that paused": changed(page, paused=True, pause={"resume": "rm -rf x"}),
        "a pause that is none": changed(page, strategy="in-place", next="", old="", paused=True, pause={}),
        "a checkpoint that is none": changed(page, strategy="save", next="", old="", checkpoint="../x"),
        "numbers for names": changed(page, next=1, old=[], documents={}),
    }


NAMES = sorted(wrong(World(Path(), Path(), name="x"), {"holder": {}}).keys())


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_true_is_told_by_status_and_touches_nothing(
    world: World, real: dict[str, Any], name: str
) -> None:
    before = databases(world)
    path = write(world, wrong(world, real)[name])
    try:
        seen = observe(world.settings(), context())
        assert (seen.exit_code, seen.next_step) == (ExitCode.INTERRUPTED, "run: inv recover")
        assert seen.interrupted is not None
        for dry in (True, False):
            with bystander() as other:
                with pytest.raises(Interrupted, match="nothing was touched"):
                    recover(world.settings(), context(dry=dry))
                assert other.poll() is None
        with pytest.raises(Interrupted):
            world.refresh()
        assert databases(world) == before
        assert (world.folder / "bystander" / "mine.pdf").read_text() == "mine"
    finally:
        path.unlink()


@pytest.mark.parametrize("name", ["truncated", "a bystander's next"])
def test_the_next_step_sets_a_wrong_journal_aside_and_all_is_put_back(
    world: World, real: dict[str, Any], name: str
) -> None:
    process = world.start("before", "4")
    process.communicate(timeout=60)
    assert f"{world.sandbox}__next" in {row[0] for row in databases(world)}
    write(world, wrong(world, real)[name])
    with pytest.raises(Interrupted) as told:
        recover(world.settings(), context())
    command = told.value.next_step.partition(": ")[2].removesuffix(" && inv recover")
    assert command.startswith("mv -- ")
    subprocess.run(command, shell=True, check=True)
    report = recover(world.settings(), context())
    assert report.outcome == "rolled back"
    (world.state / f"{journal.JOURNAL}.damaged").unlink()
    assert world.leftovers() == ["_bystander"]
    assert observe(world.settings(), context()).exit_code != ExitCode.INTERRUPTED


def test_a_database_without_the_runs_claim_is_left_alone(world: World, real: dict[str, Any]) -> None:
    world.rows("postgres", f"CREATE DATABASE {world.sandbox}__next")
    write(world, json.dumps(real))
    report = recover(world.settings(), context())
    assert [line for line in report.actions if f"left {world.sandbox}__next alone" in line]
    assert f"{world.sandbox}__next" in {row[0] for row in databases(world)}
    world.rows("postgres", f"DROP DATABASE {world.sandbox}__next")


def test_a_database_that_was_just_being_made_is_the_runs(world: World, real: dict[str, Any]) -> None:
    holder = real["holder"]
    number = swap.number(swap.claim(holder["run"], holder["host"], holder["pid"]))
    world.rows(
        "postgres", f"CREATE DATABASE {world.sandbox}__next OWNER dolibarr_sandbox CONNECTION LIMIT {number}"
    )
    write(world, json.dumps(real))
    report = recover(world.settings(), context())
    assert f"dropped {world.sandbox}__next" in report.actions


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["", "/", "..", "*", "\x00", "\ud800", "postgres", 2**200, -1, "it's", '"; --']),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def mutations(draw: st.DrawFn, page: dict[str, Any], names: list[str]) -> bytes:
    """A journal with some fields changed, left out or added; sometimes cut off or with other bytes in it."""
    made = json.loads(json.dumps(page))
    for _ in range(draw(st.integers(1, 3))):
        inside = made["holder"] if isinstance(made.get("holder"), dict) and draw(st.booleans()) else made
        key = draw(st.sampled_from(sorted(inside)) | st.text(max_size=6)) if inside else "x"
        if draw(st.integers(0, 3)) == 0:
            inside.pop(key, None)
        else:
            inside[key] = draw(VALUES | st.sampled_from(names))
    text = json.dumps(made).encode()
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from([b"", b"\xff", b"}", text[at + 1 :]]))
    return text


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_mutation_of_a_journal_touches_a_bystander_or_ends_in_a_traceback(
    world: World, real: dict[str, Any], data: st.DataObject
) -> None:
    names = [f"{world.name}_bystander", world.prod, str(world.folder / "bystander")]
    names += [f"{world.name}_bystander@127.0.0.1:1", str(world.folder)]
    before = databases(world)
    path = write(world, data.draw(mutations(real, names)))
    with bystander() as other:
        observe(world.settings(), context())
        with suppress(SandboxError):
            recover(world.settings(), context())
        assert other.poll() is None
    path.unlink(missing_ok=True)
    assert databases(world) == before
    assert (world.folder / "bystander" / "mine.pdf").read_text() == "mine"
    assert (world.documents / "sandbox only.pdf").read_text() == "old"


@pytest.mark.parametrize(
    "page",
    [
        {"form": 2, "run": "r", "xid": "1); DROP TABLE llx_user; --", "horizon": 1, "tables": []},
        {"form": 2, "run": "r", "xid": 1, "horizon": 1, "tables": [["a", 1, 1, 1, "0) x; --"]]},
        {"form": 2, "run": "r", "xid": 1, "horizon": 1, "tables": [["a", 2**70, 1, 1, 1]]},
        {"form": 2, "run": "r", "xid": 1, "horizon": 1, "tables": [["a"], 5]},
        {"form": 2},
    ],
)
def test_what_is_remembered_is_believed_only_in_its_types(page: dict[str, Any]) -> None:
    assert Remembered.read(page) == Remembered.nothing()
