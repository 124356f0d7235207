"""One typed, validated view of Invoke's configuration; the only reader of it.

Files and collections come merged from Invoke. The ``INVOKE_<NAME>_…`` variables are read here at their
place in Invoke's order, because Invoke looks only for those whose key some file has set already, cannot
take a list from one, and forgets them for a pre-task of another collection. Types and defaults are settled
here too, where a mistake can be named together with the file or the variable that made it.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from sandbox.errors import UsageError

Tree = dict[str, Any]

DEFAULT_RIGHTS = (
    "user.self.creer",  # what GET /users/info asks for
    "societe.lire",
    "societe.creer",
    "societe.client.voir",
    "societe.contact.lire",
    "societe.contact.creer",
    "produit.lire",
    "produit.creer",
    "service.lire",
    "service.creer",
    "propale.lire",
    "propale.creer",
    "commande.lire",
    "commande.creer",
    "facture.lire",
    "facture.creer",
    "fournisseur.lire",
    "fournisseur.commande.lire",
    "fournisseur.commande.creer",
    "fournisseur.facture.lire",
    "fournisseur.facture.creer",
    "banque.lire",
    "agenda.myactions.read",
    "agenda.myactions.create",
    "agenda.allactions.read",
)


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


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text")
    return value


def _url(value: object) -> str:
    text = _text(value).rstrip("/")
    try:
        parts = urlsplit(text)
        _ = parts.port  # a port that is no number raises here
    except ValueError:
        raise ValueError("an http(s) URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an http(s) URL such as https://erp-sandbox.example")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("an http(s) URL without user, password, query or fragment")
    return text


def _number(low: int, high: int) -> Callable[[object], int]:
    def convert(value: object) -> int:
        wanted = f"a whole number from {low} to {high}"
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(wanted)  # noqa: TRY004  # one kind of error for every wrong value
        try:
            number = int(value)
        except ValueError:
            raise ValueError(wanted) from None
        if not low <= number <= high:
            raise ValueError(wanted)
        return number

    return convert


def _seconds(value: object) -> float:
    wanted = "a number of seconds above 0 and at most 3600"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(wanted)  # noqa: TRY004
    try:
        seconds = float(value)
    except ValueError:
        raise ValueError(wanted) from None
    if not 0 < seconds <= 3600:  # noqa: PLR2004  # an hour
        raise ValueError(wanted)
    return seconds


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError("true or false")


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list | tuple) or not value or not all(isinstance(i, str) and i for i in value):
        raise ValueError("a list of names such as [societe.lire, banque.lire]")
    return tuple(value)


def _one_of(*choices: str) -> Callable[[object], str]:
    def convert(value: object) -> str:
        if value not in choices:
            raise ValueError(" or ".join(choices))
        return str(value)

    return convert


_DATABASE: Tree = {
    "host": _text,
    "port": _number(1, 65535),
    "name": _text,
    "user": _text,
    "maintenance": _text,
}
SCHEMA: Tree = {
    "engine": _one_of("local", "kubernetes"),
    "url": _url,
    "database": _DATABASE,
    "documents": _text,
    "prod": {"url": _url, "database": _DATABASE, "documents": _text},
    "agent": {"login": _text, "rights": _names},
    "files": {"credentials": _text, "key": _text, "env": _text, "state": _text},
    "env": {"url": _text, "key": _text},
    "refresh": {
        "strategy": _one_of("swap", "in-place"),
        "jobs": _number(1, 64),
        "neutralize": _flag,
        "script": _text,
    },
    "application": {"pause": _text, "resume": _text},
    "browser": {"executable": _text, "timeout": _seconds},
    "timeouts": {"connect": _seconds, "read": _seconds},
    "postgres": {"programs": _text, "passwords": _text},
}


def plain(tree: object) -> Any:
    """A copy of a configuration tree as dictionaries, whatever proxy it came in."""
    if hasattr(tree, "keys") and hasattr(tree, "__getitem__"):
        return {str(key): plain(tree[key]) for key in tree.keys()}  # noqa: SIM118  # Invoke's proxy
    return tree


def merged(low: Tree, high: Mapping[str, Any]) -> Tree:
    """`low` overlaid with what `high` sets; `None` sets nothing."""
    result = dict(low)
    for key, value in high.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        elif value is not None:
            result[key] = value
    return result


class _Reader:
    """Reads checked values out of a configuration tree and says where a wrong one came from."""

    def __init__(self, name: str, tree: Tree, source: Callable[[tuple[str, ...]], str]) -> None:
        self.name, self.tree, self.source = name, tree, source

    def refuse_unknown(self, tree: Tree, schema: Tree, path: tuple[str, ...] = ()) -> None:
        for key, value in tree.items():
            here = (*path, key)
            label = ".".join((self.name, *here))
            if key not in schema:
                near = difflib.get_close_matches(key, schema, 1)
                hint = f"did you mean {'.'.join((self.name, *path, near[0]))}?" if near else ""
                known = ", ".join(schema)
                raise UsageError(
                    f"unknown setting {label}{self.source(here)}", hint or f"known here: {known}"
                )
            if isinstance(schema[key], dict) and value is not None:
                if not isinstance(value, dict):
                    raise UsageError(
                        f"{label} must hold {', '.join(schema[key])}; got {_kind(value)}{self.source(here)}",
                    )
                self.refuse_unknown(value, schema[key], here)

    def get(self, path: str, default: Any = None) -> Any:
        keys = tuple(path.split("."))
        value: Any = self.tree
        convert: Any = SCHEMA
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
            convert = convert[key]
        if value is None:
            return default
        try:
            return convert(value)
        except ValueError as error:
            shown = "a text with a password in it" if "@" in str(value) else repr(value)
            raise UsageError(
                f"{self.name}.{path} must be {error}; got {shown}{self.source(keys)}",
            ) from None

    def path(self, root: Path, key: str, default: str | None = None) -> Path | None:
        text = self.get(key, default)
        return None if text is None else Path(os.path.normpath(root / Path(text).expanduser()))

    def database(self, prefix: str) -> Database | None:
        keys = [key for key in _DATABASE if self.get(f"{prefix}.{key}") is not None]
        if not keys:
            return None
        if "name" not in keys:
            raise UsageError(
                f"{self.name}.{prefix}.name is not set, though {prefix}.{keys[0]} is"
                f"{self.source((*prefix.split('.'), keys[0]))}",
            )
        return Database(**{key: self.get(f"{prefix}.{key}") for key in keys})


def _kind(value: object) -> str:
    return {str: "a text", list: "a list", bool: "true or false", int: "a number"}.get(
        type(value), "something else"
    )


def _level(config: Any, level: str, name: str) -> Tree:
    """What one of Invoke's configuration levels says of `name`; Invoke keeps them under private names."""
    tree = (getattr(config, f"_{level}", None) or {}).get(name)
    return plain(tree) if isinstance(tree, Mapping) else {}


def _sources(config: Any, name: str, base: Tree) -> Callable[[tuple[str, ...]], str]:
    """Tells which file, variable or caller set a key, highest level first."""

    def at(level: str) -> Tree:
        return base if level == "base" else _level(config, level, name)

    def source(path: tuple[str, ...]) -> str:
        for level in ("runtime", "env", "project", "user", "system", "collection", "base"):
            variable = f"INVOKE_{'_'.join((name, *path)).upper()}"
            if level == "env":
                if variable in os.environ:
                    return f" (variable {variable})"
                continue
            value: Any = at(level)
            for key in path:
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None and level in ("collection", "base"):
                return f" (collection({name!r}, …))"
            if value is not None:
                return f" (in {getattr(config, f'_{level}_path', None) or level})"
        return ""

    return source


def _environment(schema: Tree, prefix: str) -> Tree:
    """What the variables say; a key that none of them names is absent."""
    tree: Tree = {}
    for key, inner in schema.items():
        here = f"{prefix}_{key.upper()}"
        value = _environment(inner, here) if isinstance(inner, dict) else os.environ.get(here)
        if value:
            tree[key] = value
    return tree


def _variables(schema: Tree, prefix: str) -> Iterator[str]:
    for key, inner in schema.items():
        here = f"{prefix}_{key.upper()}"
        if isinstance(inner, dict):
            yield from _variables(inner, here)
        else:
            yield here


def _refuse_unknown_variables(name: str, others: list[str]) -> None:
    """Invoke ignores a variable that it does not know; a typo in one must not be silent."""
    prefix = f"INVOKE_{name.upper()}"
    known = list(_variables(SCHEMA, prefix))
    foreign = tuple(f"INVOKE_{other.upper()}_" for other in others if len(other) > len(name))
    for variable in os.environ:
        if variable.startswith(f"{prefix}_") and variable not in known and not variable.startswith(foreign):
            near = difflib.get_close_matches(variable, known, 1)
            hint = (
                f"did you mean {near[0]}?" if near else f"known ones begin with {prefix}_URL, {prefix}_ENGINE"
            )
            raise UsageError(f"unknown variable {variable}", hint)


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
    source = _sources(config, name, dict(base or {}))
    if not isinstance(given, dict):
        raise UsageError(f"{name} must hold settings; got {_kind(given)}{source(())}")
    _refuse_unknown_variables(name, [key for key in config if isinstance(key, str)])
    given = merged(
        merged(given, _environment(SCHEMA, f"INVOKE_{name.upper()}")), _level(config, "runtime", name)
    )
    reader = _Reader(name, merged(dict(base or {}), given), source)
    reader.refuse_unknown(reader.tree, SCHEMA)
    script = reader.path(root, "refresh.script")
    if script is not None and not script.is_file():
        raise UsageError(f"{name}.refresh.script is no file: {script}{source(('refresh', 'script'))}")
    passwords = reader.path(root, "postgres.passwords")
    if passwords is not None and not passwords.is_file():
        raise UsageError(
            f"{name}.postgres.passwords is no file: {passwords}{source(('postgres', 'passwords'))}",
            "make it in PostgreSQL's pgpass format, mode 600",
        )
    return Settings(
        name=name,
        root=root,
        engine=reader.get("engine"),
        sandbox=Side(
            "sandbox", reader.get("url"), reader.database("database"), reader.path(root, "documents")
        ),
        prod=Side(
            "prod",
            reader.get("prod.url"),
            reader.database("prod.database"),
            reader.path(root, "prod.documents"),
        ),
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
            neutralize=reader.get("refresh.neutralize", True),
            script=script,
        ),
        application=Application(reader.get("application.pause"), reader.get("application.resume")),
        browser=Browser(reader.path(root, "browser.executable"), reader.get("browser.timeout", 30.0)),
        timeouts=Timeouts(reader.get("timeouts.connect", 5.0), reader.get("timeouts.read", 10.0)),
        postgres=Postgres(reader.path(root, "postgres.programs"), passwords),
    )


def _some(path: Path | None) -> Path:
    assert path is not None  # noqa: S101  # a default was given
    return path
