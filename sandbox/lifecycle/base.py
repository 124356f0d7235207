"""Which checkpoint a refresh starts from, so that only what prod changed since has to be carried."""
# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.lifecycle import shelf
from sandbox.lifecycle.remembered import Remembered
from sandbox.postgres import literal

# what CREATE DATABASE … TEMPLATE takes over from its source; the columns differ by version
_TAKEN = "encoding,datcollate,datctype,datlocprovider,datlocale,daticulocale,daticurules,dattablespace,datdba"


@dataclass(frozen=True)
class Base:
    """A checkpoint to start from, or why there is none."""

    checkpoint: str | None
    database: str = ""
    oid: int = 0
    why: str = ""  # not incremental
    known: Remembered = field(default_factory=Remembered.nothing)  # of this checkpoint


def script(live: str) -> str:
    """SQL for any database of the server: what `newest` reads."""
    taken = "(SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb({0})) WHERE key = ANY ({1}))"
    mine, lives = (taken.format(alias, literal(f"{{{_TAKEN}}}")) for alias in ("c", "l"))
    return f"""{shelf.script(live)}SELECT json_build_object('alike', coalesce(json_agg(c.datname), '[]'))
  FROM pg_database c JOIN pg_database l ON l.datname = {literal(live)}
 WHERE starts_with(c.datname, {literal(live + shelf.BETWEEN)}) AND {mine} = {lives};
"""


def newest(live: str, told: Mapping[str, Any], known: Remembered) -> Base:
    """The newest checkpoint that a new live database can be cloned from.

    Which refresh it comes from does not matter: all that it holds is compared with prod.

    Args:
        live: the live database's name.
        told: the script's output.
        known: what is remembered of the last refresh's copy.
    """
    found = shelf.read(live, told).checkpoints
    for one in reversed(found):
        if one.database(live) in told["alike"]:
            ours = known if known.run == one.refresh else Remembered.nothing()
            return Base(one.name, one.database(live), one.oid, known=ours)
    return Base(
        None, why="no checkpoint has the live database's owner and locale" if found else "no checkpoint"
    )
