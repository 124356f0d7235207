"""Arm the sandbox: the agent's user, its rights and a fresh API key, through Dolibarr's own pages."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sandbox import envfile, redact, tracked
from sandbox.dolibarr import api, browser, credentials, identity, rights
from sandbox.dolibarr.session import administrator
from sandbox.dolibarr.trail import Trail
from sandbox.errors import Failed, Refused, SandboxError, Unreachable
from sandbox.lifecycle import proof, record
from sandbox.lifecycle.interrupt import noticing
from sandbox.lifecycle.proof import Proof
from sandbox.settings import Settings
from sandbox.shell import Runner
from sandbox.sides import refuse_prod_url

if TYPE_CHECKING:
    from sandbox.dolibarr.admin import Admin

Say = Callable[[str], None]
_KEY_LENGTH = 48  # all versions take 12 to 128, and store no more than 66 encrypted


@dataclass(frozen=True)
class ProvisionReport:
    """What a provision did; nothing of the key."""

    login: str
    user_id: int | None
    key_file: str
    created: bool = False
    enabled: bool = False
    rights_granted: tuple[str, ...] = ()
    rights_present: tuple[str, ...] = ()
    version: str | None = None
    seconds: float = 0.0
    dry: bool = False
    proven: bool | None = None  # the URL serves the sandbox's database
    proven_why: str = ""  # why that is not known; empty when it is


def provision(  # noqa: PLR0913
    settings: Settings,
    runner: Runner,
    *,
    headless: bool,
    say: Say,
    relink: Callable[[Settings], object],
    dry: bool = False,
) -> ProvisionReport:
    """Create or reuse the agent, grant what it lacks, give it a new key, prove the key, keep it, relink.

    Args:
        settings: the sandbox.
        runner: what runs the commands that reach the sandbox's database.
        headless: show no browser; needs the credentials file.
        say: tells the person what happens.
        relink: called with the settings at the end, when the new key is in its file.
        dry: say what would be done; no browser, no request, no file.

    Raises:
        UsageError: rights, credentials, browser or display are not usable.
        Refused: the URL is prod's or serves another database than the sandbox's, the agent is an
            administrator, or git tracks a file of secrets.
        Unreachable: the sandbox does not answer.
        Failed: a page or the API did not do what it should; a screenshot is kept of the page.
    """
    started = time.monotonic()
    wanted = rights.checked(settings.agent.rights)
    note = refuse_prod_url(settings, ask=not dry)
    found = (credentials.required if headless else credentials.read)(settings.files.credentials)
    if found is not None and found.login.lower() == settings.agent.login.lower():
        raise Refused(
            f"{settings.agent.login} is the administrator's own login; an agent must not be one",
            "set agent.login to a login of its own",
        )
    for file in (settings.files.key, settings.files.env):
        tracked.refuse(file)
    if dry:
        return _dry(settings, wanted, say)
    browser.refuse_without_display(headless=headless)
    client = api.Client(settings.url, settings.timeouts)
    with noticing() as interrupt:
        try:
            _refuse_deaf(client)
            proven = _proven(settings, runner, note, say)
            armed = _provision(settings, client, wanted, found, say, headless=headless)
        except (KeyboardInterrupt, SandboxError) as error:
            if isinstance(error, SandboxError) and not interrupt.asked:
                raise
            raise Failed("stopped by Ctrl-C", "run it again: it goes on from what is there") from None
    relink(settings)
    seconds = round(time.monotonic() - started, 1)
    return replace(armed, seconds=seconds, proven=proven.proven, proven_why=proven.why)


def _proven(settings: Settings, runner: Runner, note: str, say: Say) -> Proof:
    """Prove that what the URL leads to is the sandbox, before anything is armed there.

    Raises:
        Refused: it is not.
    """
    found = proof.prove(settings, runner)
    notes = [note, proof.refuse_prods(settings, found)]
    found.refuse()
    if found.proven:
        say(f"proven: {settings.url} serves the sandbox's database (mark {found.mark})")
        record.correct(settings, runner, found.mark)
    elif found.mark is not None:
        raise Refused(found.why, found.next_step)
    else:
        say(f"not proven that {settings.url} is the sandbox: {found.why}; it {found.shown.words}")
    for each in filter(None, notes):
        say(each)
    return found


def _provision(  # noqa: PLR0913
    settings: Settings,
    client: api.Client,
    wanted: tuple[str, ...],
    found: credentials.Credentials | None,
    say: Say,
    *,
    headless: bool,
) -> ProvisionReport:
    key = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(_KEY_LENGTH))
    redact.add(key)
    trail = Trail(settings.agent.login)
    with administrator(settings, found, trail, say, headless=headless) as admin:
        armed = _arm(admin, settings, wanted, key, say)
    _prove(client, settings, wanted, key)
    envfile.write_secret(settings.files.key, key + "\n")
    say(f"the key works; it is in {settings.files.key}")
    return replace(armed, version=client.pulse(key).version)


def _arm(admin: Admin, settings: Settings, wanted: tuple[str, ...], key: str, say: Say) -> ProvisionReport:
    """Everything that the pages do; nothing is touched before each right is known to exist."""
    login = settings.agent.login
    account = admin.find(login)
    if account is not None and account.admin:
        raise Refused(
            f"{login} is an administrator in the sandbox; an agent must not be one",
            "take its administrator flag away, or set agent.login to a login of its own",
        )
    offered = rights.resolved(wanted, admin.offered_rights(account.user_id if account else None))
    user_id = account.user_id if account else admin.create(login)
    say(f"{'reusing' if account else 'created'} user {login}")
    enabled = admin.enable(user_id) if account else False
    if enabled:
        say(f"enabled user {login}")
    missing = wanted if account is None else tuple(name for name in wanted if not offered[name].granted)
    granted = admin.grant(user_id, missing, settings.browser.timeout * 1000) if missing else []
    say(f"rights: {len(granted)} granted, {len(wanted) - len(granted)} there already")
    admin.set_key(user_id, key, login)
    return ProvisionReport(
        login,
        user_id,
        str(settings.files.key),
        created=account is None,
        enabled=enabled,
        rights_granted=tuple(granted),
        rights_present=tuple(name for name in wanted if name not in granted),
    )


def _prove(client: api.Client, settings: Settings, wanted: tuple[str, ...], key: str) -> None:
    """Ask the API who the key belongs to; only a key that is proven is written down.

    Raises:
        Failed: the key does not work, or a right is missing.
    """
    who = client.whoami(key, settings.agent.login)
    if who.arms is not identity.Arms.ARMED:
        raise Failed(
            f"the new key does not work: GET /users/info answers {who.http}, {who.arms.value}",
            "is settings.url the sandbox that was shown? run: inv provision again",
        )
    lacking = [name for name in wanted if name not in who.rights]
    if lacking or who.admin:
        problem = f"it lacks {', '.join(lacking)}" if lacking else "it is an administrator"
        raise Failed(f"the key works, but {problem}", "look at the agent's permissions page; run it again")


def _dry(settings: Settings, wanted: tuple[str, ...], say: Say) -> ProvisionReport:
    say(f"would prove that {settings.url} serves the sandbox's database")
    say(f"would log in at {settings.url} as an administrator")
    say(f"would create or reuse {settings.agent.login}, enable it, and grant {', '.join(wanted)}")
    say(
        f"would give it a new key, prove it, write it to {settings.files.key} and relink {settings.files.env}"
    )
    return ProvisionReport(settings.agent.login, None, str(settings.files.key), dry=True)


def _refuse_deaf(client: api.Client) -> None:
    """Stop before anything is changed when the key could not be proven in the end."""
    health = client.pulse().health
    if health is api.Health.ALIVE:
        return
    if health is api.Health.API_OFF:
        raise Failed(
            f"{client.url}: {health.value}",
            "let an administrator switch on the module API / Web services (REST server) "
            "(Home > Setup > Modules); nothing was changed",
        )
    steps = {
        api.Health.DATABASE_DOWN: "start the sandbox's database, or run: inv recover",
        api.Health.NEEDS_UPGRADE: "run: inv refresh --yes, or upgrade the sandbox",
        api.Health.NOT_DOLIBARR: "check the setting url: is it Dolibarr, with the path of its installation?",
    }
    raise Unreachable(f"{client.url}: {health.value}", steps[health])
