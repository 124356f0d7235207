"""Clear the sandbox's database and nothing else, for a role that may not create databases.

`DROP OWNED` would also take this role's rights on other databases of a shared server, and `REASSIGN OWNED`
their ownership. Here every object is dropped by its own name, inside the transaction that restores.
"""
# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal, or %I and %L

from __future__ import annotations

from sandbox.lifecycle import grants, programs, strangers, swap
from sandbox.postgres import as_role

_WAIT = 15  # seconds for a lock that a client of the sandbox holds


def clear(role: str, name: str, oid: int) -> str:
    """SQL that opens the transaction and empties the database, unless others made something there.

    What extensions own stays.

    Args:
        role: who owns the database; empty when it is the role that connects.
        name: the database's.
        oid: its number, when the run began.
    """
    role_set = as_role(role)
    ours = "datname = current_database()"
    return f"""SET client_min_messages = warning;
{swap.same(name, oid)}{swap.end_sessions(ours, 1.0)}{role_set}BEGIN;
SET LOCAL lock_timeout = '{_WAIT}s';
SELECT json_build_object('cleared', extract(epoch FROM clock_timestamp()));
SET LOCAL search_path = pg_catalog;
{grants.REMEMBER}{strangers.UNVISITED}{strangers.OBJECTS}{programs.sql("clear")}"""
