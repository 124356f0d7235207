"""The settings in llx_const, read anew for each request, as Dolibarr does."""

from __future__ import annotations

import psycopg
from flask import g

from sandbox.lab.erp.database import rows

# the module that a right belongs to, where its switch has another name
_SWITCHES = {"produit": "PRODUCT"}


def constants() -> dict[str, str]:
    """All settings of entity 1, which override those of entity 0; none in an empty database."""
    if "constants" not in g:
        try:
            found = rows(b"SELECT name, value FROM llx_const WHERE entity IN (0, 1) ORDER BY entity")
        except psycopg.errors.UndefinedTable:
            found = []
        g.constants = {row["name"]: row["value"] for row in found}
    settings: dict[str, str] = g.constants
    return settings


def is_on(module: str) -> bool:
    """Tell whether a module, named as in the rights' names, is switched on."""
    switch = _SWITCHES.get(module, module.upper())
    return constants().get(f"MAIN_MODULE_{switch}", "0") not in ("", "0")
