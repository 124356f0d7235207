"""What of prod does not travel, since it does not belong to the owner, and how a copy leaves it out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.errors import Refused
from sandbox.lifecycle.programs import shell
from sandbox.lifecycle.strangers import Stranger, asking, named
from sandbox.postgres import Access, identifier
from sandbox.shell import Command, temporary

# for prod: what `Left.told` reads
SCRIPT = asking("prod_strangers")


@dataclass(frozen=True)
class Left:
    """Prod's strangers.

    A dump leaves out their schemas and relations by name, with all that belongs to those. The rest is left
    out of the archive's table of contents; large objects cannot be, and are removed from the copy.
    """

    strangers: tuple[Stranger, ...] = ()
    adopted: tuple[Stranger, ...] = ()  # tables with a name of Dolibarr's that belong to others, and travel
    options: tuple[str, ...] = ()  # of pg_dump
    entries: tuple[str, ...] = ()  # of a table of contents: catalog and object, by number
    roles: tuple[str, ...] = ()  # to whom those belong
    large_objects: tuple[int, ...] = ()

    @classmethod
    def told(cls, told: Mapping[str, Any]) -> Left:
        """From the answer to `SCRIPT`.

        Raises:
            Refused: something that travels cannot be without something that does not.
        """
        bound = [(Stranger(*mine), Stranger(*theirs)) for mine, theirs in told["bound"]]
        if bound:
            mine, theirs = bound[0]
            more = f" (and {len(bound) - 1} more such)" if len(bound) > 1 else ""
            raise Refused(
                f"prod's {mine} depends on {theirs}{more}, which does not travel: it is not {mine.owner}'s",
                f"hand it over in prod: {theirs.handed_to(mine.owner)}; or drop what depends on it",
            )
        tables = (f"{identifier(schema)}.{identifier(name)}" for schema, name in told["relations"])
        none = ("-B",) if told["large_objects"] and told["all_large_objects"] else ()
        return cls(
            tuple(Stranger(*one) for one in told["strangers"]),
            tuple(Stranger(*one) for one in told["adopted"]),
            (
                *(f"--exclude-schema={identifier(name)}" for name in told["schemas"]),
                *(f"--exclude-table={table}" for table in tables),
                *none,
            ),
            tuple(told["entries"]),
            tuple(told["roles"]),
            () if none else tuple(told["large_objects"]),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know, though it stops nothing."""
        if not self.adopted:
            return ()
        return (f"prod's tables belong to several roles; these travel, too: {named(self.adopted)}",)

    def removed(self) -> str:
        """SQL for the copy: the large objects that came with the others."""
        return "".join(f"SELECT lo_unlink({oid}) AS gone \\gset\n" for oid in self.large_objects)

    def travelling(self, access: Access, run: str, command: Command) -> str:
        """Shell text, next to the sandbox's database: restore what travels of the archive that flows into it.

        Args:
            access: the way to the database.
            run: whose work it is.
            command: a pg_restore.
        """
        variables = {"left": "\n".join(self.entries), "roles": "\n".join(self.roles)}
        given = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
        return (
            f"(\nbox={temporary(run, folder=True)} || exit 1\n{given}"
            f'listed() {{\n{access.contents().text()} "$box/archive"\n}}\n'
            f'restored() {{\n{command.text()} -L "$box/list" "$box/archive"\n}}\n{shell("travelling")})'
        )
