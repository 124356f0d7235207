"""The command lines of psql, pg_dump and pg_restore, and what their failures mean; knows no engine."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sandbox.errors import Failed, SandboxError, Unreachable, UsageError
from sandbox.settings import Database, Side
from sandbox.shell import RUN_VARIABLE, Command, Result, lines

APPLICATION = "dolibarr-sandbox"
SCRIPT_FAILED = 3  # how psql ends when the server refused; otherwise when it or its connection was lost
# SQL: a transaction that begins after this was asked has no smaller number
XID = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
NAME_BYTES = 63  # what PostgreSQL keeps of a name
# a session that waits for its children is not idle
_IDLE = "-c idle_in_transaction_session_timeout=0"
_PATIENT = f"{_IDLE} -c statement_timeout=0 -c lock_timeout=0"
# while a query runs, the server looks every few seconds whether its client is still there
_WATCHING, _EVERY = "client_connection_check_interval", "3s"
# a machine that is gone, or asleep, holds nothing on prod for long; in seconds
ALIVE = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
_READ_ONLY = f"-c default_transaction_read_only=on {_IDLE} {ALIVE}"
_LATER = 1.0  # seconds: before a session's own limit, who watches prod's locks can say what it waits for
# what prod's own settings allow is never made more; a query without rows prints nothing
_LOCKS = """SELECT FROM (SELECT set_config('lock_timeout', min(ms)::text, false) AS ms FROM (
  SELECT nullif(extract(epoch FROM current_setting(name)::interval) * 1000, 0)::bigint AS ms
    FROM unnest(ARRAY['lock_timeout', 'statement_timeout']) name UNION ALL SELECT {}) l) s WHERE ms IS NULL"""
# for a superuser of PostgreSQL 17 or later: no event trigger of a copy acts on what is done to it
_SILENT = "event_triggers=off"
# SQL that tells which of these options a session may begin with: servers before 14 do not know the first, and
# systems that cannot tell refuse it; as a session's option, fatally
ABLE = f"""SELECT json_build_object('able', array_to_json(array_remove(ARRAY[
  CASE WHEN version() LIKE '%linux%' THEN (SELECT 'watches' FROM pg_catalog.pg_settings
    WHERE name = '{_WATCHING}' AND context = 'user') END,
  CASE WHEN current_setting('is_superuser') = 'on' THEN (SELECT 'silences' FROM pg_catalog.pg_settings
    WHERE name = 'event_triggers') END], NULL)));
"""  # noqa: S608  # a name of ours
_OPTIONS = {"watches": f" -c {_WATCHING}={_EVERY}", "silences": f" -c {_SILENT}"}
_QUIETLY = ("-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1")
_NO_PRIVILEGES = ("--no-owner", "--no-acl")
_AS_DATA = ("--no-publications", "--no-subscriptions", "--no-security-labels", "--no-tablespaces")


def identifier(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL writes it, whatever `standard_conforming_strings` says."""
    doubled = text.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"


def _quoted(value: str) -> str:
    """A value as psql's own commands write it, on one line."""
    doubled = value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"'{doubled}'"


# SQL of a session that only looks at the sandbox: who alters a table there may take longer than anybody waits
LOOKING = "SET lock_timeout = '5s';\n"


def as_role(role: str) -> str:
    """SQL: go on as another role; nothing when `role` is empty: it is the one that connects."""
    return f"SET ROLE {identifier(role)};\n" if role else ""


@dataclass(frozen=True)
class Access:
    """How the programs reach one database of one side; the password stays in libpq's pgpass file."""

    side: str
    setting: str  # which setting says where the database is
    database: Database
    programs: Path | None
    env: Mapping[str, str] = field(default_factory=dict)
    locks: float | None = None  # how long a psql's sessions wait for a lock, in seconds; None: any

    @classmethod
    def to(  # noqa: PLR0913
        cls,
        side: Side,
        *,
        setting: str,
        programs: Path | None,
        passwords: Path | None,
        patience: float,
        locks: float,
        run: str,
        able: Iterable[str] = (),
    ) -> Access:
        """The only way to a side's database; one to prod is always read-only.

        Args:
            side: prod or the sandbox.
            setting: the setting that says where the database is, for error messages.
            programs: the folder of PostgreSQL's programs, or None for PATH.
            passwords: a pgpass file, or None for libpq's own.
            patience: how long to wait for a connection, in seconds.
            locks: how long our sessions on prod wait for a lock, in seconds.
            run: the run's id, by which its sessions are recognised.
            able: what the server said to `ABLE`.
        """
        if side.database is None:
            raise UsageError(f"{setting} is not set", f"set {setting}.name, host, port and user")
        env = {
            "LC_ALL": "C",  # its messages are read
            "PGCLIENTENCODING": "UTF8",  # and so is what it prints
            "PGAPPNAME": f"{APPLICATION}/{run}" if run else APPLICATION,
            "PGCONNECT_TIMEOUT": str(max(2, math.ceil(patience))),
            "PGOPTIONS": (_READ_ONLY if side.name == "prod" else _PATIENT)
            + "".join(option for name, option in _OPTIONS.items() if name in able),
        }
        if run:
            env[RUN_VARIABLE] = run
        if passwords is not None:
            env["PGPASSFILE"] = str(passwords)
        return cls(side.name, setting, side.database, programs, env, locks if side.name == "prod" else None)

    @property
    def label(self) -> str:
        """What a person reads: whose database, and where."""
        return f"{self.side}'s database {self.address}"

    @property
    def address(self) -> str:
        """`name@host:port`."""
        return f"{self.database.name}@{self.database.host}:{self.database.port}"

    def named(self, name: str) -> Access:
        """The way to another database on the same server."""
        return replace(self, database=replace(self.database, name=name))

    @property
    def maintenance(self) -> Access:
        """The way to the database from which others are created, renamed and dropped."""
        return self.named(self.database.maintenance)

    def psql(self, script: str | None = None, **variables: str) -> Command:
        """A psql that stops at the first error and reads `script`, or its standard input.

        Neither SQL nor the variables' values are arguments: they may be long, and arguments are everybody's.
        """
        before = "".join(f"\\set {name} {_quoted(value)}\n" for name, value in variables.items())
        if self.locks is not None:
            before += f"{_LOCKS.format(round((self.locks + _LATER) * 1000))};\n"
        if script is None and before:
            return replace(self._psql("-f", "/dev/fd/3", "-f", "-"), before=before)
        return replace(self._psql("-f", "-"), stdin=None if script is None else before + script)

    def statements(self, words: str) -> str:
        """Shell text: a psql that runs these statements; its own copy may read its standard input.

        Args:
            words: as the shell reads a here-document, such as a variable.
        """
        return f"{self._psql('-f', '/dev/fd/3').text()} 3<<END_OF_INPUT\n{words}\nEND_OF_INPUT\n"

    def _psql(self, *options: str) -> Command:
        return self._program("psql", *_QUIETLY, *options)

    def dump(self, *options: str) -> Command:
        """A pg_dump in the custom format, uncompressed, in the database's own encoding."""
        argv = ("pg_dump", "-w", "-Fc", "-Z0", *_NO_PRIVILEGES, *_AS_DATA, *options)
        return self._program(*argv).with_env(PGCLIENTENCODING="")

    def restore(self, *options: str) -> Command:
        """A pg_restore from its standard input straight into the database."""
        return self._program("pg_restore", "-w", "--exit-on-error", *_NO_PRIVILEGES, *options)

    def script(self, *options: str) -> Command:
        """A pg_restore from its standard input to SQL on its standard output; it connects to nothing."""
        argv = (self._path("pg_restore"), *_NO_PRIVILEGES, *options, "-f", "-")
        return Command(argv, dict(self.env))

    def contents(self) -> Command:
        """A pg_restore that prints an archive's table of contents; it connects to nothing."""
        return Command((self._path("pg_restore"), "-l"), {"LC_ALL": "C"})

    def version(self, program: str) -> Command:
        """What asks a program for its version."""
        return Command((self._path(program), "--version"), {"LC_ALL": "C"})

    def _program(self, program: str, *options: str) -> Command:
        where = ["-h", self.database.host, "-p", str(self.database.port)]
        if self.database.user:
            where += ["-U", self.database.user]
        argv = (self._path(program), *where, "-d", _connection(self.database.name), *options)
        return Command(argv, dict(self.env))

    def _path(self, program: str) -> str:
        return program if self.programs is None else str(self.programs / program)


def _connection(name: str) -> str:
    """A database's name for `-d`; libpq would take one with `=` or `://` in it for a connection string."""
    if re.fullmatch(r"[\w.-]+", name):
        return name
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{escaped}'"


def documents_in(output: str) -> list[Any]:
    """The JSON documents of a psql's output, one a line."""
    return [json.loads(line) for line in lines(output) if line.startswith(("{", "["))]


def together(output: str) -> dict[str, Any]:
    """The JSON objects of a psql's output as one."""
    told: dict[str, Any] = {}
    for document in documents_in(output):
        told.update(document)
    return told


_HIDDEN = re.compile(r"query would be affected by row-level security policy for table (?P<table>.*)")


def bypass(role: str) -> str:
    """SQL: let a role see every row, whatever row security says."""
    return f"ALTER ROLE {identifier(role)} BYPASSRLS;"


def hidden(access: Access, text: str) -> UsageError | None:
    """What a program means that would not have seen every row of a table; None: it said nothing like that.

    Args:
        access: what it ran against.
        text: its standard error.
    """
    found = _HIDDEN.search(text)
    if found is None:
        return None
    user = access.database.user
    return UsageError(
        f"row security hides rows from {user or 'the role'} in {access.label}, table {found['table']}",
        f"as a superuser there: {bypass(user or 'that role')}",
    )


_SERVER_ANSWERED = re.compile(r"FATAL:\s+(?P<why>.*)")
_CONNECTING = "connection to server (?:at|on) "
_PASSWORD = re.compile(r"password|pg_hba|authentication", re.IGNORECASE)
_NOT_YET = re.compile(
    r"starting up|shutting down|too many|reserved|recovery mode|not (?:yet )?accepting", re.IGNORECASE
)


def failure(access: Access, result: Result, doing: str) -> SandboxError:
    """What a failed command of PostgreSQL's means, in one line, and what mends it.

    Args:
        access: what it ran against.
        result: its output.
        doing: what was being done, such as "reading prod's database".
    """
    text = result.stderr
    if why := hidden(access, text):
        return why
    program = re.search(
        r"(\S*(?:psql|pg_dump|pg_restore)): (?:command not found|not found|No such file)", text
    )
    if program:
        return UsageError(
            f"{doing}: {Path(program[1]).name} is not there",
            "install PostgreSQL's client programs, or set postgres.programs to their folder",
        )
    fatal = _SERVER_ANSWERED.search(text)
    asked = re.search(r"(fe_sendauth: .*|no password supplied)", text)
    if asked or (fatal and _PASSWORD.search(fatal["why"])):
        return UsageError(
            f"{access.label} refuses {access.database.user or 'the role'}: {(asked or fatal or [''])[0]}",
            f"check {access.setting}.user and the pgpass file (postgres.passwords, else ~/.pgpass; mode 600)",
        )
    if fatal and not _NOT_YET.search(fatal["why"]) and re.search(_CONNECTING, text):
        return UsageError(f"{access.label}: {fatal['why']}", f"check {access.setting}")
    if re.search(rf"{_CONNECTING}|could not (?:connect|translate)|timeout expired", text):
        reason = re.search(r"failed: (.+)", text)
        return Unreachable(
            f"{access.label} does not answer: {reason[1] if reason else _last(text)}",
            f"start the server, or check {access.setting}",
        )
    return Failed(f"{doing} failed ({result.exited}): {complaint(text) or 'no message'}")


def complaint(text: str) -> str:
    """The first error that a program of PostgreSQL's named, without where in which script."""
    said = [line for line in lines(text) if re.search(r"ERROR:|FATAL:|PANIC:|error:", line)]
    if not said:
        return _last(text)
    where = r"^(?:psql:(?:<stdin>|/dev/fd/3):\d+: |pg_restore: |pg_dump: |psql: )?(?:error: )?"
    return re.sub(where, "", said[0]).strip()


def _last(text: str) -> str:
    said = [line.strip() for line in lines(text) if line.strip()]
    return said[-1] if said else ""
