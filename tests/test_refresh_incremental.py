"""A refresh that starts from a checkpoint carries only what differs, and leaves the same as a full one."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.lab.access import PROD, READER, SANDBOX
from sandbox.lifecycle import journal
from sandbox.lifecycle.checkpoint import save
from sandbox.lifecycle.progress import Silent
from sandbox.lifecycle.recover import recover
from tests.incremental import incremental, left, page
from tests.world_copy import copied
from tests.worlds import World, context, same


@pytest.fixture(scope="module")
def whole(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A small one, with a checkpoint that the last refresh remembers."""
    made = World(lab_root, tmp_path_factory.mktemp("whole")).make()
    made.refresh(db_only=True)
    save(made.settings(), context(), "baseline", yes=True)
    yield made
    made.drop()


@pytest.fixture
def world(whole: World, tmp_path: Path) -> Iterator[World]:
    """The same, to be broken."""
    made = copied(whole, tmp_path)
    yield made
    made.drop()


def opened(world: World) -> str:
    """The checkpoint's database, for somebody who writes to it."""
    kept = f"{world.sandbox}__cp_baseline"
    world.rows("postgres", f"ALTER DATABASE {kept} RESET default_transaction_read_only")
    return kept


def tell(world: World, **other: Any) -> None:
    """Have something else remembered."""
    told = json.loads(page(world).read_text())
    page(world).write_text(json.dumps({**told, **other}))


CHANGE = "UPDATE llx_facture SET total_ttc = 7 WHERE rowid = 700"
MUTED = 2 + 2  # rows of llx_const and llx_user, which are muted in the checkpoint


def test_only_the_row_that_changed_travels(world: World) -> None:
    world.rows(world.prod, CHANGE)
    assert incremental(world.refresh(db_only=True)) == {"tables": 3, "rows": 1 + MUTED}
    same(world)


def test_without_memory_the_neighbours_of_a_change_travel(world: World) -> None:
    page(world).write_text("no JSON")
    world.rows(world.prod, CHANGE)
    assert incremental(world.refresh(db_only=True)) == {"tables": 3, "rows": 8 + MUTED}
    same(world)


def test_rows_that_prod_has_no_more_go_although_no_row_tells_of_them(world: World) -> None:
    world.rows(world.prod, "DELETE FROM llx_facture WHERE rowid IN (3, 1003)")
    world.rows(world.prod, CHANGE)
    carried = incremental(world.refresh(db_only=True))
    assert carried["rows"] == 6 + 7 + 8 + MUTED
    same(world)


@pytest.mark.parametrize(("horizon", "rows"), [(3, 2000), (2**31 - 1, 8), (2**40, 2000)])
def test_a_wrong_guess_at_what_prod_wrote_is_found(world: World, horizon: int, rows: int) -> None:
    """As after prod was restored or moved to another server: its transaction numbers say nothing."""
    tell(world, horizon=horizon)
    world.rows(world.prod, CHANGE)
    assert incremental(world.refresh(db_only=True))["rows"] == rows + MUTED
    same(world)


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_what_is_remembered_wrongly_is_read_again(world: World, place: int) -> None:
    """Another table under that name, other columns, rows, or another content."""
    tables = json.loads(page(world).read_text())["tables"]
    assert [one[0] for one in tables] == ["public.llx_facture"]
    tables[0][place] += 1
    tell(world, tables=tables)
    world.rows(world.prod, CHANGE)
    incremental(world.refresh(db_only=True))
    same(world)


def test_nothing_is_believed_of_another_refresh_or_of_long_ago(world: World) -> None:
    tell(world, run="another")
    world.rows(world.prod, CHANGE)
    assert incremental(world.refresh(db_only=True))["rows"] == 8 + MUTED
    save(world.settings(), context(), "baseline", yes=True)
    tell(world, xid=json.loads(page(world).read_text())["xid"] - 2**31)
    world.rows(world.prod, CHANGE.replace("7 WHERE", "8 WHERE"))
    assert (
        incremental(world.refresh(db_only=True))["rows"] == 1 + MUTED
    )  # prod's one bucket, and ours is read
    same(world)


def test_a_column_that_a_rehearsal_dropped_and_added_again_is_noticed(world: World) -> None:
    """The row versions are the same, and read as they are now they hold something else."""
    world.rows(world.prod, "CREATE TABLE llx_noted (rowid serial PRIMARY KEY, note integer)")
    world.rows(world.prod, "INSERT INTO llx_noted (note) SELECT i FROM generate_series(1, 1500) i")
    world.refresh(db_only=True)
    save(world.settings(), context(), "baseline", yes=True)
    kept = opened(world)
    world.rows(kept, "ALTER TABLE llx_noted DROP note; ALTER TABLE llx_noted ADD note integer")
    incremental(world.refresh(db_only=True))
    same(world)


def test_a_row_that_a_rehearsal_put_in_the_place_of_another_is_noticed(world: World) -> None:
    """There are as many as before."""
    kept = opened(world)
    world.rows(kept, "DELETE FROM llx_facture WHERE rowid = 7")
    world.rows(kept, "INSERT INTO llx_facture (rowid, ref, fk_soc) VALUES (2001, 'FA2001', 1)")
    assert incremental(world.refresh(db_only=True))["tables"] == 3
    same(world)


@pytest.mark.parametrize("form", [None, 1])
def test_hashes_of_another_program_are_not_believed(world: World, form: int | None) -> None:
    tell(world, form=form)
    world.rows(world.prod, CHANGE)
    assert incremental(world.refresh(db_only=True))["rows"] == 8 + MUTED
    same(world)


def test_what_a_rehearsal_wrote_and_took_back_is_noticed(world: World) -> None:
    """The same content in other versions: it is read, and nothing of it travels."""
    kept = opened(world)
    world.rows(kept, "UPDATE llx_facture SET total_ttc = -total_ttc")
    world.rows(kept, "UPDATE llx_facture SET total_ttc = -total_ttc")
    assert incremental(world.refresh(db_only=True)) == {"tables": 2, "rows": MUTED}
    same(world)


def test_what_the_checkpoint_has_beside_goes(world: World) -> None:
    """A rehearsal that was saved, and a byte that somebody planted."""
    kept = opened(world)
    world.rows(kept, "UPDATE llx_societe SET nom = 'customeR 9' WHERE nom = 'customer 9'")
    world.rows(kept, "INSERT INTO llx_user (login, api_key) VALUES ('agent', 'its-key')")
    world.rows(kept, "DELETE FROM llx_facture WHERE rowid > 1500")
    incremental(world.refresh(db_only=True))
    same(world)
    assert world.rows(world.sandbox, "SELECT count(*) FROM llx_user WHERE api_key IS NOT NULL") == [(0,)]


def test_rights_are_the_live_databases_not_the_checkpoints(world: World) -> None:
    world.rows(world.sandbox, f"GRANT SELECT ON llx_facture TO {READER}")
    save(world.settings(), context(), "baseline", yes=True)
    world.rows(world.sandbox, f"REVOKE SELECT ON llx_facture FROM {READER}")
    world.rows(world.sandbox, f"GRANT SELECT ON llx_societe TO {READER}")
    incremental(world.refresh(db_only=True))
    query = "SELECT relname FROM pg_class, aclexplode(relacl) a WHERE a.grantee = %s::regrole"
    assert world.rows(world.sandbox, query, READER) == [("llx_societe",)]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("ALTER TABLE llx_facture ADD note text", "prod's schema is not the checkpoint's"),
        ("INSERT INTO llx_societe (nom) SELECT 'n' FROM generate_series(1, 20000)", "too much changed"),
        ("CREATE TABLE above (a integer); CREATE TABLE below () INHERITS (above)", "prod's schema"),
    ],
)
def test_in_doubt_all_of_prod_is_carried_and_why_is_told(world: World, change: str, why: str) -> None:
    world.fill(world.prod, PROD, change)
    report = world.refresh(db_only=True)
    assert (report.mode, report.base, report.carried) == ("full", None, None)
    assert why in report.why_full
    same(world)
    assert left(world) == []


def test_documents_that_came_before_the_second_snapshot_are_there(world: World) -> None:
    """All of prod is carried after all, under a later snapshot: documents were copied after the first."""
    prod, kept = world.folder / "prod documents", Path(f"{world.documents}__next")

    class Late(Silent):
        def note(self, text: str) -> None:
            if "all of prod is carried" in text:
                until = time.monotonic() + 20
                while not (kept / "prod only.pdf").exists() and time.monotonic() < until:
                    time.sleep(0.05)
                time.sleep(1)  # they are copied, and found the same
                (prod / "late.pdf").write_text("late")

    world.rows(world.prod, "ALTER TABLE llx_facture ADD note text")
    report = world.refresh(progress=Late())
    assert report.mode == "full"
    assert world.files()["late.pdf"] == "late"
    assert report.documents is not None
    assert report.documents["files"] == 3
    same(world)
    assert left(world) == []


def test_a_table_that_buckets_do_not_show_is_carried_with_all(world: World) -> None:
    world.fill(world.prod, PROD, "CREATE TABLE above (a integer); CREATE TABLE below () INHERITS (above)")
    world.refresh(db_only=True)
    save(world.settings(), context(), "baseline", yes=True)
    report = world.refresh(db_only=True)
    assert "public.above is no plain table" in report.why_full
    same(world)


def test_without_a_checkpoint_and_when_asked_all_is_carried(world: World) -> None:
    assert world.refresh(db_only=True, full=True).why_full == "as asked"
    world.rows("postgres", f"ALTER DATABASE {world.sandbox}__cp_baseline OWNER TO lab_superuser")
    assert "no checkpoint has" in world.refresh(db_only=True).why_full
    world.rows("postgres", f"DROP DATABASE {world.sandbox}__cp_baseline")
    assert world.refresh(db_only=True).why_full == "no checkpoint"
    same(world)


def test_a_byte_that_changes_on_its_way_is_found(world: World) -> None:
    """A psql that spoils the rows that travel: the clone is given up, and all of prod is carried."""
    spoil = """case "$*" in *__next*) ;; *) exec "$REAL" "$@" ;; esac
box=$(mktemp); cat > "$box"; trap 'rm -f "$box"' EXIT
if grep -q '^COPY dolibarr_sandbox_stage.rows_' "$box"; then sed -i 's/travels/travelz/' "$box"; fi
"$REAL" "$@" < "$box"
"""
    world.programs(psql=spoil)
    world.rows(world.prod, "UPDATE llx_societe SET nom = 'travels' WHERE rowid = 3")
    report = world.refresh(db_only=True)
    assert report.mode == "full"
    assert "the copy is not what prod holds: content of public.llx_societe" in report.why_full
    same(world)


@pytest.mark.parametrize("made", [False, True])
def test_a_clone_whose_psql_is_killed_is_nobodys_but_ours(world: World, *, made: bool) -> None:
    """Killed when the clone is made and not yet claimed, or while the server waits for a session to end."""
    die = """sed '/^CREATE DATABASE/q' "$box" | "$REAL" "$@"; rm "$box"; kill -9 $$"""
    if not made:
        die = """"$REAL" "$@" <"$box" & sleep 0.5; rm "$box"; kill -9 $! $$"""
    lost = f"""case "$*" in *"-d postgres "*) ;; *) exec "$REAL" "$@" ;; esac
box=$(mktemp); cat >"$box"
if grep -q 'STRATEGY FILE_COPY' "$box"; then {die}; fi
"$REAL" "$@" <"$box"; code=$?; rm "$box"; exit $code
"""
    world.programs(psql=lost)
    with world.session("postgres" if made else f"{world.sandbox}__cp_baseline"):
        report = world.refresh(db_only=True)
        making = world.rows("postgres", "SELECT query FROM pg_stat_activity WHERE query ~ '^CREATE DATABASE'")
    assert (report.mode, report.carried) == ("full", None)
    assert "create" in report.why_full
    assert making == []
    assert left(world) == []
    same(world)


def test_a_count_that_fails_is_told_and_all_of_prod_is_carried(world: World) -> None:
    fail = """box=$(mktemp); cat > "$box"; trap 'rm -f "$box"' EXIT
if grep -q 'INSERT INTO dolibarr_sandbox_stage.ours' "$box"; then echo 'ERROR:  no' >&2; exit 3; fi
"$REAL" "$@" < "$box"
"""
    world.programs(psql=f'case "$*" in *__next*) ;; *) exec "$REAL" "$@" ;; esac\n{fail}')
    report = world.refresh(db_only=True)
    assert (report.mode, report.carried) == ("full", None)
    assert "look 3" in report.why_full
    same(world)


def test_killed_in_the_middle_it_is_the_old_one_and_the_next_converges(world: World) -> None:
    more = "INSERT INTO llx_societe (nom) SELECT repeat('n', 90) FROM generate_series(1, 60000)"
    world.rows(world.prod, more)
    world.refresh(db_only=True)
    save(world.settings(), context(), "baseline", yes=True)
    world.rows(world.prod, "UPDATE llx_societe SET nom = 'later' WHERE rowid < 9")
    process = world.start("stage", "verify")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, said
    assert world.rows(world.sandbox, "SELECT count(*) FROM llx_societe WHERE nom = 'later'") == [(0,)]
    assert journal.interrupted(world.settings()) is not None
    assert recover(world.settings(), context()).found
    incremental(world.refresh())
    same(world)
    assert left(world) == []


def test_a_dry_run_shows_it_and_changes_nothing(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    before = world.content(world.sandbox)
    report = world.refresh(db_only=True, runner=context(dry=True, echo=True))
    assert (report.mode, report.base, report.dry) == ("incremental", "baseline", True)
    assert f'TEMPLATE "{world.sandbox}__cp_baseline"' in capfd.readouterr().out
    assert world.content(world.sandbox) == before
    assert world.databases() == {"_prod", "_sbx", "_sbx__cp_baseline"}


def test_what_is_restored_belongs_to_the_sandboxs_owner(world: World) -> None:
    incremental(world.refresh(db_only=True))
    owners = world.rows(
        world.sandbox,
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    )
    assert owners == [(SANDBOX,)]
    schemas = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
    assert world.rows(world.sandbox, schemas) == [("public",)]
