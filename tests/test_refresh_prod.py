"""Prod is read-only by construction: what its server logs, and what its sessions answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.engines import engine_for
from sandbox.lab.access import PROD, READER
from sandbox.lifecycle.checkpoint import save
from sandbox.shell import observe
from tests.worlds import World, context

READS = re.compile(
    r"(SELECT|WITH|SHOW|SET|BEGIN|COMMIT|COPY .* TO |PREPARE \w+(?:\([^()]*\))? AS\s+SELECT"
    r"|EXECUTE (?:dump|getAttributeStats)|LOCK TABLE .* IN ACCESS SHARE MODE)",
    re.IGNORECASE | re.DOTALL,
)


@pytest.fixture
def world(lab_root: Path, tmp_path: Path) -> Iterator[World]:
    made = World(lab_root, tmp_path).make()
    yield made
    made.drop()


@pytest.mark.parametrize(
    ("strategy", "mode"), [("swap", "full"), ("swap", "incremental"), ("in-place", "full")]
)
def test_prods_server_is_sent_nothing_but_reads(world: World, strategy: str, mode: str) -> None:
    world.overlay = {"refresh": {"strategy": strategy}, "prod": {"database": {"user": PROD}}}
    if mode == "incremental":
        world.refresh(db_only=True)
        save(world.settings(), context(), "baseline", yes=True)
    # a role that may write, so that what is not a read would not be refused but seen
    world.rows("postgres", f"ALTER ROLE {PROD} IN DATABASE {world.prod} SET log_statement = 'all'")
    log = world.lab_root / ".lab" / "postgres.log"
    before, begun = world.dump(world.prod), log.stat().st_size
    assert world.refresh().mode == mode
    with log.open("rb") as file:
        file.seek(begun)
        text = file.read().decode()
    logged = re.findall(r"(?:statement|execute [^:]*): ((?:.*)(?:\n\t.*)*)", text)
    assert len(logged) > 50
    assert [statement for statement in logged if not READS.match(statement)] == []
    assert [statement for statement in logged if re.match(r"SET .*read_only", statement)] == []
    assert world.dump(world.prod) == before


def test_every_prod_session_is_read_only(world: World) -> None:
    shown = world.folder / "shown"
    words = f'*"-d {world.prod} "*'
    tell = f'case "$*" in {words}) echo "$PGOPTIONS" >> "{shown}" ;; esac\nexec "$REAL" "$@"'
    world.programs(psql=tell, pg_dump=tell, pg_restore=tell)
    world.refresh(db_only=True)
    lines = shown.read_text().splitlines()
    assert len(lines) >= 5
    assert [line for line in lines if "-c default_transaction_read_only=on" not in line] == []


@pytest.mark.parametrize("role", [READER, PROD])
def test_a_write_to_prod_is_refused_by_the_session_or_by_the_role(world: World, role: str) -> None:
    world.overlay = {"prod": {"database": {"user": role}}}
    settings = world.settings()
    access = engine_for(settings).access(settings.prod)
    shown = observe(
        context(), access.psql("SHOW default_transaction_read_only; SHOW transaction_read_only;").text()
    )
    assert shown.stdout.split() == ["on", "on"]
    done = observe(context(), access.psql("DELETE FROM llx_facture;").text())
    assert done.exited != 0
    assert "read-only transaction" in done.stderr
