"""Where the versions of Dolibarr differ in what the tests look at; the one place that says so.

The stand-in answers as version 23 does. The product itself asks the page or reads the answer and has no
such table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox.lab.folder import Folder


@dataclass(frozen=True)
class Differences:
    """What one version does."""

    right_missing: int = 403
    right_missing_says: str = "Forbidden: Not allowed"
    key_of_disabled_user: int = 401
    penalty: float = 1  # seconds that a bad password or key costs at least
    keys_are_encrypted: bool = True
    key_starting_with_dolcrypt: int = 503
    card_shows_key: bool = True
    database_missing: int = 202
    page_beyond_the_last: int = 200  # of products and invoices; third parties are 404 everywhere
    unbalanced_filter: int = 400
    socid_of_nobody: int = 500
    login_character_refused: str = "Unauthorized character in the field Login"
    own_permissions_hidden: bool = False
    key_maximum: int = 66  # longer ones overflow their column once they are encrypted


_BEFORE_18 = Differences(
    right_missing=401,
    right_missing_says="Unauthorized: Not allowed",
    key_of_disabled_user=200,
    penalty=0,
    keys_are_encrypted=False,
    key_starting_with_dolcrypt=401,
    card_shows_key=False,
    database_missing=500,
    page_beyond_the_last=404,
    unbalanced_filter=503,
    login_character_refused="Unauthorized character in the login name",
    key_maximum=128,
)


def version(root: Path) -> str:
    """The version that the lab's ERP says it is."""
    found = Folder(root).state().get("dolibarr", {}).get("version", "23.0.0")
    assert isinstance(found, str)
    return found


def differences(root: Path) -> Differences:
    """What the version in the lab does; 17 to 22 were not run."""
    return _BEFORE_18 if int(version(root).partition(".")[0]) < 18 else Differences()
