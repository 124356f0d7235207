"""A row's hash tells any two rows apart, whatever they exchange: values that hashes are known to confuse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sandbox.lifecycle import content, verify
from sandbox.lifecycle.shape import RELATIONS
from tests.worlds import World

NUMBERS = "0 -0.00 1 -1 12.50 NaN"
VALUES = {
    "int2": "0 1 -1 32767",
    "int4": "0 1 -1 2147483647",
    "int8": "0 1 -1 4294967296 -4294967297",
    "bool": "t f",
    "numeric(10,2)": NUMBERS,
    "numeric": f"{NUMBERS} 1.0 1.00 Infinity -Infinity",
    "float4": "0 -0 1 -1 NaN Infinity -Infinity 1e-40",
    "float8": "0 -0 1 -1 NaN Infinity -Infinity 1e-310",
    "date": "2000-01-01 2000-01-02 1999-12-31 infinity -infinity",
    "timestamp": "2000-01-01 2000-01-01T01:11:34.967296 1999-12-31T23:59:59.999999 infinity",
    "timestamptz": "2000-01-01Z 2000-01-01T01:11:34.967296Z infinity -infinity",
    "interval": "0 1mon 30d 720h",
    "text": "_ 0 a A",
    "varchar(9)": "_ 0 a",
    "bytea": r"_ \x00 \x30",
    "uuid": "00000000-0000-0000-0000-000000000000 00000000-0000-0000-0000-000000000001",
    "jsonb": "null 0 {}",
    "int4[]": "{} {0} {NULL}",
}


@pytest.fixture(scope="module")
def session(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection]:
    world = World(lab_root, tmp_path_factory.mktemp("content"))
    with world.session("postgres") as session:
        session.execute(verify.SESSION.encode())
        yield session


def hashes(session: psycopg.Connection, version: int, *kinds: str) -> tuple[int, int]:
    """Of all rows that columns of these kinds can make: how many there are, and how many hashes."""
    session.execute("DROP TABLE IF EXISTS public.told_apart")
    listed = ", ".join(f"c{i} {kind}" for i, kind in enumerate(kinds))
    session.execute(f"CREATE TABLE public.told_apart ({listed})".encode())
    for i, kind in enumerate(kinds):
        words = ["" if word == "_" else word for word in VALUES[kind].split()]
        rows = ", ".join(f"('{word}'::{kind})" for word in words)
        session.execute(f"CREATE TEMP TABLE v{i} AS VALUES {rows}, (NULL)".encode())
    crossed = ", ".join(f"pg_temp.v{i}" for i in range(len(kinds)))
    session.execute(f"INSERT INTO public.told_apart SELECT * FROM {crossed}".encode())
    session.execute(("DROP TABLE " + crossed).encode())
    query = f"SELECT {content.row_hash(version)} FROM ({RELATIONS}) r WHERE relname = 'told_apart'"
    (told,) = session.execute(query.encode()).fetchone() or ("",)
    counts = f"SELECT count(DISTINCT t::text), count(DISTINCT {told}) FROM public.told_apart t"
    (rows, different) = session.execute(counts.encode()).fetchone() or (0, 0)
    session.execute("DROP TABLE public.told_apart")
    return rows, different


@pytest.mark.parametrize("version", [180000, 130000])
@pytest.mark.parametrize("kind", VALUES)
def test_two_columns_of_a_kind_exchange_nothing_unseen(
    session: psycopg.Connection, kind: str, version: int
) -> None:
    rows, different = hashes(session, version, kind, kind)
    assert rows >= 9
    assert different == rows


@pytest.mark.parametrize("version", [180000, 130000])
def test_columns_of_many_kinds_exchange_nothing_unseen(session: psycopg.Connection, version: int) -> None:
    kinds = ("numeric(10,2)", "float4", "numeric(10,2)", "int4", "float8", "numeric(10,2)")
    rows, different = hashes(session, version, *kinds)
    assert rows > 50000
    assert different == rows
