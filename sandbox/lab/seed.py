"""What is in prod's database when a lab is new: tables, settings, people and years of made-up business."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import psycopg

from sandbox.lab.access import PROD, SANDBOX, connected
from sandbox.lab.erp.secret import encrypt, hash_password
from sandbox.lifecycle.neutralize import MARK

SMALLEST, LARGEST = 20, 2000  # megabytes of prod's database
_EMPTY = 11.2  # megabytes of a database without invoices
_INVOICE = 0.0048  # megabytes that one invoice brings, with its lines, events, files and indexes
_ROBOTS = ("boutique_sync", "bi_export")


@dataclass(frozen=True)
class Secrets:
    """What a new lab's prod is seeded with, random in each lab."""

    password: str
    instance: str

    @classmethod
    def fresh(cls) -> Secrets:
        """New random ones."""
        return cls(password=secrets.token_urlsafe(12), instance=secrets.token_hex(16))


def seed(passwords: Path, port: int, megabytes: int, given: Secrets) -> None:
    """Fill prod's empty database with about `megabytes` of data, in one transaction."""
    with connected(passwords, port, PROD, PROD) as session:
        make_business(session, megabytes, given)
        session.execute(_script("keys"))
        session.execute("ANALYZE")


def make_business(session: psycopg.Connection, megabytes: int, given: Secrets) -> None:
    """Make the tables, without their keys, and fill them; in the first schema of the search path."""
    session.execute(_script("schema"))
    session.execute(_script("settings"))
    session.execute(
        "SELECT set_config('lab.invoices', %s, true)", [str(round((megabytes - _EMPTY) / _INVOICE))]
    )
    session.execute(_script("business"))
    hashed = hash_password(given.password)
    session.execute("UPDATE llx_user SET pass_crypted = %s WHERE login = 'admin'", [hashed])
    hashed = hash_password(secrets.token_urlsafe(16))  # nobody knows the others' password
    session.execute("UPDATE llx_user SET pass_crypted = %s WHERE login <> 'admin'", [hashed])
    for login, key in zip(_ROBOTS, _keys(given.instance), strict=True):
        session.execute("UPDATE llx_user SET api_key = %s WHERE login = %s", [key, login])


def age(passwords: Path, port: int) -> None:
    """Make the sandbox's copy an older, used one, marked as ours: what a refresh will find and wipe."""
    with connected(passwords, port, SANDBOX, SANDBOX) as session:
        session.execute(_script("older"))
        session.execute(
            "INSERT INTO llx_const (name, entity, value, type, visible) VALUES (%s, 0, 'lab', 'chaine', 0)",
            [MARK],
        )


def _keys(instance: str) -> tuple[str, str]:
    """Two API keys of prod: one in clear, as version 16 left it, one encrypted as newer ones do."""
    letters = string.ascii_letters + string.digits
    plain, hidden = ("".join(secrets.choice(letters) for _ in range(32)) for _ in range(2))
    return plain, encrypt(hidden, instance)


def _script(name: str) -> bytes:
    return resources.files("sandbox.lab").joinpath(f"{name}.sql").read_bytes()
