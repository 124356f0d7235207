"""Whether the agent is armed in this very sandbox, and by which key, without keeping the key."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace

from sandbox import envfile
from sandbox.engines import Engine
from sandbox.errors import ExitCode, SandboxError, Unreachable
from sandbox.settings import Settings
from sandbox.shell import Runner, is_dry
from sandbox.sides import refuse_prod_url

_ROUNDS = 20_000  # a key is random already; this is for one that a person made up


@dataclass(frozen=True)
class Armed:
    """What the armed check found."""

    armed: bool | None  # None: the ERP did not answer, or no URL is configured
    words: str
    key: str | None = None  # the key file's; never shown
    proven: bool | None = None  # the URL serves the sandbox's database
    doubt: str = ""  # why not, or why that is not known
    next_step: str = ""  # what mends the doubt

    @property
    def exit_code(self) -> ExitCode:
        """As `status` would end."""
        if self.armed is None:
            return ExitCode.UNREACHABLE
        return ExitCode.DONE if self.armed else ExitCode.NOT_ARMED

    def fingerprint(self) -> str | None:
        """The salted digest of a key that works, by which it can be recognised and not be found."""
        if not self.armed or self.key is None:
            return None
        salt = secrets.token_hex(8)
        return f"{salt}:{_digest(salt, self.key)}"

    def has(self, fingerprint: str | None) -> bool:
        """Whether the key file's key is the one of that fingerprint."""
        if fingerprint is None or self.key is None:
            return False
        salt, _, digest = fingerprint.partition(":")
        return secrets.compare_digest(_digest(salt, self.key), digest)


def _digest(salt: str, key: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", key.encode(), salt.encode(), _ROUNDS).hex()[:32]


def prepare() -> None:
    """Load what `look` needs, which takes a while: something to do while the server copies."""
    import sandbox.lifecycle.proof  # noqa: F401, PLC0415


def look(engine: Engine, runner: Runner) -> Armed:
    """Ask the ERP whose key the key file holds, and prove that it serves the sandbox's database.

    Raises:
        Refused: the sandbox's URL is prod's.
        UsageError: the key file cannot be read.
    """
    settings = engine.settings
    key = envfile.read_secret(settings.files.key)
    if settings.sandbox.url is None:
        return Armed(None, f"{settings.name}.url is not set", key)
    refuse_prod_url(settings)
    found = _asked(settings, key)
    if not found.armed or is_dry(runner):
        return found
    from sandbox.lifecycle.proof import prove_by  # noqa: PLC0415  # loaded while the server copies

    try:
        proof = prove_by(engine, runner)
    except SandboxError as error:
        return replace(found, armed=None, words=f"not proven: {error.what}", doubt=error.what)
    if proof.proven:
        return replace(found, proven=True)
    words = f"not armed: {proof.why}" if proof.proven is False else f"not proven: {proof.why}"
    armed = False if proof.proven is False else None
    return replace(
        found, armed=armed, words=words, proven=proof.proven, doubt=proof.why, next_step=proof.next_step
    )


def _asked(settings: Settings, key: str | None) -> Armed:
    """Whose key it is; an ERP that does not answer is told."""
    from sandbox.dolibarr.api import Client  # noqa: PLC0415
    from sandbox.dolibarr.identity import Arms  # noqa: PLC0415

    if key is None:
        return Armed(armed=False, words=Arms.NO_KEY.value)
    try:
        arms = Client(settings.url, settings.timeouts).whoami(key, settings.agent.login).arms
    except Unreachable as error:
        return Armed(None, error.what, key)
    return Armed(arms is Arms.ARMED, arms.value, key)
