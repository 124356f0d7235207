"""Who may do what in the lab's server: its roles, their passwords and their databases."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from sandbox import textfile
from sandbox.errors import Failed
from sandbox.lab import HOST
from sandbox.lab.server import SUPERUSER
from sandbox.privatefile import replace as write_private
from sandbox.shell import lines

PROD, SANDBOX = "dolibarr_prod", "dolibarr_sandbox"  # each names a database and the role that owns it
READER = "dolibarr_prod_reader"
_ROLES = (SUPERUSER, PROD, READER, SANDBOX)


def write_passwords(path: Path) -> None:
    """Write a pgpass file with a fresh random password for each role.

    Its lines name no port: a lab's server moves when its port was taken.
    """
    lines = (f"{HOST}:*:*:{role}:{secrets.token_urlsafe(24)}\n" for role in _ROLES)
    write_private(path, "".join(lines))


def password_of(path: Path, role: str) -> str:
    """A role's password from the lab's pgpass file."""
    for line in lines(textfile.read(path)):
        *_, user, password = line.split(":")
        if user == role:
            return password
    raise Failed(
        f"{path} has no password for {role}", "stop the lab, remove its folder .lab, run: inv lab.up"
    )


@contextmanager
def connected(
    passwords: Path, port: int, role: str, database: str, *, autocommit: bool = False
) -> Iterator[psycopg.Connection]:
    """One session; committed at the end when all went well."""
    with psycopg.connect(
        host=HOST,
        port=port,
        user=role,
        dbname=database,
        password=password_of(passwords, role),
        sslmode="disable",
        options="-c client_min_messages=warning",
        connect_timeout=10,
        autocommit=autocommit,
    ) as connection:
        yield connection


def create_roles(passwords: Path, port: int) -> None:
    """Create the roles and prod's database; nobody but its owner and its reader can connect to it."""
    with connected(passwords, port, SUPERUSER, "postgres", autocommit=True) as session:
        for role in (PROD, READER, SANDBOX):
            secret = _verifier(session, role, password_of(passwords, role))
            rights = sql.SQL("LOGIN CREATEDB" if role == SANDBOX else "LOGIN")
            session.execute(
                sql.SQL("CREATE ROLE {} {} PASSWORD {}").format(sql.Identifier(role), rights, secret)
            )
        _create_database(session, PROD, owner=PROD, template="template0")
        session.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(PROD), sql.Identifier(READER))
        )


def open_to_reader(passwords: Path, port: int) -> None:
    """Let the reader select everything in prod, what is there and what will come."""
    with connected(passwords, port, PROD, PROD) as session:
        reader = sql.Identifier(READER)
        for statement in (
            "GRANT USAGE ON SCHEMA public TO {}",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}",
            "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON SEQUENCES TO {}",
        ):
            session.execute(sql.SQL(statement).format(reader))


def copy_to_sandbox(passwords: Path, port: int) -> None:
    """Make the sandbox's database as a copy of prod's, in which everything belongs to the sandbox's role."""
    with connected(passwords, port, SUPERUSER, "postgres", autocommit=True) as session:
        _create_database(session, SANDBOX, owner=SANDBOX, template=PROD)
    with connected(passwords, port, SUPERUSER, SANDBOX) as session:
        session.execute(_HAND_OVER)


def size_in_megabytes(passwords: Path, port: int, database: str) -> float:
    """What a database takes on disk."""
    with connected(passwords, port, SUPERUSER, "postgres") as session:
        row = session.execute("SELECT pg_database_size(%s)", [database]).fetchone()
    return row[0] / 2**20 if row else 0.0


# REASSIGN OWNED would also hand over prod's database, which is shared by all of the server
_HAND_OVER = """
DO $$
DECLARE thing text;
BEGIN
  FOR thing IN
    SELECT format('ALTER TABLE %s OWNER TO dolibarr_sandbox', oid::regclass) FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    UNION ALL
    SELECT format('ALTER FUNCTION %s OWNER TO dolibarr_sandbox', oid::regprocedure) FROM pg_proc
     WHERE pronamespace = 'public'::regnamespace
  LOOP EXECUTE thing; END LOOP;
  ALTER DEFAULT PRIVILEGES FOR ROLE dolibarr_prod IN SCHEMA public
    REVOKE SELECT ON TABLES FROM dolibarr_prod_reader;
  ALTER DEFAULT PRIVILEGES FOR ROLE dolibarr_prod IN SCHEMA public
    REVOKE SELECT ON SEQUENCES FROM dolibarr_prod_reader;
  REVOKE ALL ON ALL TABLES IN SCHEMA public FROM dolibarr_prod_reader;
  REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM dolibarr_prod_reader;
  REVOKE ALL ON SCHEMA public FROM dolibarr_prod_reader;
END $$
"""


def _create_database(session: psycopg.Connection, name: str, *, owner: str, template: str) -> None:
    words = {
        "name": sql.Identifier(name),
        "owner": sql.Identifier(owner),
        "template": sql.Identifier(template),
    }
    session.execute(
        # a file copy is much quicker than a logged one, and nothing waits for the disk here
        sql.SQL("CREATE DATABASE {name} OWNER {owner} TEMPLATE {template} STRATEGY file_copy").format(**words)
    )
    session.execute(sql.SQL("REVOKE ALL ON DATABASE {name} FROM PUBLIC").format(**words))


def _verifier(session: psycopg.Connection, role: str, password: str) -> sql.Literal:
    """The password as the server keeps it: so it is in no statement and in no log."""
    hashed = session.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return sql.Literal(hashed.decode())
