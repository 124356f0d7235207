"""Whether a copy arrived: what its programs must have said, and what it means when they did not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.errors import Failed, SandboxError
from sandbox.lifecycle import blocked, neutralize
from sandbox.postgres import Access, complaint, failure, together
from sandbox.shell import Result


@dataclass(frozen=True)
class Copied:
    """What a copy told about itself."""

    tables: int
    rows: int
    sequences: int
    indexes: int
    constraints: int
    told: Mapping[str, Any]  # everything that the scripts printed


def sentinel(run: str, what: str, code: str) -> str:
    """Shell text that tells how a program ended, on the pipeline's own standard output."""
    return f'echo "dolibarr-sandbox {run} {what} {code}" >&4\n'


def checked(run: str, prod: Access, result: Result, wanted: Mapping[str, int]) -> Copied:
    """What the copy told, when every proof of success is there.

    Args:
        run: the id of the copy's run.
        prod: what was read.
        result: what the copy left.
        wanted: how often each program must have ended well; `load` commits by itself, and says so.

    Raises:
        SandboxError: a program failed, or a proof is missing.
    """
    told = together(result.stdout)
    if refused := neutralize.refused(result.stderr):
        raise refused
    ends = re.findall(rf"^dolibarr-sandbox {re.escape(run)} (\w+) (\d+)$", result.stdout, re.MULTILINE)
    good = Counter(name for name, code in ends if code == "0") == Counter(wanted)
    if result.exited != 0 or not good or len(ends) != sum(wanted.values()) or "verified" not in told:
        raise blocked.why(told, result.stderr) or _why(prod, result, ends)
    if "load" in wanted and "committed" not in told:
        raise blocked.why(told, result.stderr) or _why(prod, result, ends)
    return Copied(**told["verified"], told=told)


def _why(prod: Access, result: Result, ends: list[tuple[str, str]]) -> SandboxError:
    said = complaint(result.stderr)
    if result.exited != 0 and not ends:
        return failure(prod, result, f"reading {prod.label}")
    ended = ", ".join(f"{name} {code}" for name, code in ends if code != "0")
    # whoever worked beside the comparison may have stumbled over the same before
    if differs := re.search(r"the copy is not what prod holds.*", result.stderr):
        return Failed(differs[0].strip(), "run it again; if it stays so, report it")
    step = ""
    if "out of shared memory" in said:  # each object that is dropped or made takes a lock until the end
        step = "raise max_locks_per_transaction on the sandbox's server, or set refresh.strategy: swap"
    if full := blocked.full(said):
        said, step = full, f"{blocked.ROOM}: inv refresh --yes"
    return Failed(
        f"the copy did not arrive ({ended or 'it was cut off'}): {said or 'no program said why'}", step
    )
