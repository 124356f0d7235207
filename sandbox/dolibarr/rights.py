"""Dolibarr's rights by name: "banque.lire" and friends, checked before anything is granted.

Numbers are never written down here: the permissions page of the running Dolibarr tells name and number,
so that a version, a fork or an extra module can bring its own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sandbox.errors import Failed, UsageError

_NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+){1,2}")
_READING = {"lire", "read", "readperms"}
_REFUSED_MODULES = {
    "cron": "scheduled jobs run commands",
    "modulebuilder": "the module builder writes code",
    "webhook": "webhooks reach the outside world",
    "multicompany": "it administers other companies",
}
# the rights' module names that surprise, and what Home > Setup > Modules calls them
_MODULES = {
    "accounting": "Accounting (double entry)",
    "adherent": "Members",
    "agenda": "Events/Agenda",
    "api": "API / Web services (REST server)",
    "banque": "Banks & Cash",
    "bom": "Bills Of Material (BOM)",
    "categorie": "Tags/Categories",
    "commande": "Sales Orders",
    "compta": "Accounting (simplified)",
    "contrat": "Contracts/Subscriptions",
    "deplacement": "Expense and trip notes",
    "don": "Donations",
    "ecm": "DMS / ECM",
    "expedition": "Shipments",
    "expensereport": "Expense Reports",
    "export": "Data exports",
    "facture": "Invoices",
    "ficheinter": "Interventions",
    "fournisseur": "Vendors",
    "holiday": "Leave Request Management",
    "import": "Data imports",
    "loan": "Loans",
    "mailing": "Mass Emails",
    "margins": "Margins",
    "mrp": "Manufacturing Orders (MO)",
    "opensurvey": "Poll, Survey or Vote",
    "prelevement": "Payments by Direct Debit",
    "produit": "Products",
    "projet": "Projects or Leads",
    "propale": "Proposals",
    "reception": "Receptions",
    "resource": "Resources",
    "salaries": "Salaries",
    "service": "Services",
    "societe": "Third Parties",
    "stock": "Stocks",
    "supplier_proposal": "Vendor Commercial Proposals",
    "takepos": "POS TakePOS",
    "tax": "Taxes & Special Expenses",
    "ticket": "Tickets",
    "website": "Websites",
}


@dataclass(frozen=True)
class Right:
    """One row of the permissions page: its name, its number, and whether the user has it."""

    name: str
    number: int | None  # no number where there is nothing to click: the right comes from a group
    granted: bool


def checked(names: Iterable[str]) -> tuple[str, ...]:
    """The wanted rights, each once, in order.

    Raises:
        UsageError: a name has not the form of a right, or would make the agent an administrator.
    """
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is no right: rights are written module.perm or module.perm.sub",
                "correct agent.rights; for example banque.lire or fournisseur.facture.creer",
            )
        reason = administrative(name)
        if reason:
            raise UsageError(f"the agent may not be given {name}: {reason}", "take it out of agent.rights")
    return wanted


def administrative(name: str) -> str:
    """Why a right is an administrator's, or an empty text when it is not."""
    module, *rest = name.split(".")
    if module == "user" and rest[0] != "self" and rest[-1] not in _READING:
        return "whoever writes users or their rights can make itself an administrator"
    if module == "user" and rest[0] == "self_advance" and rest[-1] not in _READING:
        return "whoever writes its own rights is an administrator"
    if module == "api":
        return "it shows and makes other users' keys"
    return _REFUSED_MODULES.get(module, "") if rest[-1] not in _READING else ""


def resolved(wanted: Sequence[str], offered: Iterable[Right]) -> dict[str, Right]:
    """Find each wanted right among the rights that the permissions page offers.

    Raises:
        Failed: some are not there; each is named, with its module that is off or the nearest known names.
    """
    known = {right.name: right for right in offered}
    modules = {name.split(".")[0] for name in known}
    off: dict[str, list[str]] = {}
    strange: list[str] = []
    for name in wanted:
        module = name.split(".")[0]
        if name in known:
            continue
        if module not in modules and (module in _MODULES or not _near(module, modules | _MODULES.keys())):
            off.setdefault(module, []).append(name)
        else:
            strange.append(f"{name} ({_hint(name, known, modules)})")
    if off or strange:
        raise Failed(*_explained(off, strange))
    return {name: known[name] for name in wanted}


def _explained(off: dict[str, list[str]], strange: list[str]) -> tuple[str, str]:
    what, steps = [], []
    for module, names in off.items():
        known = module in _MODULES
        label = f"{_MODULES[module]} ({module}) is off" if known else f"{module} is off or does not exist"
        what.append(f"module {label}, so {', '.join(names)} cannot be granted")
    if off:
        steps.append("let an administrator switch it on (Home > Setup > Modules)")
    if strange:
        what.append(f"unknown rights: {', '.join(strange)}")
        steps.append("correct agent.rights")
    return "; ".join(what), "; ".join(steps) + "; nothing was changed"


def _hint(name: str, known: dict[str, Right], modules: set[str]) -> str:
    if "_advance." in name:
        return "advanced rights show only with MAIN_USE_ADVANCED_PERMS=1"
    module = name.partition(".")[0]
    near = difflib.get_close_matches(name, known, 2, 0.7)
    if near:
        return f"did you mean {' or '.join(near)}?"
    if module in modules:
        return "known there: " + ", ".join(right for right in known if right.split(".")[0] == module)
    return f"did you mean module {' or '.join(_near(module, modules | _MODULES.keys()))}?"


def _near(module: str, modules: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(module, sorted(modules), 2, 0.7)
