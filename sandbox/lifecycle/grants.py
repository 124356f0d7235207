"""Carry over what other roles may do in the sandbox's database, with its default privileges, and prove it.

A dump is restored without prod's grants: prod's roles have no business in the sandbox. The sandbox's own
roles, such as an application that is not the owner or a monitor that only reads, must go on working, and
nobody may do more than before.
"""

# ruff: noqa: S608  # names reach SQL through postgres.literal, or %I and %L

from __future__ import annotations

from sandbox.engines import Engine
from sandbox.errors import Refused, SandboxError
from sandbox.lifecycle.holder import here
from sandbox.lifecycle.programs import sql
from sandbox.lifecycle.strangers import FOREIGN, UNVISITED
from sandbox.postgres import Access, as_role, complaint, failure, literal
from sandbox.shell import Result

_ACLS = f"WITH owners AS (\n{sql('owners')}), acls AS (\n{sql('acls')})\n"
_RIGHTS = f"{_ACLS}{sql('rights')}"
_TABLE = "dolibarr_sandbox_rights"

# for prod: on what PUBLIC has nothing there
CLOSED = f"{_ACLS}{sql('closed')};\n"
# strategy in-place: into a table of the same session, before the objects are dropped
REMEMBER = f"CREATE TEMP TABLE {_TABLE} AS\n{_RIGHTS};\n"
# out of the live database, into a table of the next one
_ASK = f"SET search_path = pg_catalog;\n{UNVISITED}COPY (\n{_RIGHTS}) TO STDOUT;\n"
_TAKE = (
    "SET search_path = pg_catalog;\n"
    f"CREATE TEMP TABLE {_TABLE} (object text, part text, owner text, kind text, acl text);\n"
    f"COPY pg_temp.{_TABLE} FROM STDIN;\n"
)


def apply(closed: tuple[str, ...]) -> str:
    """SQL: what `_TABLE` has, given to everything in this database.

    Args:
        closed: the objects on which PUBLIC has nothing in prod.
    """
    values = ", ".join(f"({literal(name)})" for name in closed)
    return (
        "SET search_path = pg_catalog;\n"
        "CREATE TEMP TABLE dolibarr_sandbox_closed (object text);\n"
        + (f"INSERT INTO pg_temp.dolibarr_sandbox_closed VALUES {values};\n" if closed else "")
        + f"CREATE TEMP VIEW dolibarr_sandbox_acls AS\n{sql('acls')};\n{sql('rights_apply')}"
    )


def carry(engine: Engine, live: Access, following: Access, role: str, closed: tuple[str, ...] = ()) -> str:
    """Shell text: give others in the next database what they have in the live one.

    Args:
        engine: where both are.
        live: the way to the live one.
        following: the way to the next one.
        role: who owns both; empty when it is the role that connects.
        closed: see `apply`.
    """
    after = here(UNVISITED + apply(closed))
    before = here(as_role(role) + _TAKE)
    text = (
        f"rights=$(\n{live.psql(_ASK).text()}) || exit 1\n"
        f"{{ {before}printf '%s\\n\\\\.\\n' \"$rights\"\n{after}}} | {following.psql().text()}\n"
    )
    return engine.database_command(engine.settings.sandbox, text)


def why(following: Access, result: Result) -> SandboxError:
    """Why that failed."""
    said = complaint(result.stderr).removeprefix("ERROR:").strip()
    if FOREIGN in said:  # what a shell says of a psql that was killed has the script in it
        return Refused(
            f"the sandbox's database, or what would replace it: {said}",
            "drop it, or hand it over to the database's owner: ALTER … OWNER TO …",
        )
    return failure(following, result, "carrying over the rights of others")
