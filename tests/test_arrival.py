"""What a copy that did not arrive is told as."""

from __future__ import annotations

import pytest
from invoke.runners import Result

from sandbox.errors import Failed
from sandbox.lifecycle.arrival import checked
from sandbox.postgres import Access
from sandbox.settings import Database

PROD = Access("prod", "sandbox.prod.database", Database("prod"), None)
BESIDE = 'pg_restore: error: could not execute query: ERROR:  relation "public.i" does not exist'
DIFFERS = "psql:<stdin>:9: ERROR:  the copy is not what prod holds: index of i is missing (1 differences)"
WHERE = "CONTEXT:  PL/pgSQL function inline_code_block line 26 at RAISE"


@pytest.mark.parametrize("lines", [(BESIDE, DIFFERS, WHERE), (DIFFERS, WHERE, BESIDE), (DIFFERS, WHERE)])
def test_a_difference_is_told_whatever_else_stumbled_over_it(lines: tuple[str, ...]) -> None:
    ends = "dolibarr-sandbox r1 assume 1\ndolibarr-sandbox r1 verify 3\n"
    result = Result(stdout=ends, stderr="\n".join(lines), exited=1)
    with pytest.raises(Failed) as told:
        checked("r1", PROD, result, {"assume": 1, "verify": 1})
    assert told.value.what == "the copy is not what prod holds: index of i is missing (1 differences)"


def test_without_one_the_first_complaint_is_told_and_who_ended_badly() -> None:
    ends = "dolibarr-sandbox r1 assume 1\ndolibarr-sandbox r1 verify 0\n"
    with pytest.raises(Failed) as told:
        checked("r1", PROD, Result(stdout=ends, stderr=f"{BESIDE}\n", exited=1), {"assume": 1, "verify": 1})
    assert told.value.what.startswith("the copy did not arrive (assume 1): ")
    assert 'relation "public.i" does not exist' in told.value.what
