"""The administrator's login and password, from a dotenv file that stays with the person who owns it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sandbox import envfile, redact, tracked
from sandbox.errors import UsageError

LOGIN, PASSWORD = "DOLIBARR_ADMIN_LOGIN", "DOLIBARR_ADMIN_PASSWORD"


@dataclass(frozen=True)
class Credentials:
    """Who logs in; the password shows in no representation."""

    login: str
    password: str = field(repr=False)
    source: Path


def read(path: Path) -> Credentials | None:
    """The credentials in a file; None when there is no such file.

    Raises:
        UsageError: it lacks one of the two, or cannot be read.
        Refused: git tracks it.
    """
    if not path.exists():
        return None
    tracked.refuse(path)
    values = envfile.read_values(path)
    missing = [name for name in (LOGIN, PASSWORD) if not values.get(name)]
    if missing:
        raise UsageError(f"{path} has no {' and no '.join(missing)}", f"add {' and '.join(missing)} to it")
    redact.add(values[PASSWORD])
    return Credentials(values[LOGIN], values[PASSWORD], path)


def required(path: Path) -> Credentials:
    """The credentials that a login without a person needs.

    Raises:
        UsageError: there is no such file, or it is incomplete.
        Refused: git tracks it.
    """
    found = read(path)
    if found is None:
        raise UsageError(
            f"--headless needs the administrator's credentials, and there is no {path}",
            f"make it with {LOGIN}=… and {PASSWORD}=… (mode 600), or run without --headless",
        )
    return found
