"""Whether prod's role may read all that travels; else what gives it the right, as it is typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.errors import UsageError
from sandbox.lifecycle.programs import sql
from sandbox.lifecycle.shape import RELATIONS
from sandbox.postgres import bypass, identifier

# for prod: what `refuse` reads
SCRIPT = f"WITH relations AS (\n{RELATIONS})\n{sql('reader')};\n"


@dataclass(frozen=True)
class Unread:
    """One table or sequence that prod's role may not read, or not all rows of."""

    name: str  # as SQL writes it
    kind: str
    schema: str
    owner: str
    missing: str  # usage, select or rows

    def grants(self, role: str, *, alone: bool) -> tuple[str, ...]:
        """The statements that let a role read it, and what is made there later.

        Args:
            role: as SQL writes it.
            alone: nothing else of its kind and schema needs it.
        """
        schema, objects = identifier(self.schema), f"{self.kind.upper()}S"
        what = f"{self.kind.upper()} {self.name}" if alone else f"ALL {objects} IN SCHEMA {schema}"
        usage = (f"GRANT USAGE ON SCHEMA {schema} TO {role};",) if self.missing == "usage" else ()
        later = f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(self.owner)} IN SCHEMA {schema}"
        return *usage, f"GRANT SELECT ON {what} TO {role};", f"{later} GRANT SELECT ON {objects} TO {role};"


def refuse(told: Mapping[str, Any], user: str) -> None:
    """Refuse a role that would not see all of prod.

    Args:
        told: the answer to `SCRIPT`.
        user: prod's role.

    Raises:
        UsageError: it names the first table, and the statements that mend it for all of them.
    """
    unread = [Unread(*one) for one in told["unread"]]
    if closed := [one for one in unread if one.missing != "rows"]:
        raise UsageError(
            f"prod's role {user} may not read {_named(closed)}",
            f"in prod, as {closed[0].owner} or a superuser: {_grants(closed, identifier(user))}",
        )
    if unread:
        raise UsageError(
            f"row security hides rows from prod's role {user}, in {_named(unread)}",
            f"in prod, as a superuser: {bypass(user)}",
        )


def _named(found: list[Unread]) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{found[0].kind} {found[0].name}{more}"


def _grants(closed: Iterable[Unread], role: str) -> str:
    groups: dict[tuple[str, str, str], list[Unread]] = {}
    for one in closed:
        groups.setdefault((one.schema, one.kind, one.owner), []).append(one)
    texts = [text for group in groups.values() for text in group[0].grants(role, alone=len(group) == 1)]
    return " ".join(dict.fromkeys(texts))
