"""Read JSON into a dataclass, or say where it is not as its fields' types say.

What was written to a file, an annotation or a comment may come back damaged, edited, or from another version.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
_LARGEST = 2**127  # beyond any sum of hashes


class NotTyped(ValueError):
    """What was read is not what the dataclass says.

    Args:
        at: the path of the field; empty: the whole.
        why: what is wrong with it.
    """

    def __init__(self, at: str, why: str) -> None:
        super().__init__(f"{at or 'it'} {why}")


def typed(kind: type[T], told: object) -> T:
    """The dataclass `kind`, made of what JSON told.

    Raises:
        NotTyped: a field is missing, unknown or of another type.
    """
    made: T = _dataclass(kind, told, "")
    return made


def _dataclass(kind: Any, told: object, at: str) -> Any:
    if not isinstance(told, dict):
        raise NotTyped(at, "is no object")
    known = {one.name: one for one in dataclasses.fields(kind) if one.init}
    for name in told:
        if name not in known:
            raise NotTyped(_below(at, name), "is unknown")
    given = {}
    for name, one in known.items():
        if name in told:
            given[name] = _value(_hints(kind)[name], told[name], _below(at, name))
        elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            raise NotTyped(_below(at, name), "is missing")
    return kind(**given)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _below(at: str, name: object) -> str:
    return f"{at}.{name}".lstrip(".")


def _value(kind: Any, told: object, at: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return told
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, told, at)
    if origin in (Union, types.UnionType):
        rest = [one for one in inner if one is not type(None)]
        return None if told is None and len(rest) < len(inner) else _value(rest[0], told, at)
    if origin in (dict, Mapping):
        return _mapping(inner[1], told, at)
    if origin in (list, tuple):
        if not isinstance(told, list):
            raise NotTyped(at, "is no list")
        return origin(_value(inner[0], one, f"{at}[{place}]") for place, one in enumerate(told))
    return _plain(kind, told, at)


def _mapping(kind: Any, told: object, at: str) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise NotTyped(at, "is no object")
    return {str(name): _value(kind, one, _below(at, name)) for name, one in told.items()}


def _plain(kind: Any, told: object, at: str) -> Any:
    if kind is float and type(told) is int:
        told = float(told) if abs(told) < _LARGEST else told
    if type(told) is not kind:  # a bool is no number here
        raise NotTyped(at, f"is no {_NAMES[kind]}")
    if isinstance(told, int) and abs(told) >= _LARGEST:
        raise NotTyped(at, "is too large a number")
    if isinstance(told, str) and not _sound(told):
        raise NotTyped(at, "holds what is no text")
    return told


def _sound(text: str) -> bool:
    """Whether a text can be written to a file, a command line and a database."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false"}
