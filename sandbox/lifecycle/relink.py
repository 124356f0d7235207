"""Relink: write the agent's key into the write skill's .env, and prove that it authenticates."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox import envfile, tracked
from sandbox.dolibarr.api import Client
from sandbox.dolibarr.identity import Arms
from sandbox.errors import Failed, Unreachable
from sandbox.lifecycle import record
from sandbox.lifecycle.proof import prove, refuse_prods
from sandbox.settings import Settings
from sandbox.shell import Runner
from sandbox.sides import refuse_prod_url

_CURES = {
    Arms.KEY_REFUSED: "a refresh wipes the agent; run: inv provision",
    Arms.MAY_NOT_READ_ITSELF: "run: inv provision  (it grants user.self.creer)",
    Arms.ANOTHER_LOGIN: "run: inv provision",
    Arms.API_OFF: "switch on Dolibarr's module API/Web services (REST server), then run: inv provision",
    Arms.UNKNOWN: "run: inv status",
}


@dataclass(frozen=True)
class RelinkReport:
    """What was written where; never the key."""

    env: str
    changed: bool
    login: str
    user_id: int | None
    dry: bool = False
    proven: bool | None = None  # the URL serves the sandbox's database
    proven_why: str = ""  # why that is not known; empty when it is


def relink(settings: Settings, runner: Runner, *, dry: bool = False) -> RelinkReport:
    """Prove the key file's key with ``GET /users/info``, then write it and the URL into the .env.

    The .env is written only with a key that works, keeps every other line, and ends with mode 600.

    A dry run asks nothing and writes nothing: in `reset` the key is yet to be made.

    Raises:
        Failed: there is no key, or the key does not authenticate as the agent.
        Unreachable: the sandbox does not answer, or cannot.
        Refused: the sandbox's URL is prod's or serves another database, or git tracks the .env.
    """
    refuse_prod_url(settings, ask=not dry)
    files = settings.files
    tracked.refuse(files.env)
    key = envfile.read_secret(files.key)
    if dry:
        return RelinkReport(str(files.env), changed=True, login=settings.agent.login, user_id=None, dry=True)
    if key is None:
        raise Failed(f"there is no key in {files.key}", "run: inv provision")
    client = Client(settings.url, settings.timeouts)
    owner = client.whoami(key, settings.agent.login)
    if owner.arms is Arms.UNKNOWN and not (pulse := client.pulse()).health.up:
        raise Unreachable(
            f"{settings.url}: {pulse.health.value}",
            "look at the logs of the sandbox's web server and database",
        )
    if owner.arms is not Arms.ARMED:
        raise Failed(f"{settings.url}: {owner.arms.value}", _CURES[owner.arms])
    found = prove(settings, runner)
    refuse_prods(settings, found)
    found.refuse()
    record.correct(settings, runner, found.mark)
    wanted = {settings.env.url: settings.url, settings.env.key: key}
    held = envfile.read_values(files.env)
    changed = wanted.items() - held.items() != set() or envfile.mode_of(files.env) != envfile.SECRET_MODE
    if changed:
        envfile.set_values(files.env, wanted)
    return RelinkReport(
        str(files.env),
        changed,
        settings.agent.login,
        owner.user_id,
        proven=found.proven,
        proven_why=found.why,
    )
