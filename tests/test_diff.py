"""A diff is exact: whatever happened, it tells what reading everything on both sides tells."""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest

from sandbox.errors import Failed, Interrupted
from sandbox.lifecycle import diff as diffs
from sandbox.lifecycle import journal
from tests.checkpoint_world import Shelved, same, told

SCHEMA = """
CREATE TABLE llx_const (rowid serial PRIMARY KEY, name varchar(180) NOT NULL, value text,
  entity integer DEFAULT 1);
CREATE TABLE llx_user (rowid serial PRIMARY KEY, login varchar(50), api_key varchar(128),
  pass_crypted varchar(128));
CREATE TABLE llx_societe (rowid serial PRIMARY KEY, nom varchar(128), note text, amount numeric(24,8));
CREATE TABLE llx_line (fk_parent integer, rang integer, body text, PRIMARY KEY (fk_parent, rang));
CREATE TABLE llx_log (at timestamp, message text);
CREATE TABLE llx_quiet (rowid serial PRIMARY KEY, label text);
CREATE SCHEMA "o'ther";
CREATE TABLE "o'ther"."We ""ird" ("t" integer PRIMARY KEY, "select" text, "é" float8);
"""
ROWS = """
INSERT INTO llx_const (name, value) VALUES ('MAIN_VERSION_LAST_INSTALL', '23.0.0'), ('MAIN_TITLE', 'x');
INSERT INTO llx_user (login, api_key, pass_crypted) VALUES ('admin', 'old-key-of-admin', '$2y$10$oldhash');
INSERT INTO llx_societe (nom, note, amount)
  SELECT 'customer ' || i, repeat(md5(i::text), 6), i / 3.0 FROM generate_series(1, 3000) i;
INSERT INTO llx_line SELECT i / 10, i % 10, 'line ' || i FROM generate_series(1, 2000) i;
INSERT INTO llx_log SELECT '2026-01-01'::timestamp + i % 50 * interval '1 min', 'said ' || i % 50
  FROM generate_series(1, 500) i;
INSERT INTO llx_quiet (label) SELECT md5(i::text) FROM generate_series(1, 1000) i;
INSERT INTO "o'ther"."We ""ird" SELECT i, 'text ' || i, i * 0.1 FROM generate_series(1, 50) i;
"""


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelved]:
    made = Shelved(lab_root, tmp_path_factory.mktemp("diff"))
    made.make(old=SCHEMA + ROWS)
    made.save()
    yield made
    made.drop()


@pytest.fixture
def clean(world: Shelved) -> Shelved:
    """The world as it was saved."""
    world.overlay = {}
    world.rewind()
    return world


def exact(world: Shelved, *, ways: tuple[bool, ...] = (True, False)) -> diffs.DiffReport:
    """The full way and the quick one, both checked by reading everything."""
    slow = world.brute()
    for full in ways:
        report = world.diff(full=full)
        assert same(told(report), slow), (full, told(report), slow)
    return report


def test_nothing_changed_reads_no_table(clean: Shelved) -> None:
    report = clean.diff()
    assert not report.different
    assert report.compared == {"tables": 7, "read": 0, "note": ""}
    assert report.documents is not None
    assert not report.documents.any


WRITES = {  # one after another: each leaves its table written to
    "insert": ["INSERT INTO llx_societe (nom) VALUES ('new'), (NULL)"],
    "update": ["UPDATE llx_societe SET nom = 'changed' WHERE rowid IN (1, 1500, 3000)"],
    "update to the same": ["UPDATE llx_societe SET nom = nom WHERE rowid < 10"],
    "delete": ["DELETE FROM llx_societe WHERE rowid IN (7, 2999)"],
    "delete and insert again": [
        "DELETE FROM llx_societe WHERE rowid = 8",
        "INSERT INTO llx_societe (rowid, nom) VALUES (8, 'back')",
    ],
    "update of the key": ["UPDATE llx_line SET rang = rang + 100 WHERE fk_parent = 3"],
    "update twice": [
        "UPDATE llx_societe SET nom = 'a' WHERE rowid = 5",
        "UPDATE llx_societe SET nom = 'b' WHERE rowid = 5",
    ],
    "insert and delete": [
        "INSERT INTO llx_societe (nom) VALUES ('x')",
        "DELETE FROM llx_societe WHERE nom = 'x'",
    ],
    "no key": ["UPDATE llx_log SET message = 'other' WHERE message = 'said 3'"],
    "no key, twice the same": [
        "INSERT INTO llx_log SELECT * FROM llx_log LIMIT 3",
        "DELETE FROM llx_log WHERE message = 'said 9'",
    ],
    "gaps are filled": [
        "DELETE FROM llx_societe WHERE rowid % 3 = 0",
        "VACUUM llx_societe",
        "INSERT INTO llx_societe (nom) SELECT 'in the gap' FROM generate_series(1, 400)",
    ],
    "the file becomes shorter": ["DELETE FROM llx_societe WHERE rowid > 2000", "VACUUM llx_societe"],
    "stored outside": [
        "UPDATE llx_societe SET note = repeat('long ', 20000) WHERE rowid = 4",
        "VACUUM FREEZE llx_societe",
    ],
    "rolled back": ["BEGIN; INSERT INTO llx_societe (nom) VALUES ('gone'); ROLLBACK"],
    "half rolled back": [
        (
            "BEGIN; SAVEPOINT a; UPDATE llx_line SET body = 'x' WHERE rang = 1; ROLLBACK TO a;"
            " UPDATE llx_line SET body = 'y' WHERE rang = 2; COMMIT"
        )
    ],
    "odd names": ["""UPDATE "o'ther"."We ""ird" SET "select" = NULL, "é" = 'NaN' WHERE t = 9"""],
}


def test_a_diff_tells_exactly_what_reading_everything_tells(clean: Shelved) -> None:
    for name, statements in WRITES.items():
        clean.change(*statements)
        assert exact(clean, ways=(False,)).different, name
    exact(clean)


@pytest.mark.parametrize(
    "statements",
    [
        [
            "TRUNCATE llx_line",
            "INSERT INTO llx_line SELECT i / 10, i % 10, 'line ' || i FROM generate_series(2, 2000) i",
            "VACUUM FULL llx_societe",
            "UPDATE llx_societe SET nom = 'moved' WHERE rowid = 12",
            "ALTER TABLE llx_quiet RENAME TO llx_was_quiet",
        ],
        [
            "ALTER TABLE llx_line ADD extra text DEFAULT 'all'",
            "ALTER TABLE llx_societe DROP CONSTRAINT llx_societe_pkey",
            "UPDATE llx_societe SET nom = 'x' WHERE rowid = 1",
            "DROP TABLE llx_quiet",
        ],
        [
            "ALTER TABLE llx_line ADD extra text",
            "UPDATE llx_line SET extra = 'one' WHERE rang = 5",
            "ALTER TABLE llx_societe ALTER nom TYPE text",
            "DELETE FROM llx_societe WHERE rowid = 1",
            "CREATE TABLE llx_new (rowid integer PRIMARY KEY, label text)",
            "INSERT INTO llx_new VALUES (1, 'a')",
        ],
        [
            "ALTER TABLE llx_line DROP body",
            (
                "ALTER TABLE llx_quiet RENAME TO q; ALTER TABLE llx_log RENAME TO llx_quiet;"
                " ALTER TABLE q RENAME TO llx_log"
            ),
        ],
    ],
    ids=["other files", "no key any more", "other types", "names exchanged"],
)
def test_tables_of_another_file_or_shape_are_told_exactly(clean: Shelved, statements: list[str]) -> None:
    clean.change(*statements)
    exact(clean)


def test_a_truncated_table_is_empty(clean: Shelved) -> None:
    clean.change("TRUNCATE llx_line")
    assert [table.deleted for table in exact(clean).tables] == [2000]


def rehearse(world: Shelved, dice: random.Random) -> None:
    low, some, one = dice.randint(1, 3000), dice.randint(1, 60), dice.randint(0, 49)
    insert = "INSERT INTO llx_societe (nom, amount) SELECT 'new'"
    world.change(
        dice.choice(
            [
                f"{insert}, {dice.random()} FROM generate_series(1, {some})",
                f"UPDATE llx_societe SET amount = {one % 3} WHERE rowid BETWEEN {low} AND {low + some}",
                f"DELETE FROM llx_societe WHERE rowid BETWEEN {low} AND {low + some // 2}",
                f"DELETE FROM llx_log WHERE message = 'said {one}'",
                f"INSERT INTO llx_log VALUES ('2026-01-01', 'said {one}')",
                f"UPDATE llx_line SET fk_parent = fk_parent + 1000 WHERE fk_parent = {one}",
                "VACUUM llx_societe",
                f"BEGIN; DELETE FROM llx_line WHERE rang = {one % 10}; ROLLBACK",
            ]
        )
    )


@pytest.mark.parametrize("seed", range(3))
def test_random_rehearsals_are_told_exactly(clean: Shelved, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(12):
        rehearse(clean, dice)
    exact(clean)


def test_only_tables_that_were_written_are_read(clean: Shelved) -> None:
    reads = "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname = 'llx_quiet'"
    clean.change("UPDATE llx_societe SET nom = 'x' WHERE rowid = 1")
    before = [clean.rows(database, reads) for database in (clean.sandbox, clean.kept())]
    report = clean.diff()
    assert report.compared["read"] == 1
    assert [clean.rows(database, reads) for database in (clean.sandbox, clean.kept())] == before
    assert [row.before for row in report.tables[0].rows or ()] == [{"nom": "customer 1"}]
    assert [row.after for row in report.tables[0].rows or ()] == [{"nom": "x"}]


def test_what_an_open_session_has_not_told_yet_is_found(clean: Shelved) -> None:
    with clean.session(clean.sandbox, role="dolibarr_sandbox") as pooled:
        for number in range(3):  # the server hears of the first at once, of the others after a while
            pooled.execute("UPDATE llx_quiet SET label = %s WHERE rowid = %s", [f"told {number}", number + 1])
        report = clean.diff()
        assert same(told(report), clean.brute())
        assert "sessions are open" in report.compared["note"]
        pooled.execute("BEGIN")
        pooled.execute("DELETE FROM llx_line")  # never committed
        assert same(told(clean.diff()), clean.brute())


def test_rows_are_left_out_unless_asked_for_and_the_counts_are_the_same(clean: Shelved) -> None:
    clean.change(
        "UPDATE llx_societe SET nom = 'x' WHERE rowid < 4", "DELETE FROM llx_log WHERE message = 'said 1'"
    )
    brief, full = clean.diff(rows=False), clean.diff()
    assert [table.rows for table in brief.tables] == [None, None]
    assert [(t.table, t.inserted, t.changed, t.deleted) for t in brief.tables] == [
        ("llx_log", 0, 0, 10),
        ("llx_societe", 0, 3, 0),
    ]
    assert (brief.inserted, brief.changed, brief.deleted) == (full.inserted, full.changed, full.deleted)


def test_an_older_schema_is_told_with_its_columns(clean: Shelved) -> None:
    clean.change(
        "ALTER TABLE llx_line ADD extra text",
        "ALTER TABLE llx_line DROP body",
        "DROP TABLE llx_quiet",
        "CREATE TABLE llx_empty (a integer)",
        "UPDATE llx_const SET value = '24.0.0' WHERE name = 'MAIN_VERSION_LAST_INSTALL'",
    )
    report = exact(clean)
    tables = {table.table: table for table in report.tables}
    assert (tables["llx_line"].columns_added, tables["llx_line"].columns_dropped) == (("extra",), ("body",))
    assert tables["llx_quiet"].state == "dropped"
    assert tables["llx_empty"].state == "new"
    assert "Dolibarr was 23.0.0, it is 24.0.0 now" in report.notes


def test_another_checkpoint_of_the_past_is_compared_too(clean: Shelved) -> None:
    clean.change("UPDATE llx_societe SET nom = 'middle' WHERE rowid = 10")
    clean.save("middle")
    clean.change("DELETE FROM llx_societe WHERE rowid = 11")
    assert [table.deleted for table in clean.diff("middle").tables] == [1]
    exact(clean)
    clean.rewind("middle")
    report = exact(clean)  # the live database is no copy of baseline now
    assert "no copy" in report.compared["note"]
    assert (report.changed, report.deleted) == (1, 0)
    clean.forget("middle")


def test_a_checkpoint_that_somebody_wrote_to_is_compared_as_it_is(clean: Shelved) -> None:
    clean.save("touched")
    for statement in (
        "DELETE FROM llx_societe WHERE rowid = 3",
        "INSERT INTO llx_societe (nom) VALUES ('x')",
    ):
        clean.rows(clean.kept("touched"), f"BEGIN READ WRITE; {statement}; COMMIT")
    clean.change("UPDATE llx_societe SET nom = 'y' WHERE rowid = 4")
    assert same(told(clean.diff("touched")), clean.brute("touched"))
    clean.forget("touched")


def test_a_sandbox_that_is_written_to_meanwhile_is_told_as_it_was_at_one_moment(clean: Shelved) -> None:
    over = threading.Event()

    def write() -> None:
        with clean.session(clean.sandbox) as session:
            while not over.is_set():
                # two tables in one transaction: a diff shows both or none
                session.execute(
                    "BEGIN; INSERT INTO llx_log VALUES (now(), 'both');"
                    " INSERT INTO llx_societe (nom) VALUES ('both'); COMMIT"
                )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = []
        for _ in range(5):
            with suppress(Failed):  # it changes faster than it is compared
                seen.append({t.table: t.inserted for t in clean.diff(rows=False).tables})
    finally:
        over.set()
        writer.join()
    assert seen
    assert all(one.get("llx_log") == one.get("llx_societe") for one in seen)
    exact(clean)


def test_a_run_that_was_cut_off_must_be_recovered_first(clean: Shelved) -> None:
    book = journal.Book(clean.state)
    book.write(journal.Journal(journal.holder("r"), "save", "keep", checkpoint="x"))
    with pytest.raises(Interrupted, match="inv recover"):
        clean.diff()
    book.clear()


def test_documents_are_told_by_their_content(clean: Shelved) -> None:
    docs = clean.documents
    for name in ("same size.pdf", "touched.pdf", "gone.pdf", "longer.pdf", "to link.pdf"):
        (docs / name).write_text("first")
    (docs / "link").symlink_to("touched.pdf")
    clean.save("documents")
    times = (docs / "same size.pdf").stat()
    (docs / "same size.pdf").write_text("other")
    os.utime(docs / "same size.pdf", ns=(times.st_atime_ns, times.st_mtime_ns))  # as if never written
    (docs / "touched.pdf").touch()
    (docs / "gone.pdf").unlink()
    (docs / "longer.pdf").write_text("longer than before")
    (docs / "link").unlink()
    (docs / "link").symlink_to("longer.pdf")
    odd = docs / "sub" / "new\nline"
    odd.parent.mkdir()
    odd.write_text("x")
    os.close(os.open(os.fsencode(docs) + b"/\xff\xfe.pdf", os.O_CREAT))
    found = clean.diff("documents").documents
    assert found is not None
    assert set(found.added) == {"sub/new\nline", "\udcff\udcfe.pdf"}
    assert set(found.changed) == {"same size.pdf", "longer.pdf", "link"}
    assert found.removed == {"gone.pdf": 5}
    clean.rewind("documents")
    assert not clean.diff("documents").different
    (docs / "longer.pdf").write_text("FIRST")
    after = clean.diff("documents").documents
    assert after is not None
    assert set(after.changed) == {"longer.pdf"}
    clean.forget("documents")


def test_json_has_only_what_is_documented(clean: Shelved) -> None:
    clean.change("UPDATE llx_societe SET amount = 1.5 WHERE rowid = 1")
    document = json.loads(json.dumps(asdict(clean.diff()), default=str))
    assert set(document) == {
        *("checkpoint", "saved", "sandbox", "url", "at", "different", "inserted", "changed", "deleted"),
        *("tables", "documents", "sequences", "compared", "notes", "seconds"),
    }
    assert document["tables"][0]["rows"] == [
        {
            "kind": "changed",
            "key": {"rowid": 1},
            "title": "customer 1",
            "before": {"amount": "0.33333333"},
            "after": {"amount": "1.50000000"},
        }
    ]
