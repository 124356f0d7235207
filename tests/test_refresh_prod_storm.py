"""Refreshes while prod is altered at random: how long anybody there waited, and how each refresh ended."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from sandbox.errors import SandboxError
from sandbox.lifecycle.checkpoint import save
from tests.prod_waits import MODES, TABLES, refreshed
from tests.worlds import PRODS, SCHEMA, World, context

REFRESHES = 60
MOST = 5.0  # seconds that a query of prod's may wait
# each in one transaction; in all of them llx_altered and llx_other have 300 rows together
CHANGES = (
    ("ALTER TABLE llx_facture ALTER ref DROP DEFAULT",),
    ("ALTER TABLE llx_societe ADD more integer DEFAULT 7", "ALTER TABLE llx_societe DROP more"),
    ("VACUUM FULL llx_facture",),
    ("VACUUM FULL llx_societe",),
    ("ALTER TABLE llx_other RENAME TO llx_renamed", "ALTER TABLE llx_renamed RENAME TO llx_other"),
    ("CREATE TABLE llx_new (a integer)", "DROP TABLE llx_new"),
    ("CREATE INDEX quickly ON llx_facture (total_ttc)", "DROP INDEX quickly"),
    ("CREATE INDEX CONCURRENTLY slowly ON llx_societe (nom)", "DROP INDEX slowly"),
    (
        "WITH moved AS (DELETE FROM llx_altered RETURNING *) INSERT INTO llx_other SELECT * FROM moved",
        "BEGIN; INSERT INTO llx_altered SELECT * FROM llx_other; TRUNCATE llx_other; COMMIT",
    ),
    ("CREATE SEQUENCE another", "DROP SEQUENCE another"),
    ("CREATE OR REPLACE VIEW seen AS SELECT 1 AS one", "DROP VIEW seen"),
)
READS = (
    "SELECT count(*) FROM llx_altered",
    "SELECT count(*) FROM llx_other",
    "SELECT count(*) FROM llx_facture",
    "UPDATE llx_societe SET nom = nom WHERE rowid = 7",
    "UPDATE llx_facture SET total_ttc = total_ttc WHERE rowid = 7",
    "INSERT INTO llx_const (name, value) VALUES ('PROBE', '') ON CONFLICT DO NOTHING",
)
# how a refresh may say that it made way
REFUSED = re.compile(
    r"prod's table \S+ is (to be altered or )?locked by |something in prod is "
    r"|prod was altered while it was read: |the copy is not what prod holds"
)


@dataclass
class Probes:
    """Queries of prod's, and the longest that one took."""

    world: World
    longest: float = 0.0
    count: int = 0
    failed: list[str] = field(default_factory=list)

    def run(self, stop: threading.Event, seed: int) -> None:
        choice = random.Random(seed)
        with self.world.session(self.world.prod) as session:
            while not stop.wait(0.02):
                begun = time.monotonic()
                try:
                    session.execute(choice.choice(READS).encode())
                except psycopg.errors.UndefinedTable:
                    pass
                except psycopg.errors.DeadlockDetected:
                    pass  # two of prod's own
                self.longest = max(self.longest, time.monotonic() - begun)
                self.count += 1


def change(world: World, stop: threading.Event, seed: int) -> None:
    """Change prod's tables at random moments, with pauses in which a refresh may end as a new one."""
    choice = random.Random(seed)
    while not stop.wait(choice.uniform(0.1, 6)):
        with world.session(world.prod) as session:
            for statement in choice.choice(CHANGES):
                with suppress(psycopg.errors.DeadlockDetected):
                    session.execute(statement.encode())
                stop.wait(choice.uniform(0, 0.5))


@contextmanager
def storm(world: World, seed: int) -> Iterator[Probes]:
    probes, stop = Probes(world), threading.Event()
    threads = [threading.Thread(target=probes.run, args=(stop, seed + i)) for i in range(3)]
    threads.append(threading.Thread(target=change, args=(world, stop, seed)))
    with ExitStack() as stack:
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(stop.set)
        yield probes


@pytest.fixture
def world(lab_root: Path, tmp_path: Path) -> Iterator[World]:
    made = World(lab_root, tmp_path).make(prods=SCHEMA + PRODS + TABLES)
    made.refresh(db_only=True)
    save(made.settings(), context(), "baseline", yes=True)
    yield made
    made.drop()


@pytest.mark.slow
def test_prod_never_waits_long_and_every_refresh_is_new_or_refused(world: World) -> None:
    ended: Counter[str] = Counter()
    wrong = []
    with storm(world, 18) as probes:
        for number in range(REFRESHES):
            mode = MODES[number % len(MODES)]
            before = world.dump(world.sandbox)
            try:
                report = refreshed(world, mode, within=2)
            except SandboxError as error:
                ended[f"{mode}: refused"] += 1
                if not REFUSED.match(error.what) or world.dump(world.sandbox) != before:
                    wrong.append(f"{mode}: {error}")
            else:
                ended[f"{mode}: new ({report.mode})"] += 1
                tables = "SELECT (SELECT count(*) FROM llx_altered), (SELECT count(*) FROM llx_other)"
                with suppress(psycopg.errors.UndefinedTable):  # it is llx_renamed
                    if sum(world.rows(world.sandbox, tables)[0]) != 300:
                        wrong.append(f"{mode}: llx_altered and llx_other are of two moments")
    figures = f"longest wait {probes.longest:.2f} s of {probes.count} queries; {dict(sorted(ended.items()))}"
    print(figures)  # noqa: T201  # pytest -s shows them
    assert wrong == []
    assert probes.longest < MOST
    assert {name.split(":")[1].split()[0] for name in ended} == {"new", "refused"}
