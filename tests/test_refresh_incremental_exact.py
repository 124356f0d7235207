"""An incremental refresh carries exactly what prod changed, of every kind of table, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from sandbox.lifecycle import remembered
from sandbox.lifecycle.checkpoint import save
from tests.incremental import incremental, left, page
from tests.support import slow_but
from tests.worlds import PRODS, SCHEMA, World, context, same

# keys of all kinds and none, and what acts by itself when a row comes or goes
TABLES = """
CREATE TABLE llx_line (rowid serial PRIMARY KEY, fk_facture integer NOT NULL, qty real, v numeric,
  at timestamp, CONSTRAINT goes FOREIGN KEY (fk_facture) REFERENCES llx_facture (rowid) ON DELETE CASCADE);
COMMENT ON CONSTRAINT goes ON llx_line IS 'a line goes with its invoice';
CREATE TABLE llx_named (entity integer, code varchar(20), label text, PRIMARY KEY (entity, code));
CREATE TABLE llx_bare (a integer, b text);
CREATE TABLE llx_made (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a integer,
  twice integer GENERATED ALWAYS AS (a * 2) STORED, gone text);
ALTER TABLE llx_made DROP gone;
CREATE TABLE llx_tree (id integer PRIMARY KEY, above integer REFERENCES llx_tree);
CREATE TABLE llx_empty (id integer PRIMARY KEY);
CREATE TABLE llx_turn (id integer PRIMARY KEY, what text, active boolean, label text);
CREATE UNIQUE INDEX one_at_a_time ON llx_turn (what) WHERE active;
CREATE UNIQUE INDEX no_two_alike ON llx_turn (lower(label));
CREATE TABLE "Odd, ""n"" name" ("a, b" integer PRIMARY KEY, "c ""d"" e" text);
CREATE FUNCTION meddled() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.nom = 'meddled'; RETURN NEW; END $$;
CREATE TRIGGER meddle BEFORE INSERT ON llx_societe FOR EACH ROW EXECUTE FUNCTION meddled();
CREATE TRIGGER quiet BEFORE INSERT ON llx_societe FOR EACH ROW EXECUTE FUNCTION touched();
ALTER TABLE llx_societe DISABLE TRIGGER quiet;
ALTER TABLE llx_societe ENABLE ALWAYS TRIGGER touch;
"""
ROWS = """
INSERT INTO llx_line (fk_facture, qty, v, at)
  SELECT 1 + i % 2000, 0, 1.0, '2024-01-01' FROM generate_series(1, 900) i;
INSERT INTO llx_named SELECT i % 3, 'C' || i, 'label' FROM generate_series(1, 300) i;
INSERT INTO llx_bare SELECT i % 5, 'same' FROM generate_series(1, 50) i;
INSERT INTO llx_made (a) SELECT i FROM generate_series(1, 100) i;
INSERT INTO llx_turn SELECT i, 'w' || i / 2, i % 2 = 0, 'L' || i FROM generate_series(1, 100) i;
INSERT INTO llx_tree VALUES (1, NULL), (2, 1), (3, 2);
INSERT INTO "Odd, ""n"" name" SELECT i, 'v' FROM generate_series(1, 40) i;
"""
CHANGES = {
    "nothing": "SELECT 1",
    "one byte": "UPDATE llx_societe SET nom = 'Customer 7' WHERE nom = 'customer 7'",
    "new rows": "INSERT INTO llx_facture (ref, total_ttc, fk_soc)"
    " SELECT 'N' || i + max(rowid), i, 1 FROM llx_facture, generate_series(1, 99) i GROUP BY i",
    "a row that goes, with its lines": "DELETE FROM llx_facture WHERE rowid = 2",
    "a row that others refer to": "UPDATE llx_facture SET total_ttc = -1 WHERE rowid IN (3, 4)",
    "unique values exchanged": "UPDATE llx_facture SET ref = 'x' WHERE rowid = 10;"
    "UPDATE llx_facture SET ref = 'FA10' WHERE rowid = 11;"
    "UPDATE llx_facture SET ref = 'FA11' WHERE rowid = 10",
    "turns exchanged": "UPDATE llx_turn SET active = false WHERE id = 10;"
    "UPDATE llx_turn SET active = true WHERE id = 11",
    "labels exchanged": "UPDATE llx_turn SET label = 'x' WHERE id = 20;"
    "UPDATE llx_turn SET label = 'l20' WHERE id = 21; UPDATE llx_turn SET label = 'L21' WHERE id = 20",
    "most of a table": "UPDATE llx_facture SET total_ttc = total_ttc + 1 WHERE rowid > 200",
    "rows changed, new and gone": "UPDATE llx_facture SET total_ttc = 0 WHERE rowid = 20;"
    "INSERT INTO llx_facture (ref, total_ttc, fk_soc) SELECT 'NEW' || max(rowid), 1, 1 FROM llx_facture;"
    "DELETE FROM llx_facture WHERE rowid = (SELECT min(rowid) FROM llx_facture WHERE rowid > 20)",
    "another key": "UPDATE llx_named SET code = 'c1' WHERE code = 'C1'",
    "as often as it was, but others": "UPDATE llx_bare SET a = 4 WHERE a = 3",
    "once less": "DELETE FROM llx_bare WHERE ctid = (SELECT min(ctid) FROM llx_bare)",
    "an identity": "INSERT INTO llx_made (a) VALUES (7); UPDATE llx_made SET a = 0 WHERE id = 3",
    "a tree upside down": "UPDATE llx_tree SET above = NULL; UPDATE llx_tree SET above = 3 WHERE id = 2;"
    "UPDATE llx_tree SET above = 2 WHERE id = 1",
    "a table that was empty": "INSERT INTO llx_empty"
    " SELECT i + coalesce((SELECT max(id) FROM llx_empty), 0) FROM generate_series(1, 30) i",
    "a table that is empty": "DELETE FROM llx_line",
    "names": 'UPDATE "Odd, ""n"" name" SET "c ""d"" e" = NULL WHERE "a, b" = 9',
    "a sign": "UPDATE llx_line SET qty = '-0' WHERE rowid = 5",
    "trailing zeros": "UPDATE llx_line SET v = 1.00 WHERE rowid = 5",
    "a sequence": "SELECT nextval('llx_facture_rowid_seq')",
}

# every change from a known checkpoint; what is found without that is a few kinds
QUICK = {*((change, True) for change in CHANGES), ("rows changed, new and gone", False), ("once less", False)}


@pytest.fixture(scope="module")
def shared(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    prods = SCHEMA + PRODS + TABLES + ROWS
    made = World(lab_root, tmp_path_factory.mktemp("incremental")).make(prods=prods)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(remembered, "SMALL", 1)
        made.refresh(db_only=True)
    save(made.settings(), context(), "baseline", yes=True)
    yield made
    made.drop()


@pytest.mark.parametrize(("change", "known"), slow_but(QUICK, product(CHANGES, [True, False])))
def test_what_prod_changed_is_carried_exactly(
    shared: World, change: str, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a checkpoint whose content the last refresh remembers, and from one of which nothing is known."""
    monkeypatch.setattr(remembered, "SMALL", 1)
    if known:
        if not page(shared).exists():  # it is that of the test before
            shared.refresh(db_only=True)
        save(shared.settings(), context(), "baseline", yes=True)
    else:
        page(shared).unlink(missing_ok=True)
    shared.rows(shared.prod, CHANGES[change])
    carried = incremental(shared.refresh(db_only=True))
    same(shared)
    assert carried["rows"] < 2500
    assert left(shared) == []
    query = "SELECT tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
    assert shared.rows(shared.sandbox, query) == shared.rows(shared.prod, query)
    words = "SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conname = 'goes'"
    assert shared.rows(shared.sandbox, words) == [("a line goes with its invoice",)]
