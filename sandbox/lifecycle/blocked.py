"""What it means when prod was locked or altered while it was read: a refusal that names the table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.errors import Failed
from sandbox.lifecycle.programs import text
from sandbox.lifecycle.progress import UNWATCHED

# a script for prod: who keeps others from reading a table, if anybody does
LOCKED = text("locked.sql")
_TIMED_OUT = re.compile(
    r"canceling statement due to (?:lock timeout|statement timeout|conflict with recovery)"
)
# of a program on prod; what pg_restore says is of the sandbox, and so are names of ours
_ALTERED = re.compile(
    r"^(?!pg_restore)(?!.*dolibarr_sandbox).*ERROR:\s+(?P<what>.*\bdoes not exist\b.*"
    r"|cache lookup failed .*|could not (?:open relation|find) .*|.*\bwas made or renamed\b.*"
    r"|.*\bconcurrently (?:updated|deleted|dropped)\b.*)$",
    re.MULTILINE,
)
_FULL = re.compile(r"FATAL:\s+(?P<what>.*(?:too many (?:connections|clients)|connection slots are).*)")
ROOM = "raise that limit, or set refresh.jobs lower; then"
_STEP = "run it again when that is done: inv refresh --yes"


class Blocked(Failed):
    """Somebody on prod had to wait for us, or we for them, longer than allowed; trying again would, too."""


def why(told: Mapping[str, Any], said: str) -> Failed | None:
    """Why reading prod failed, when somebody locked or altered it meanwhile.

    Args:
        told: what the scripts printed; `blocked` is what `watch.sql` or `locked.sql` saw last.
        said: the programs' standard error.
    """
    seen = told.get("blocked")
    if seen is not None and (seen["late"] or _TIMED_OUT.search(said)):
        return _blocked(seen)
    if UNWATCHED in said:
        return _unwatched(said)
    if timed_out(said):
        return Blocked("something in prod is locked, for longer than a refresh may wait for it", _STEP)
    if altered := _ALTERED.search(said):
        return Failed(f"prod was altered while it was read: {altered['what'].strip()}", _STEP)
    return None


def kept_waiting(told: Mapping[str, Any], said: str) -> Failed | None:
    """Why the sandbox could not be read, when somebody locked a table there.

    Args:
        told: what `locked.sql` printed.
        said: the programs' standard error.
    """
    if not timed_out(said):
        return None
    seen = told.get("blocked")
    if seen is None:
        return Failed("a table of the sandbox was locked, for too long to wait for it", "run it again")
    table = f"the sandbox's table {seen['table']}" if seen["table"] else "something in the sandbox's database"
    end = f"SELECT pg_terminate_backend({seen['pid']})"
    return Failed(
        f"{table} is locked by {_who(seen)}",
        f"end its transaction, or itself: {end}; then run it again",
    )


def timed_out(said: str) -> bool:
    """Whether a program ended because it waited too long for a lock, by its standard error."""
    return _TIMED_OUT.search(said) is not None


def full(said: str) -> str:
    """How a server said that it lets nobody more in, by the programs' standard error; empty: none did."""
    found = _FULL.search(said)
    return found["what"].strip() if found else ""


def _unwatched(said: str) -> Blocked:
    why = full(said)
    what = f"cannot begin: {why}" if why else "was ended"
    return Blocked(
        f"the session that watches who waits on prod {what}; nothing is read there unwatched",
        f"{ROOM if why else 'run it again'}: inv refresh --yes",
    )


def _blocked(seen: Mapping[str, Any]) -> Blocked:
    who = _who(seen)
    since = f" since {datetime.fromtimestamp(seen['since'], UTC):%H:%M:%S} UTC" if "since" in seen else ""
    table = f"prod's table {seen['table']}" if seen["table"] else "something in prod"
    if seen["theirs"]:
        what = f"{table} is to be altered or locked by {who}, who waited for the refresh{since}: it made way"
    else:
        what = f"{table} is locked by {who}: the refresh waited{since or ' for it'}, and made way"
    return Blocked(what, _STEP)


def _who(seen: Mapping[str, Any]) -> str:
    words = (seen["application"], seen["role"] and f"role {seen['role']}", f"pid {seen['pid']}")
    return ", ".join(str(word) for word in words if word)
