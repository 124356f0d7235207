"""Status: read the sandbox's world over HTTP and from files, and change nothing.

It needs no cluster and no database access: two requests, a third for the login page when it is recorded here
which mark that page should show, and a few small files.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sandbox import envfile
from sandbox.dolibarr.api import Client, Health, Pulse
from sandbox.dolibarr.identity import Arms, WhoAmI
from sandbox.dolibarr.shown import Shown, look
from sandbox.errors import ExitCode, Unreachable
from sandbox.lifecycle import journal, record
from sandbox.lifecycle.detach import Detached, newest
from sandbox.lifecycle.proof import NOTHING_RECORDED, Proof, recorded
from sandbox.settings import Settings
from sandbox.shell import Runner
from sandbox.sides import refuse_prod_url


@dataclass(frozen=True)
class FileState:
    """A secret file: where, whether it is there, its mode, and whether it holds what it should."""

    path: str
    present: bool
    mode: str | None
    in_step: bool | None = None  # the .env's key and URL are the key file's and the settings'


@dataclass(frozen=True)
class Status:
    """All that `status` saw; its fields are the JSON document's."""

    sandbox: str
    url: str
    alive: bool
    health: str
    http: int | None
    version: str | None
    latency_ms: int | None
    armed: bool
    reason: str | None  # why not armed: a name of `Arms`, in lower case, or another_database
    proven: bool | None  # the URL serves what the last refresh or rewind recorded here put in
    proven_why: str  # why not, or why that is not known; empty when it is proven
    login: str
    user_id: int | None
    admin: bool
    rights: tuple[str, ...]
    missing_rights: tuple[str, ...]
    key_file: FileState
    env_file: FileState
    last_refresh: dict[str, Any] | None
    interrupted: dict[str, Any] | None
    running: dict[str, Any] | None
    journal: str | None  # why it could not be read; then nothing is known of a refresh
    detached: Detached | None  # the newest refresh that was started in the cluster
    exit_code: int
    next_step: str


def observe(settings: Settings, runner: Runner | None = None) -> Status:
    """Look at the sandbox, its files and its journal.

    Raises:
        Refused: the sandbox's URL is prod's.
        UsageError: no URL is configured, or a file cannot be read.
    """
    note = refuse_prod_url(settings)
    key = envfile.read_secret(settings.files.key)
    here = journal.look(settings, runner)
    (health, pulse, owner), proof = _asked(settings, key, here)
    elsewhere = owner.arms is Arms.ARMED and proof.proven is False
    armed = owner.arms is Arms.ARMED and not elsewhere
    detached = None if here.problem or runner is None else newest(settings, runner, here.last_refresh)
    code, step = _verdict(pulse, owner.arms, here.interrupted is not None)
    if elsewhere and code is ExitCode.DONE:
        code, step = ExitCode.NOT_ARMED, proof.next_step
    missing = set(settings.agent.rights) - set(owner.rights) if armed else set()
    if not step and missing:
        step = "run: inv provision  (some configured rights are missing)"
    env = _env_file(settings, key)
    if not step and not (env.in_step and env.mode == "600"):
        step = "run: inv relink-env"
    return Status(
        sandbox=settings.name,
        url=settings.url,
        alive=pulse is not None and pulse.health.up,
        health=health,
        http=pulse.http if pulse else None,
        version=pulse.version if pulse else None,
        latency_ms=round(pulse.milliseconds) if pulse else None,
        armed=armed,
        reason=None if armed else "another_database" if elsewhere else owner.arms.name.lower(),
        proven=proof.proven,
        proven_why="; ".join(filter(None, (proof.why, "" if proof.proven else note))),
        login=settings.agent.login,
        user_id=owner.user_id,
        admin=owner.admin,
        rights=owner.rights,
        missing_rights=tuple(sorted(missing)),
        key_file=_file(settings.files.key),
        env_file=env,
        last_refresh=here.last_refresh,
        interrupted=here.interrupted,
        running=here.running,
        journal=here.problem,
        detached=detached,
        exit_code=int(code),
        next_step=step,
    )


def _asked(
    settings: Settings, key: str | None, here: journal.Look
) -> tuple[tuple[str, Pulse | None, WhoAmI], Proof]:
    """What the API told, and what the login page shows, where something is known to compare it with."""
    marks = record.marks(here.last_refresh)
    if not marks:
        why = here.problem or NOTHING_RECORDED
        return _ask(settings, key), Proof(None, why, Shown(None, dolibarr=False, words="was not asked"))
    with ThreadPoolExecutor(1) as meanwhile:
        shown = meanwhile.submit(look, settings.url, settings.timeouts)
        return _ask(settings, key), recorded(settings, marks, shown.result())


def _ask(settings: Settings, key: str | None) -> tuple[str, Pulse | None, WhoAmI]:
    """What answers in words, what `/status` told, and whose key it is."""
    client = Client(settings.url, settings.timeouts)
    nobody = WhoAmI(Arms.UNKNOWN if key else Arms.NO_KEY)
    try:
        pulse = client.pulse(key)
        if pulse.health is Health.API_OFF:
            return pulse.health.value, pulse, WhoAmI(Arms.API_OFF)
        if key is None or not pulse.health.up:
            return pulse.health.value, pulse, nobody
        if not pulse.key_accepted:
            return pulse.health.value, pulse, WhoAmI(Arms.KEY_REFUSED, pulse.http)
        return pulse.health.value, pulse, client.whoami(key, settings.agent.login)
    except Unreachable as error:
        return error.what, None, nobody


def _verdict(pulse: Pulse | None, arms: Arms, interrupted: bool) -> tuple[ExitCode, str]:
    if interrupted:
        return ExitCode.INTERRUPTED, "run: inv recover"
    if pulse is None or not pulse.health.up:
        return ExitCode.UNREACHABLE, "check the URL, the network and that the sandbox runs"
    if arms is Arms.API_OFF:
        return ExitCode.NOT_ARMED, "switch on Dolibarr's module API/Web services (REST server)"
    if arms is not Arms.ARMED:
        return ExitCode.NOT_ARMED, "run: inv provision"
    return ExitCode.DONE, ""


def _file(path: Any, in_step: bool | None = None) -> FileState:
    mode = envfile.mode_of(path)
    return FileState(str(path), mode is not None, None if mode is None else f"{mode:o}", in_step)


def _env_file(settings: Settings, key: str | None) -> FileState:
    held = envfile.read_values(settings.files.env)
    in_step = None
    if held:
        in_step = (
            held.get(settings.env.url) == settings.url
            and key is not None
            and held.get(settings.env.key) == key
        )
    return _file(settings.files.env, in_step)
