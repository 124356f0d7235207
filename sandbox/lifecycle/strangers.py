"""What belongs to others in the sandbox's database, and why a refresh or a rewind must not touch it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.errors import Refused
from sandbox.lifecycle.programs import sql
from sandbox.postgres import identifier

_NAMED = 5  # in an error, of any number
# kinds that cannot be handed over
_OWNERLESS = {"cast", "transform", "access method", "text search parser", "text search template"}


@dataclass(frozen=True)
class Stranger:
    """One object that does not belong to the owner."""

    kind: str  # as PostgreSQL calls it: table, function, schema, …
    name: str  # as SQL writes it
    owner: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of {self.owner}"

    def handed_to(self, role: str) -> str:
        """The SQL that hands it to a role; such as can be handed over."""
        words = {"statistics object": "statistics", "foreign-data wrapper": "foreign data wrapper"}
        return f"ALTER {words.get(self.kind, self.kind).upper()} {self.name} OWNER TO {identifier(role)}"


def asking(program: str) -> str:
    """A script that asks one of the programs about a database's objects and their owners.

    Args:
        program: the name of its file.
    """
    return f"WITH RECURSIVE owners AS (\n{sql('owners')}), objects AS (\n{sql('objects')})\n{sql(program)};\n"


# SQL: all objects as a temporary view
OBJECTS = f"CREATE TEMP VIEW dolibarr_sandbox_objects AS\n{sql('objects')};\n"
FOREIGN = "it holds what belongs to others"  # how the server says so
# SQL: fail when somebody else has something in this database, or has made it since it was looked at
UNVISITED = f"""DO $visit$
DECLARE found text;
BEGIN
WITH owners AS (
{sql("owners")}), objects AS (
{sql("objects")})
{sql("unvisited")};
IF found IS NOT NULL THEN RAISE EXCEPTION '{FOREIGN}: %', found; END IF;
END
$visit$;
"""
# for the live database: what `refuse` reads
SCRIPT = asking("sandbox_strangers")


def refuse(told: Mapping[str, Any], way: str, role: str, *, comes: Iterable[str] | None = None) -> None:
    """Refuse to replace a database that holds what is not the owner's.

    Args:
        told: the answer to `SCRIPT`.
        way: how it would be replaced: `swap`, `in-place` or `rewind`.
        role: the database's owner.
        comes: names of extensions that the new database will have; None: those of the old one.

    Raises:
        Refused: it names the first of them.
    """
    lost = [
        Stranger(one["kind"], one["name"], one["owner"])
        for one in told["strangers"]
        if one["in_place" if way == "in-place" else "swap"]
        and not (one["kind"] == "extension" and (comes is None or one["name"] in comes))
    ]
    if lost:
        doing = "a rewind" if way == "rewind" else f"strategy {way}"
        raise Refused(
            f"the sandbox's database holds what is not {role}'s, and {doing} would take it away:"
            f" {named(lost)}",
            _remedy(lost[0], role),
        )


def named(strangers: Iterable[Stranger]) -> str:
    """The first of them, and how many there are beside."""
    listed = list(strangers)
    more = len(listed) - _NAMED
    return ", ".join(map(str, listed[:_NAMED])) + (f" and {more} more" if more > 0 else "")


def _remedy(one: Stranger, role: str) -> str:
    away = "move it to a database of its own, or drop it"
    if one.kind == "default privileges":
        return f"let {one.owner} drop them: ALTER DEFAULT PRIVILEGES … REVOKE …; they are {one.name}"
    if one.kind == "extension":
        return f"{away}: DROP EXTENSION {identifier(one.name)}"
    if one.kind == "large objects":
        return f"{away}; or hand each over: ALTER LARGE OBJECT … OWNER TO {identifier(role)}"
    if one.kind in _OWNERLESS:
        return f"{away}: DROP {one.kind.upper()} {one.name}"
    return f"{away}; or hand it over: {one.handed_to(role)}"
