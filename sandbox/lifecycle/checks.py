"""Why a refresh must not be: no consent, mixed-up sides, missing rights or programs."""

from __future__ import annotations

from sandbox.engines import Engine
from sandbox.errors import Refused, UsageError
from sandbox.lifecycle.observe import NEXT, Identity, Prod, Sandbox, program_version
from sandbox.pods import Pod
from sandbox.postgres import NAME_BYTES
from sandbox.settings import Database, Settings, Side
from sandbox.shell import Runner
from sandbox.sides import refuse_prod_url

_TIMEOUTS_KNOWN = 17  # pg_restore sets transaction_timeout since then, and older servers refuse it
_STATISTICS_CARRIED = 18  # by pg_dump; a server before has nothing that takes them


def consent(settings: Settings, *, db_only: bool, hint: str = "") -> Refused:
    """The refusal that names what a refresh would destroy; asks nothing and touches nothing."""
    where = f" behind {settings.sandbox.url}" if settings.sandbox.url else ""
    return Refused(
        f"without --yes nothing is done; {settings.name} would lose {lost(settings, db_only=db_only)}{where}",
        "if it may be lost, run it again with --yes" + (f"  ({hint})" if hint else ""),
    )


def lost(settings: Settings, *, db_only: bool) -> str:
    """What a refresh replaces, in words."""
    side = settings.sandbox
    found = []
    if side.database is not None:
        found.append(f"the database {_address(side.database)}{_in(side.pods.database)}")
    if side.documents is not None and not db_only:
        found.append(f"the documents in {side.documents}{_in(side.pods.documents)}")
    found.append(f"the agent {settings.agent.login} and its key")
    return ", ".join(found)


def refuse_mix_ups(settings: Settings, *, db_only: bool) -> None:
    """Refuse sides that are the same by their settings alone.

    Raises:
        Refused: the same URL, database or documents folder is configured for both sides.
    """
    mine, prods = settings.sandbox, settings.prod
    if mine.url is not None:
        refuse_prod_url(settings, ask=False)  # the databases themselves are compared
    if mine.database and prods.database and _where(mine) == _where(prods):
        raise Refused(
            f"the sandbox's database is prod's: {_address(mine.database)}", f"check {settings.name}.database"
        )
    places = [(side.documents, _in(side.pods.documents)) for side in (mine, prods)]
    if not db_only and mine.documents is not None and places[0] == places[1]:
        raise Refused(
            f"the sandbox's documents folder is prod's: {mine.documents}", f"check {settings.name}.documents"
        )


def _where(side: Side) -> tuple[str, int, str, str] | None:
    database = side.database
    if database is None:
        return None
    return database.host.lower(), database.port, database.name, _in(side.pods.database)


def _in(pod: Pod | None) -> str:
    return "" if pod is None else f" in {pod}"


def _address(database: Database) -> str:
    return f"{database.name}@{database.host}:{database.port}"


def refuse_unsafe_prod(settings: Settings, prod: Prod) -> None:
    """Refuse a prod that is a sandbox, or whose sessions are not read-only."""
    if prod.mark is not None:
        raise Refused(
            f"prod's database carries a sandbox's mark (run {prod.mark}): the sides are the wrong way round",
            f"check {settings.name}.prod.database and {settings.name}.database",
        )
    if not prod.read_only:
        raise Refused(
            "sessions on prod's database are not read-only: something on the way drops PGOPTIONS",
            "connect to PostgreSQL itself, not through a pooler that does not pass them on",
        )


def refuse_swapped(settings: Settings, prod: Prod, sandbox: Sandbox) -> None:
    """Refuse sides whose rights are the wrong way round."""
    if prod.can_write and not sandbox.owns:
        raise Refused(
            f"the sides look swapped: {prod.user} may write to prod's database, and {sandbox.user} does not"
            f" own the sandbox's, {sandbox.owner} does",
            f"check {settings.name}.prod.database and {settings.name}.database",
        )


def refuse_same(settings: Settings, prod: Identity, sandbox: Identity) -> None:
    """Refuse two ways to one database."""
    # a server that was copied keeps its identifier, but it is another one unless it follows the first
    same = (prod.system, prod.oid) == (sandbox.system, sandbox.oid)
    if same and (prod.started == sandbox.started or prod.standby or sandbox.standby):
        raise Refused(
            "the sandbox's database and prod's are one and the same, by two addresses or as a standby",
            f"check {settings.name}.database and {settings.name}.prod.database",
        )


def check_rights(settings: Settings, sandbox: Sandbox, name: str) -> None:
    """Tell what the sandbox's role lacks for the configured strategy."""
    setting = f"{settings.name}.refresh.strategy"
    if not sandbox.owns:
        raise UsageError(
            f"{sandbox.user} does not own the sandbox's database, {sandbox.owner} does",
            f"GRANT {sandbox.owner} TO {sandbox.user}, or connect as it ({settings.name}.database.user)",
        )
    if settings.refresh.strategy == "in-place":
        return
    if not sandbox.may_create:
        raise UsageError(
            f"strategy swap: {sandbox.user} may not create databases",
            f"set {setting}: in-place, or ALTER ROLE {sandbox.user} CREATEDB",
        )
    if len((name + NEXT).encode()) > NAME_BYTES:
        raise UsageError(
            f"strategy swap: {name}{NEXT} is longer than PostgreSQL's {NAME_BYTES} bytes",
            f"set {setting}: in-place, or give the database a shorter name",
        )


def programs(engine: Engine, runner: Runner) -> tuple[int, int]:
    """The major versions of prod's pg_dump and of the sandbox's pg_restore.

    Raises:
        UsageError: a program is missing.
    """
    version = program_version(engine, runner, engine.settings.prod, "pg_dump")
    program_version(engine, runner, engine.settings.sandbox, "psql")
    return version, program_version(engine, runner, engine.settings.sandbox, "pg_restore")


def check_programs(settings: Settings, versions: tuple[int, int], prod: Prod, sandbox: Sandbox) -> bool:
    """Whether the programs and the sandbox's server can carry the planner's statistics.

    Args:
        settings: the sandbox's settings.
        versions: see `programs`.
        prod: what prod's database told.
        sandbox: what the sandbox's told.

    Raises:
        UsageError: a program is of the wrong version.
    """
    version, restorer = versions
    setting = f"{settings.name}.postgres.programs"
    if version < prod.version // 10000:
        raise UsageError(
            f"prod's server is PostgreSQL {prod.version // 10000}, but pg_dump is {version}",
            f"set {setting} to the folder of a newer one",
        )
    if restorer >= _TIMEOUTS_KNOWN > sandbox.version // 10000:
        here, there = sandbox.version // 10000, prod.version // 10000
        raise UsageError(
            f"the sandbox's server is PostgreSQL {here}, and pg_restore {restorer} cannot restore into it",
            f"set {setting} to the folder of version {here}"
            if there <= here
            else f"upgrade the sandbox's server to PostgreSQL {there}, which prod has",
        )
    return min(version, restorer, sandbox.version // 10000) >= _STATISTICS_CARRIED
