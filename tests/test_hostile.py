"""Hostile values and names through every task that shows or carries them: exact, harmless, byte for byte."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from sandbox import checkpoint_views
from sandbox.console import Console
from sandbox.guard import MARK, REFUSED, Guard
from sandbox.lab.access import PROD, SANDBOX
from sandbox.lifecycle.checkpoints import forget, listed
from sandbox.lifecycle.diff import DiffReport
from sandbox.lifecycle.diff_page import page
from sandbox.printable import printable
from sandbox.shell import change
from tests import hostile
from tests.checkpoint_world import Shelved
from tests.hostile import NAMES, VALUES, harmless
from tests.support import ops, run
from tests.worlds import SCHEMA, context, same

# a database's name, too: two tasks add up to 27 bytes to it
DATABASE = "\n'\"\\;$(x)\x1b\u202eé/"


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelved]:
    folder = tmp_path_factory.mktemp("it's $(x) \x1b[31m\u202e\t;é")
    made = Shelved(lab_root, folder)
    made.name += DATABASE
    made.make(prods=SCHEMA + hostile.schema() + hostile.rows(0))
    hostile.files(folder / "prod documents", "prod's ")
    yield made
    made.drop()


@pytest.fixture(scope="module")
def refreshed(world: Shelved) -> Shelved:
    report = world.refresh()
    same(world)
    assert hostile.found(world.documents) == hostile.found(world.folder / "prod documents")
    assert len(hostile.found(world.documents)) == 2 * len(hostile.FILES) + 2
    assert report.documents is not None
    world.save()
    return world


def shown(capsys: pytest.CaptureFixture[str], report: Any, rows: Any) -> str:
    """What a terminal gets of a report; its document is exact."""
    Console(as_json=True).show(report, rows, DATABASE)
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(asdict(report), default=str))
    Console().show(report, rows, DATABASE)
    return harmless(capsys.readouterr().out)


def write(world: Shelved, database: str, role: str, shift: int) -> None:
    """Every row gets another row's value."""
    tables = sql.SQL(", ").join(map(sql.Identifier, ("llx_hostile", *NAMES)))
    with world.session(database, role=role) as session:
        session.execute(sql.SQL("TRUNCATE {}").format(tables))
        session.execute(hostile.rows(shift).encode())


def rehearse(world: Shelved) -> None:
    """Every row gets another row's value, and every document another content."""
    tables = sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, ("llx_hostile", *NAMES))))
    with world.session(world.sandbox, role=SANDBOX) as session:
        session.execute(tables)
        session.execute(hostile.rows(1).encode())
    for path in sorted(world.documents.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name != MARK:
            path.write_bytes(path.read_bytes() + b"!")


def test_a_diff_tells_each_value_and_name_exactly(
    refreshed: Shelved, capsys: pytest.CaptureFixture[str]
) -> None:
    before = refreshed.content(refreshed.sandbox), hostile.found(refreshed.documents)
    rehearse(refreshed)
    report = refreshed.diff()
    told = {table.table: table for table in report.tables}
    exact_values(told["llx_hostile"].rows or ())
    for name in NAMES:
        (changed,) = [row for row in told[_shown(name)].rows or () if row.key == {name: name}]
        assert (changed.before, changed.after) == ({"rest": VALUES[0]}, {"rest": VALUES[1]})
    assert report.documents is not None
    written = hostile.found(refreshed.documents).items()
    assert set(report.documents.changed) == {path for path, content in written if content.endswith(b"!")}
    terminal = shown(capsys, report, checkpoint_views.diff(report, rows=True)).replace("\n", "")
    assert [name for name in NAMES if printable(name) not in terminal] == []
    escaped(report)
    refreshed.rewind()
    assert (refreshed.content(refreshed.sandbox), hostile.found(refreshed.documents)) == before


def _shown(name: str) -> str:
    return f'"{name}"' if "." in name else name


def exact_values(rows: Any) -> None:
    """Each row tells what it was and is, in columns of every type."""
    assert len(rows) == len(VALUES)
    for row in rows:
        number, count = row.key["rowid"], len(VALUES)
        for version, shift in ((row.before, 0), (row.after, 1)):
            if "value" in version:
                assert ascii(version["value"]) == ascii(VALUES[(number + shift) % count]), (number, shift)
                assert version["list"] == [VALUES[(number + shift) % count][:99], None]
                wanted = VALUES[(number + shift) % count].encode()
                assert version["raw"] == f"\\x{wanted.hex()}"
            assert version["doc"] == {"a": number + shift}
        changed = [n for n in ("num", "flt") if n in row.after]
        assert all(row.before[name] != row.after[name] for name in changed)


def escaped(report: DiffReport) -> None:
    """The page shows every text, and none that deceives."""
    html = page(report)
    harmless(html)
    text = hostile.text_of(html)
    values = (
        "\n".join("\t".join(map(printable, line.split("\t"))) for line in v.split("\n")) for v in VALUES
    )
    assert [ascii(value)[:80] for value in (*values, *map(printable, NAMES)) if value not in text] == []


def test_the_other_tasks_show_names_harmlessly(
    refreshed: Shelved, capsys: pytest.CaptureFixture[str]
) -> None:
    refreshed.save("other")
    found = listed(refreshed.settings(), context())
    shown(capsys, found, checkpoint_views.checkpoints(found))
    gone = forget(refreshed.settings(), context(), "other", yes=True)
    shown(capsys, gone, checkpoint_views.forget(gone))
    assert refreshed.strays() == []
    assert [one.name for one in (refreshed.folder / "sandbox documents__cp").iterdir()] != []


@pytest.mark.parametrize("where", ["folder", "kept"])
def test_a_name_with_a_line_break_is_never_judged(tmp_path: Path, where: str) -> None:
    odd = tmp_path / "a\nb"
    odd.mkdir()
    guard = Guard("db", "r0", kept=(str(odd / "x"),) if where == "kept" else ())
    judged = change(context(), guard.before(str(odd if where == "folder" else tmp_path / "new")))
    assert (judged.exited, "guard: line" in judged.stderr) == (REFUSED, True)


@pytest.mark.slow
def test_every_strategy_carries_all_byte_for_byte(refreshed: Shelved) -> None:
    for shift, how in enumerate(({}, {"strategy": "in-place"}), 2):
        write(refreshed, refreshed.prod, PROD, shift)
        for path in (refreshed.folder / "prod documents").glob("*/*.ln"):
            path.with_name(f"{path.name}{shift}").symlink_to(path.name)
        refreshed.overlay = {"refresh": how}
        report = refreshed.refresh()
        assert report.mode == ("full" if how else "incremental")
        same(refreshed)
        assert hostile.found(refreshed.documents) == hostile.found(refreshed.folder / "prod documents")


@pytest.mark.slow
def test_each_task_as_a_user_runs_it_is_exact_and_harmless(refreshed: Shelved) -> None:
    """Last: the sandbox is another one afterwards."""
    folder = ops(refreshed.folder / "ops", f"sandbox: {json.dumps(refreshed.base)}\n")
    html = folder / "diff.html"
    for words in (
        ["status"],
        ["refresh", "--yes", "--full"],
        ["save", "--yes"],
        ["diff", "--rows", "--html", str(html)],
        ["checkpoints"],
        ["rewind", "--yes"],
        ["save", "--name", "other"],
        ["forget", "--name", "other"],
        ["forget", "--name", "other", "--yes"],
        ["--dry", "refresh", "--yes"],
        ["--echo", "rewind", "--yes"],
    ):
        if "diff" in words:
            rehearse(refreshed)
        plain = run(folder, *words)
        assert "Traceback" not in plain.stderr, plain.stderr[-2000:]
        for said in (plain.stdout, plain.stderr):
            harmless(re.sub(r"\x1b\[[0-9;]*m", "", said))  # Invoke's own, around a command
        document = run(folder, *words, "--json").stdout
        assert document.isascii()
        assert json.loads(document)
    assert stat.S_IMODE(html.stat().st_mode) == 0o600
    harmless(html.read_text())
