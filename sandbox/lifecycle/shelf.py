"""What is known of each checkpoint: read from, and written into, the comment on its own database.

So any machine that reaches the server sees the same checkpoints. A database with such a comment is whole;
one that is being made carries a run's claim instead, as the next database of a refresh does.
"""
# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from sandbox import jsonfile
from sandbox.engines import Engine
from sandbox.errors import Failed, UsageError
from sandbox.lifecycle.observe import NEXT, OLD, Neighbour, ask
from sandbox.lifecycle.runs import is_run
from sandbox.postgres import APPLICATION, NAME_BYTES, literal
from sandbox.shell import Runner
from sandbox.typed import typed

BASELINE = "baseline"  # the name that `reset` saves
BETWEEN = "__cp_"  # between the sandbox's database name and a checkpoint's
_NAME = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
_BROKEN = -2  # the connection limit of a database whose dropping was cut off
_SIGN = f"{APPLICATION} checkpoint "


@dataclass(frozen=True)
class Origin:
    """From where on a live database and a checkpoint, of which one is a copy of the other, may differ.

    A row version whose transaction is older than `xid` is the same in both, at the same place.
    """

    xid: int  # 64 bits; no later write to the live database has a smaller one
    epoch: str  # while this is the server's, its change counters have lost nothing
    reset: str = ""  # when the live database's own were last reset; empty: never
    counters: Mapping[str, list[int]] = field(default_factory=dict)  # by table oid, at that moment; absent: 0
    mark: str = ""  # of the documents: see `copies.mark`


@dataclass(frozen=True)
class Kept:
    """A checkpoint's documents."""

    path: str
    files: int
    bytes: int
    state: str = ""  # see `copies.state`


@dataclass(frozen=True)
class Checkpoint:
    """A saved state of the sandbox."""

    name: str
    saved: str  # ISO 8601, UTC
    run: str  # the run that saved it
    refresh: str | None  # the run of the refresh that the state comes from
    refreshed: str | None  # when that refresh ended, as far as it was known here
    version: str | None  # Dolibarr's, as its database tells it
    bytes: int  # of the database, on disk
    armed: bool | None  # None: the ERP did not answer
    fingerprint: str | None  # of the agent's key, salted; only of a key that authenticated
    documents: Kept | None
    origins: Mapping[str, Origin] = field(default_factory=dict)  # by the live database's oid
    oid: int = 0  # of its own database

    def comment(self) -> str:
        """What is written on its database."""
        told = asdict(self)
        del told["oid"]
        return _SIGN + json.dumps(told, separators=(",", ":"))

    def database(self, live: str) -> str:
        """The name of its database."""
        return f"{live}{BETWEEN}{self.name}"


def checked(name: str, live: str = "") -> str:
    """A checkpoint's name, fit to be part of a database's and a folder's.

    Raises:
        UsageError: it is not; Invoke's own flags may have been taken for it.
    """
    if not _NAME.fullmatch(name):
        hint = "put Invoke's own flags, such as --dry, before the task: inv --dry save --name before-import"
        raise UsageError(
            f"{name!r} is no name for a checkpoint: use a-z and 0-9, joined by single - or _",
            hint if name.startswith("-") else "",
        )
    longest = f"{live}{BETWEEN}{name}{NEXT}"
    if len(longest.encode()) > NAME_BYTES:
        room = NAME_BYTES - len(longest.encode()) + len(name)
        raise UsageError(
            f"the checkpoint's database would be {longest}, longer than PostgreSQL's {NAME_BYTES} bytes",
            f"choose a name of at most {room} characters" if room > 0 else "give the database a shorter name",
        )
    return name


def folder(live: str, name: str, run: str) -> str:
    """The name of the folder with a checkpoint's documents; each save makes one of its own."""
    plain = re.sub(r"[%/\x00-\x1f\x7f]", lambda found: f"%{ord(found[0]):02X}", live)
    return f"{plain}.{name}.{run}"


@dataclass(frozen=True)
class Shelf:
    """All checkpoints of one sandbox, oldest first, and what else has a name like theirs."""

    live: str
    oid: int  # the live database's
    version: int  # the server's, such as 180003
    checkpoints: tuple[Checkpoint, ...]
    others: Mapping[str, Neighbour]  # unfinished or foreign databases
    broken: tuple[str, ...]  # databases whose dropping was cut off

    def find(self, name: str) -> Checkpoint:
        """The checkpoint of that name.

        Raises:
            Failed: there is none; the message names those that there are.
        """
        for one in self.checkpoints:
            if one.name == name:
                return one
        raise self.unknown(name)

    def unknown(self, name: str) -> Failed:
        """The error that names the checkpoints that there are."""
        known = ", ".join(one.name for one in self.checkpoints)
        return Failed(
            f"there is no checkpoint {name}; there {f'are: {known}' if known else 'is none at all'}",
            "run: inv checkpoints" if known else f"run: inv save --name {name}",
        )


def look(engine: Engine, runner: Runner) -> Shelf:
    """Read which checkpoints the sandbox has.

    Raises:
        Unreachable: the server does not answer.
        UsageError: it refuses the role.
    """
    side = engine.settings.sandbox
    access = engine.access(side)
    return read(
        access.database.name, ask(engine, runner, side, access.maintenance, script(access.database.name))
    )


def script(live: str) -> str:
    """SQL for any database of the server: what `read` reads."""
    return f"""SELECT json_build_object('shelf', coalesce(json_agg(json_build_array(
  datname, oid::bigint, datconnlimit, shobj_description(oid, 'pg_database')) ORDER BY datname), '[]'))
FROM pg_database WHERE starts_with(datname, {literal(live + BETWEEN)});
SELECT json_build_object('live', (SELECT oid::bigint FROM pg_database WHERE datname = {literal(live)}),
  'version', current_setting('server_version_num')::int);
"""


def read(live: str, told: Mapping[str, Any]) -> Shelf:
    """The shelf that the script's output tells of."""
    found: list[Checkpoint] = []
    others: dict[str, Neighbour] = {}
    broken: list[str] = []
    for database, oid, limit, comment in told["shelf"]:
        name = database.removeprefix(live + BETWEEN)
        if not _NAME.fullmatch(name.removesuffix(NEXT).removesuffix(OLD)):
            continue  # somebody else's
        if limit == _BROKEN:
            broken.append(database)
        elif (one := _parsed(comment, oid)) is not None and one.name == name:
            found.append(one)
        else:
            others[database] = Neighbour(database, comment, limit)
    found.sort(key=lambda one: (one.saved, one.name))
    if told["live"] is None:
        raise UsageError(
            f"there is no database {live}", "check the setting database.name, or run: inv status"
        )
    return Shelf(live, told["live"], told["version"], tuple(found), others, tuple(broken))


def _parsed(comment: str | None, oid: int) -> Checkpoint | None:
    if not comment or not comment.startswith(_SIGN):
        return None
    try:
        found = typed(Checkpoint, {**jsonfile.parsed(comment.removeprefix(_SIGN)), "oid": oid})
        dated = datetime.fromisoformat(found.saved).tzinfo is not None
    except ValueError:
        return None  # of another version of this program, or damaged: not one that this one can use
    marks = [origin.mark for origin in found.origins.values() if origin.mark]
    sound = dated and all(map(is_run, (found.run, *marks))) and all(map(str.isdecimal, found.origins))
    return found if sound else None


def with_origin(one: Checkpoint, oid: int, origin: Origin, alive: Iterable[int]) -> Checkpoint:
    """The checkpoint with one more live database that may differ from it only since `origin`.

    Args:
        one: the checkpoint.
        oid: the live database's.
        origin: since when.
        alive: databases that may still be the live one; what is known of others is forgotten.
    """
    kept = {key: value for key, value in one.origins.items() if int(key) in set(alive)}
    return replace(one, origins={**kept, str(oid): origin})
