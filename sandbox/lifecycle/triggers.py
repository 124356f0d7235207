"""Write to tables without starting what their database does by itself: its triggers and rules, row security.

A role that owns tables may switch their triggers off, each by its name, and this shows to nobody else before
the transaction ends; `session_replication_role`, which would do it at once, is a superuser's.
"""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.lifecycle.programs import sql

INSERT, DELETE, UPDATE = 4, 8, 16  # as a trigger's type has them
ANY = INSERT | DELETE | UPDATE


def off(tables: Iterable[str], events: int = ANY) -> str:
    """SQL for psql, within a transaction: nothing starts when these tables are written to, until `ON`.

    Args:
        tables: their names, with a schema; no quoting is needed in any of them.
        events: which writes will come.
    """
    return f"\\set tables '{{{','.join(tables)}}}'\n{found(events)}"


def found(events: int = ANY) -> str:
    """The same, where the psql variable `tables` says which."""
    return f"\\set events {events}\n{sql('triggers_off')}"


ON = sql("triggers_on")
