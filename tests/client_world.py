"""A pair in the client's topology: its databases belong to roles that cannot log in, and others live in them.

The login is a member of the sandbox's owner and may create no database. A pooler's function, which whoever
provisions the databases owns, is in schema public. A third database on the server gives the login rights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from sandbox.config import merged
from sandbox.lab.server import SUPERUSER
from tests.checkpoint_world import Shelved
from tests.worlds import OLD, PRODS, SCHEMA

# PgBouncer's `auth_query`, as its documentation has it
LOOKUP = """
CREATE FUNCTION public.user_lookup(i_username text, OUT uname text, OUT phash text) RETURNS record
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS
  $$ SELECT rolname::text, 'a secret' FROM pg_roles WHERE rolname = i_username $$;
REVOKE ALL ON FUNCTION public.user_lookup(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.user_lookup(text) TO {pooler};
COMMENT ON FUNCTION public.user_lookup(text) IS 'for the pooler';
"""
CALL = "SELECT uname FROM public.user_lookup('pg_monitor')"
ROLES = ("owner", "prods", "login", "reader", "provisioner", "pooler", "monitor")


@dataclass
class ClientWorld(Shelved):
    """One pair; its roles are named after it."""

    @property
    def third(self) -> str:
        return f"{self.name}_third"

    @property
    def base(self) -> dict[str, Any]:
        users = {"user": self.role("login")}, {"user": self.role("reader")}
        passwords = {"passwords": str(self.folder / "pgpass")}
        mine = {"database": users[0], "prod": {"database": users[1]}, "postgres": passwords}
        return merged(merged(super().base, mine), self.overlay)

    def role(self, name: str) -> str:
        return f"{self.name}_{name}"

    def named(self, script: str) -> str:
        """A script with this world's roles in it."""
        return script.format(**{name: self.role(name) for name in ROLES})

    def make(
        self, prods: str = SCHEMA + PRODS, old: str = SCHEMA + OLD, *, marked: bool = True
    ) -> ClientWorld:
        lab_passwords = Path(super().base["postgres"]["passwords"]).read_text()
        lines = [f"127.0.0.1:*:*:{self.role(name)}:{name}\n" for name in ROLES]
        (self.folder / "pgpass").touch(mode=0o600)
        (self.folder / "pgpass").write_text(lab_passwords + "".join(lines))
        with self.session("postgres") as session:
            for name in ROLES:
                login = "NOLOGIN" if name in {"owner", "prods"} else f"LOGIN PASSWORD '{name}'"
                session.execute(f"CREATE ROLE {self.role(name)} {login}".encode())
            session.execute(self.named("GRANT {owner} TO {login}").encode())
            # whoever makes a role is made its administrator
            session.execute(self.named("GRANT {owner}, {prods} TO {provisioner} WITH ADMIN OPTION").encode())
            for name, owner in ((self.prod, "prods"), (self.sandbox, "owner"), (self.third, "provisioner")):
                words = {"name": sql.Identifier(name), "owner": sql.Identifier(self.role(owner))}
                session.execute(sql.SQL("CREATE DATABASE {name} OWNER {owner}").format(**words))
                session.execute(sql.SQL("REVOKE ALL ON DATABASE {name} FROM PUBLIC").format(**words))
        self.grant(self.prod, "CONNECT", "reader", "pooler")
        self.grant(self.sandbox, "CONNECT", "pooler", "monitor", "login")
        self.grant(self.third, "CONNECT, TEMPORARY", "login")
        self.own(self.prod, "prods", prods)
        self.own(self.prod, "prods", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader};")
        self.own(self.prod, "prods", "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {reader};")
        self.own(self.sandbox, "owner", old)
        self.fill(self.third, SUPERUSER, self.named("CREATE TABLE t (a int); GRANT SELECT ON t TO {login};"))
        for side in ("prod", "sandbox"):
            (self.folder / f"{side} documents").mkdir()
            (self.folder / f"{side} documents" / "a.pdf").write_text(side)
        if marked:
            self.mark()
        return self

    def grant(self, database: str, rights: str, *names: str) -> None:
        roles = ", ".join(self.role(name) for name in names)
        self.rows("postgres", f'GRANT {rights} ON DATABASE "{database}" TO {roles}')

    def own(self, database: str, name: str, script: str) -> None:
        """Run a script, in which our roles stand in braces, as one of them."""
        named = self.named(script) if "{reader}" in script or "{pooler}" in script else script
        self.fill(database, SUPERUSER, f"SET ROLE {self.role(name)};\n{named}")

    def visit(self, database: str, script: str, name: str = "provisioner") -> None:
        """A stranger makes something; it may create in public, as on a server that was upgraded."""
        self.rows(database, f"GRANT CREATE ON SCHEMA public TO {self.role(name)}")
        self.fill(database, SUPERUSER, f"SET ROLE {self.role(name)};\n{self.named(script)}")
        self.rows(database, f"REVOKE CREATE ON SCHEMA public FROM {self.role(name)}")

    def lookup(self, database: str) -> None:
        """The pooler's function; it runs as a superuser made it, and belongs to who provisions."""
        self.visit(database, LOOKUP)

    @contextmanager
    def creating(self) -> Iterator[None]:
        """The login may create databases meanwhile."""
        self.rows("postgres", f"ALTER ROLE {self.role('login')} CREATEDB")
        yield
        self.rows("postgres", f"ALTER ROLE {self.role('login')} NOCREATEDB")

    def surroundings(self) -> dict[str, Any]:
        """All that is not Dolibarr's: databases and their rights, default privileges, the third database."""
        databases = "SELECT datname, pg_get_userbyid(datdba), datacl::text, datconnlimit FROM pg_database"
        defaults = "SELECT defaclrole::regrole::text, defaclnamespace::regnamespace::text, defaclobjtype,"
        defaults += " defaclacl::text FROM pg_default_acl ORDER BY 1, 2, 3"
        settings = "SELECT datname, setrole::regrole::text, setconfig::text FROM pg_db_role_setting"
        settings += " JOIN pg_database d ON d.oid = setdatabase ORDER BY 1, 2"
        mine = f"WHERE datname IN ('{self.prod}', '{self.sandbox}', '{self.third}') ORDER BY 1"
        return {
            "databases": self.rows("postgres", f"{databases} {mine}"),
            "settings": self.rows("postgres", settings),
            "defaults": {name: self.rows(name, defaults) for name in (self.prod, self.sandbox, self.third)},
            "third": self.dump(self.third),
            "prod": self.dump(self.prod),
        }

    def catalog(self, database: str) -> list[tuple[Any, ...]]:
        """Every object's place in the catalogs: none was made anew, or handed over."""
        query = "SELECT classid, objid, refobjid FROM pg_shdepend JOIN pg_database d ON d.oid = dbid"
        query += f" WHERE datname = '{database}' UNION ALL SELECT 1259, oid, relfilenode FROM pg_class"
        return self.rows(
            database, f"{query} UNION ALL SELECT 2606, oid, 0 FROM pg_constraint ORDER BY 1, 2, 3"
        )

    def databases(self) -> set[str]:
        return super().databases() - {"_third"}

    def callable(self, database: str) -> bool:
        """Whether the pooler may call its function, and nobody else."""
        other = "login" if database == self.sandbox else "reader"
        return self._calls(database, "pooler") and not self._calls(database, other)

    def _calls(self, database: str, name: str) -> bool:
        with self.session(database, role=self.role(name)) as session:
            try:
                return session.execute(CALL.encode()).fetchone() == ("pg_monitor",)
            except psycopg.errors.InsufficientPrivilege:
                return False

    def drop(self) -> None:
        super().drop()
        with self.session("postgres") as session:
            for name in ROLES:
                session.execute(f"DROP ROLE IF EXISTS {self.role(name)}".encode())
