"""One typed, validated view of Invoke's configuration; what all other modules know of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sandbox.config import (
    TABLE,
    Reader,
    environment,
    kind,
    level,
    merged,
    plain,
    read_from,
    refuse_unknown_variables,
    sources,
)
from sandbox.errors import UsageError
from sandbox.pods import Cluster, Pods
from sandbox.pods import read as read_pods
from sandbox.schema import DEFAULT_RIGHTS, SCHEMA


@dataclass(frozen=True)
class Database:
    """Where one side's PostgreSQL database is; passwords live in a pgpass file, never here."""

    name: str
    host: str = "127.0.0.1"
    port: int = 5432
    user: str = ""  # empty: libpq's own default
    maintenance: str = "postgres"  # the database to connect to while the live one is renamed


@dataclass(frozen=True)
class Side:
    """Prod or the sandbox: a URL, a database and a documents folder, each as far as it is configured."""

    name: Literal["prod", "sandbox"]
    url: str | None
    database: Database | None
    documents: Path | None
    pods: Pods = field(default_factory=Pods)  # of engine kubernetes: where both are reached
    written: str = ""  # the documents folder as the settings have it


@dataclass(frozen=True)
class Agent:
    """The write agent: its Dolibarr login and the rights that provision grants it."""

    login: str
    rights: tuple[str, ...]


@dataclass(frozen=True)
class Files:
    """Absolute paths of the files that the tasks read and write."""

    credentials: Path
    key: Path
    env: Path
    state: Path  # journal, lock, last refresh, traces of failed provisions; a folder of mode 700


@dataclass(frozen=True)
class EnvNames:
    """The names under which the URL and the key are written into the write skill's .env."""

    url: str
    key: str


@dataclass(frozen=True)
class Refresh:
    """How a refresh is done."""

    strategy: Literal["swap", "in-place"]
    jobs: int
    lock_timeout: float  # how long anybody on prod may wait for us, or we for a lock there, in seconds
    neutralize: bool
    script: Path | None


@dataclass(frozen=True)
class Application:
    """Shell commands that stop and start the sandbox's application, for what needs it stopped."""

    pause: str | None
    resume: str | None


@dataclass(frozen=True)
class Browser:
    """Which browser provision drives (None: found by itself) and how long it waits for a page, in seconds."""

    executable: Path | None
    timeout: float


@dataclass(frozen=True)
class Timeouts:
    """HTTP timeouts, in seconds."""

    connect: float
    read: float


@dataclass(frozen=True)
class Postgres:
    """Where PostgreSQL's programs are (None: on PATH) and the pgpass file with both sides' passwords."""

    programs: Path | None
    passwords: Path | None


@dataclass(frozen=True)
class Settings:
    """Everything that a task knows about one sandbox."""

    name: str
    root: Path
    engine: str | None
    sandbox: Side
    prod: Side
    agent: Agent
    files: Files
    env: EnvNames
    refresh: Refresh
    application: Application
    browser: Browser
    timeouts: Timeouts
    postgres: Postgres
    cluster: Cluster | None = None  # of engine kubernetes
    sources: tuple[Path, ...] = ()  # the files that they were read from

    @property
    def url(self) -> str:
        """The sandbox's base URL, without a slash at its end.

        Raises:
            UsageError: no URL is configured.
        """
        if self.sandbox.url is None:
            raise UsageError(
                f"{self.name}.url is not set",
                f"set {self.name}.url in invoke.yaml, or run: inv lab.up",
            )
        return self.sandbox.url


def project_root(config: Any) -> Path:
    """`ARCO_ROOT`, else the folder of the tasks file; where relative paths start.

    Raises:
        UsageError: `ARCO_ROOT` names no folder.
    """
    given = os.environ.get("ARCO_ROOT")
    if given:
        root = Path(given).expanduser()
        if not root.is_dir():
            raise UsageError(f"ARCO_ROOT names no folder: {given}", "set it to the folder of your tasks.py")
        return root.resolve()
    return Path(getattr(config, "_project_prefix", None) or Path.cwd()).resolve()


def load(
    config: Any,
    name: str = "sandbox",
    *,
    base: Mapping[str, Any] | None = None,
) -> Settings:
    """Read and check the settings of the sandbox called `name`.

    Args:
        config: Invoke's configuration, all levels merged.
        name: the collection's name, which is also its key in the configuration.
        base: values below every level of the configuration: the collection's own, the lab's.

    Raises:
        UsageError: a key or variable is unknown, or a value has the wrong type.
    """
    root = project_root(config)
    given = plain(config[name]) if name in config else {}
    source = sources(config, name, dict(base or {}))
    if not isinstance(given, dict):
        raise UsageError(f"{name} must hold settings; got {kind(given)}{source(())}", TABLE)
    refuse_unknown_variables(name, [key for key in config if isinstance(key, str)])
    given = merged(
        merged(given, environment(SCHEMA, f"INVOKE_{name.upper()}")), level(config, "runtime", name)
    )
    reader = Reader(name, merged(dict(base or {}), given), source)
    reader.refuse_unknown(reader.tree, SCHEMA)
    script = reader.path(root, "refresh.script")
    if script is not None and not script.is_file():
        raise UsageError(f"{name}.refresh.script is no file: {script}{source(('refresh', 'script'))}", TABLE)
    passwords = reader.path(root, "postgres.passwords")
    if passwords is not None and not passwords.is_file():
        raise UsageError(
            f"{name}.postgres.passwords is no file: {passwords}{source(('postgres', 'passwords'))}",
            "make it in PostgreSQL's pgpass format, mode 600",
        )
    cluster, mine, prods = read_pods(reader)
    return Settings(
        name=name,
        root=root,
        engine=reader.get("engine"),
        sandbox=_side(reader, root, "sandbox", mine),
        prod=_side(reader, root, "prod", prods, "prod."),
        agent=Agent(
            reader.get("agent.login", "ai_agent_sandbox"), reader.get("agent.rights", DEFAULT_RIGHTS)
        ),
        files=Files(
            credentials=_some(reader.path(root, "files.credentials", "test/.env.sandbox")),
            key=_some(reader.path(root, "files.key", "test/.ai_agent_sandbox.key")),
            env=_some(reader.path(root, "files.env", "dolibarr-sandbox-write/.env")),
            state=_some(reader.path(root, "files.state", f".sandbox/{name}")),
        ),
        env=EnvNames(reader.get("env.url", "DOLIBARR_URL"), reader.get("env.key", "DOLIBARR_API_KEY")),
        refresh=Refresh(
            strategy=reader.get("refresh.strategy", "swap"),
            jobs=reader.get("refresh.jobs", 2),
            lock_timeout=reader.get("refresh.lock_timeout", 2.0),
            neutralize=reader.get("refresh.neutralize", True),
            script=script,
        ),
        application=Application(reader.get("application.pause"), reader.get("application.resume")),
        browser=Browser(reader.path(root, "browser.executable"), reader.get("browser.timeout", 30.0)),
        timeouts=Timeouts(reader.get("timeouts.connect", 5.0), reader.get("timeouts.read", 10.0)),
        postgres=Postgres(reader.path(root, "postgres.programs"), passwords),
        cluster=cluster,
        sources=read_from(config),
    )


def _some(path: Path | None) -> Path:
    assert path is not None  # noqa: S101  # a default was given
    return path


def _side(reader: Reader, root: Path, name: Literal["prod", "sandbox"], pods: Pods, prefix: str = "") -> Side:
    """A side's settings; the sandbox's stand at the top, prod's below `prod.`."""
    return Side(
        name,
        reader.get(f"{prefix}url"),
        _database(reader, f"{prefix}database"),
        reader.path(root, f"{prefix}documents"),
        pods,
        reader.get(f"{prefix}documents", ""),
    )


def _database(reader: Reader, prefix: str) -> Database | None:
    found = reader.database(prefix)
    return None if found is None else Database(**found)
