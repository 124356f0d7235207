"""Who a key belongs to, and what that user may: what ``GET /users/info`` told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

# Dolibarr shows the rights of proposals under both names, whichever of them its module defines
_SECOND_NAMES = {"propal": "propale"}


_DIGITS = 20  # more than a user number has
_LEVELS = 3  # of a right's name: module, permission and what is below that


class Arms(Enum):
    """Whether the agent's key works; the value is the line that people read."""

    ARMED = "armed"
    NO_KEY = "not armed: there is no key file"
    KEY_REFUSED = "not armed: the key is refused"
    MAY_NOT_READ_ITSELF = (
        "not armed: the key is good, but the agent may not read itself (right user.self.creer)"
    )
    ANOTHER_LOGIN = "not armed: the key belongs to another login"
    API_OFF = "not armed: Dolibarr's API module is off"
    UNKNOWN = "not armed: Dolibarr gave no answer that says who the key belongs to"


@dataclass(frozen=True)
class WhoAmI:
    """What ``GET /users/info`` told about the key's owner."""

    arms: Arms
    http: int | None = None
    login: str | None = None
    user_id: int | None = None
    admin: bool = False
    rights: tuple[str, ...] = ()


def owner(http: int, body: Mapping[str, Any], login: str | None) -> WhoAmI:
    """Read the answer's JSON body.

    Args:
        http: the answer's status.
        body: its JSON, with a login.
        login: whose key it should be; None: whoever it is.
    """
    found = str(body["login"])
    number = str(body.get("id") or "")
    return WhoAmI(
        Arms.ARMED if login in (None, found) else Arms.ANOTHER_LOGIN,
        http,
        found,
        int(number) if number.isdecimal() and len(number) < _DIGITS else None,
        admin=str(body.get("admin") or "0") != "0",
        rights=tuple(sorted(set(_rights(_once(body.get("rights")))))),
    )


def _once(rights: object) -> object:
    """Each module's rights under one name."""
    if not isinstance(rights, dict):
        return rights
    return {
        module: tree
        for module, tree in rights.items()
        if module not in _SECOND_NAMES or rights.get(_SECOND_NAMES[module]) != tree
    }


def _rights(tree: object, path: str = "") -> list[str]:
    """Flatten ``{"banque": {"lire": 1}}`` to ``["banque.lire"]``; only what is granted."""
    if isinstance(tree, dict):
        prefix = f"{path}." if path else ""
        inner = tree if prefix.count(".") < _LEVELS else {}
        return [right for key, below in inner.items() for right in _rights(below, f"{prefix}{key}")]
    return [path] if path and str(tree) == "1" else []
