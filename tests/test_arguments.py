"""No program's text is an argument: whatever is refreshed, from wherever to wherever, they all stay short."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.config import merged
from sandbox.engines import engine_for
from sandbox.lifecycle import plan
from sandbox.lifecycle.checkpoint import save
from sandbox.lifecycle.interrupt import Interrupt
from sandbox.lifecycle.progress import Silent
from sandbox.lifecycle.remembered import Remembered
from sandbox.lifecycle.runs import new_run
from sandbox.lifecycle.strategies import InPlace, Swap
from sandbox.lifecycle.work import Outcome
from sandbox.shell import OfRun
from tests.incremental import page
from tests.worlds import PRODS, SCHEMA, World, context, same

LONGEST = 16_384  # bytes of an argument or a variable; Linux takes 131,072
TABLES = 60  # large enough to be remembered
MANY = "".join(
    f"CREATE TABLE llx_{'a_module_with_a_long_name_' * 2}{number:02} AS"
    " SELECT i AS rowid, md5(i::text) AS label FROM generate_series(1, 1000) i;"
    for number in range(TABLES)
)
# the longest argument and variable of a program and of whoever started it
MEASURE = r"""for p in $$ $PPID; do for f in cmdline environ; do tr '\n\0' ' \n' </proc/$p/$f; done; done |
  awk '{{ if (length > most) most = length }} END {{ print most }}' >>'{}'
"""
# every pod that is asked for is there
KUBECTL = """while :; do case $1 in
  pod) printf '{"metadata": {"name": "%s"}, "spec": {"containers": [{"name": "main"}]}, "status":
    {"conditions": [{"type": "Ready", "status": "True"}]}}' "$2"; exit ;;
  --) shift; exec "$@" ;;
  *) shift ;;
esac; done
"""


@pytest.fixture(scope="module")
def world(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(lab_root, tmp_path_factory.mktemp("arguments")).make(prods=SCHEMA + PRODS + MANY)
    made.refresh(db_only=True)
    save(made.settings(), context(), "baseline", yes=True)
    yield made
    made.drop()


@pytest.fixture
def sizes(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where PostgreSQL's programs, and a kubectl that hands on its words, write what they measured."""
    told = world.folder / "sizes"
    told.unlink(missing_ok=True)
    measure = MEASURE.format(told)
    world.overlay = {}
    world.programs(**dict.fromkeys(("psql", "pg_dump", "pg_restore"), f'{measure}exec "$REAL" "$@"'))
    kubectl = world.folder / "programs" / "kubectl"
    kubectl.write_text(f"#!/bin/sh\n{measure}{KUBECTL}")
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", str(kubectl.parent), prepend=":")
    return told


def pod(side: str, what: str) -> dict[str, str]:
    return {"pod": f"arcodange-erp-dolibarr-{side}-{what}-deployment-7f9c6d5b8-x2x4z", "container": "main"}


def refreshed(world: World, strategy: str, *, full: bool) -> Outcome:
    """A refresh by a cluster's engine, each side's database and documents in a pod of its own."""
    both = "database", "documents"
    pods = {side: {what: pod(side, what) for what in both} for side in ("prod", "sandbox")}
    ours = {"engine": "kubernetes", "refresh": {"strategy": strategy}}
    cluster = {"context": "a-cluster", "namespace": "erp-sandbox", **pods["sandbox"]}
    theirs = {"kubernetes": {"namespace": "erp", **pods["prod"]}}
    world.overlay = merged(world.overlay, {**ours, "kubernetes": cluster, "prod": theirs})
    settings = world.settings()
    run = new_run(settings)
    runner = OfRun(context(), run)
    engine = engine_for(settings, run, runner)
    assert not engine.databases_together
    known = Remembered.read(json.loads(page(world).read_text()))
    assert len(known.tables) == TABLES
    seen = plan.look(engine, runner, db_only=False, full=full, known=known)
    kind = Swap if strategy == "swap" else InPlace
    return kind(engine, runner, seen, None, Silent(), Interrupt()).do()


@pytest.mark.parametrize(("strategy", "full"), [("swap", False), ("swap", True), ("in-place", True)])
def test_a_refresh_between_pods_hands_no_program_its_text(
    world: World, sizes: Path, strategy: str, full: bool
) -> None:
    world.rows(world.prod, "UPDATE llx_facture SET total_ttc = total_ttc + 1 WHERE rowid = 700")
    outcome = refreshed(world, strategy, full=full)
    assert (outcome.base, outcome.why_full) == ((None, outcome.why_full) if full else ("baseline", ""))
    same(world)
    longest = [int(line) for line in sizes.read_text().split()]
    assert len(longest) > 20
    assert max(longest) < LONGEST


def test_a_shell_s_text_may_be_longer_than_an_argument() -> None:
    done = context().run(f"true {'x' * 500_000}\ncat /proc/$$/cmdline", hide=True, in_stream=False)
    assert re.fullmatch(r"\S*bash\0/dev/fd/\d+\0", done.stdout)
