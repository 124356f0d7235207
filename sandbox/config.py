"""What Invoke's configuration levels say of one sandbox, checked against the schema.

Files and collections come merged from Invoke. The ``INVOKE_<NAME>_…`` variables are read here at their
place in Invoke's order, because Invoke looks only for those whose key some file has set already, cannot
take a list from one, and forgets them for a pre-task of another collection.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sandbox.errors import UsageError
from sandbox.schema import DATABASE, SCHEMA, Tree

LEVELS = ("runtime", "project", "user", "system")  # Invoke's, of files, the highest first
TABLE = "correct it there; README.md has a table of all settings"
_LONGEST = 80  # characters of a wrong value that are shown


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


class Reader:
    """Reads checked values out of a configuration tree and says where a wrong one came from."""

    def __init__(self, name: str, tree: Tree, source: Callable[[tuple[str, ...]], str]) -> None:
        self.name, self.tree, self.source = name, tree, source

    def refuse_unknown(self, tree: Tree, schema: Tree, path: tuple[str, ...] = ()) -> None:
        """Name the first key that is in no schema.

        Raises:
            UsageError: there is one, or text where a group of keys belongs.
        """
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
                        f"{label} must hold {', '.join(schema[key])}; got {kind(value)}{self.source(here)}",
                        TABLE,
                    )
                self.refuse_unknown(value, schema[key], here)

    def get(self, path: str, default: Any = None) -> Any:
        """The checked value at a dotted path.

        Raises:
            UsageError: it is not what the schema asks for.
        """
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
            shown = "a text with a password in it" if "@" in str(value) else _shortened(repr(value))
            raise UsageError(
                f"{self.name}.{path} must be {error}; got {shown}{self.source(keys)}", TABLE
            ) from None

    def path(self, root: Path, key: str, default: str | None = None) -> Path | None:
        """A path, absolute, from the root; None when neither set nor given a default."""
        text = self.get(key, default)
        try:
            return None if text is None else Path(os.path.normpath(root / Path(text).expanduser()))
        except RuntimeError:
            raise UsageError(
                f"{self.name}.{key} begins with ~, and whose home that is is not known; got {text!r}"
                f"{self.source(tuple(key.split('.')))}",
                "write the whole path",
            ) from None

    def database(self, prefix: str) -> Tree | None:
        """What is set of a database, or None when nothing is.

        Raises:
            UsageError: something is, but not its name.
        """
        keys = [key for key in DATABASE if self.get(f"{prefix}.{key}") is not None]
        if not keys:
            return None
        if "name" not in keys:
            raise UsageError(
                f"{self.name}.{prefix}.name is not set, though {prefix}.{keys[0]} is"
                f"{self.source((*prefix.split('.'), keys[0]))}",
                TABLE,
            )
        return {key: self.get(f"{prefix}.{key}") for key in keys}


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def kind(value: object) -> str:
    """What a value is, in words."""
    return {str: "a text", list: "a list", bool: "true or false", int: "a number"}.get(
        type(value), "something else"
    )


def level(config: Any, which: str, name: str) -> Tree:
    """What one of Invoke's configuration levels says of `name`; Invoke keeps them under private names."""
    tree = (getattr(config, f"_{which}", None) or {}).get(name)
    return plain(tree) if isinstance(tree, Mapping) else {}


def sources(config: Any, name: str, base: Tree) -> Callable[[tuple[str, ...]], str]:
    """Tells which file, variable or caller set a key, highest level first."""

    def at(where: str) -> Tree:
        return base if where == "base" else level(config, where, name)

    def source(path: tuple[str, ...]) -> str:
        if not path:
            return _holding(config, name)
        for where in ("runtime", "env", *LEVELS[1:], "collection", "base"):
            variable = f"INVOKE_{'_'.join((name, *path)).upper()}"
            if where == "env":
                if variable in os.environ:
                    return f" (variable {variable})"
                continue
            value: Any = at(where)
            for key in path:
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None and where in ("collection", "base"):
                return f" (collection({name!r}, …))"
            if value is not None:
                return f" (in {getattr(config, f'_{where}_path', None) or where})"
        return ""

    return source


def _holding(config: Any, name: str) -> str:
    """Which file has anything under that name."""
    for where in LEVELS:
        tree = getattr(config, f"_{where}", None)
        if isinstance(tree, Mapping) and name in tree:
            return f" (in {getattr(config, f'_{where}_path', None)})"
    return ""


def refuse_missing_file(config: Any) -> None:
    """Refuse a settings file that was asked for by name (`-f`) and is not there: Invoke goes on without it.

    Raises:
        UsageError: there is none.
    """
    path = getattr(config, "_runtime_path", None)
    if path and not Path(path).expanduser().exists():
        raise UsageError(f"there is no settings file {path}", "check -f, or INVOKE_RUNTIME_CONFIG")


def read_from(config: Any) -> tuple[Path, ...]:
    """The files that Invoke's configuration was read from."""
    found = (getattr(config, f"_{where}_path", None) for where in LEVELS)
    return tuple(Path(path).absolute() for path in found if path and Path(path).is_file())


def environment(schema: Tree, prefix: str) -> Tree:
    """What the variables say; a key that none of them names is absent."""
    tree: Tree = {}
    for key, inner in schema.items():
        here = f"{prefix}_{key.upper()}"
        value = environment(inner, here) if isinstance(inner, dict) else os.environ.get(here)
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


def refuse_unknown_variables(name: str, others: list[str]) -> None:
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
