""".env and key files: born with mode 600, replaced atomically, refused where git tracks them.

`dotenv.set_key` is not used to write: it leaves a file of mode 644 at 644 and replaces the file once per key.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from sandbox import privatefile, redact, textfile, tracked
from sandbox.errors import Failed, UsageError

SECRET_MODE = 0o600
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,-]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BINDING = re.compile(
    r"""(?P<lead>\s*(?:export[^\S\r\n]+)?)(?:'[^']+'|[^=\#\s]+)[^\S\r\n]*
        (?:=[^\S\r\n]*(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\r\n]*?))?
        (?P<tail>(?:[^\S\r\n]+\#[^\r\n]*)?[^\S\r\n]*(?:\r\n|\n|\r|$))""",
    re.VERBOSE | re.DOTALL,
)


def read_text(path: Path) -> str | None:
    """The file's text with its line ends as they are, or None when there is no such file.

    Raises:
        UsageError: it is there, but cannot be read or is not UTF-8.
    """
    try:
        return textfile.read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        why = f"{path} cannot be read: {error.strerror}"
        raise UsageError(why, "correct it, or name another file in the settings") from None


def read_secret(path: Path) -> str | None:
    """The one secret that a key file holds, without white space around it; None when missing or empty."""
    secret = (read_text(path) or "").strip() or None
    redact.add(secret)
    return secret


def read_values(path: Path) -> dict[str, str]:
    """The names and values of a .env file, nothing interpolated; empty when there is no such file."""
    text = read_text(path)
    values = dotenv_values(stream=StringIO(text or ""), interpolate=False)
    return {name: value or "" for name, value in values.items()}


def mode_of(path: Path) -> int | None:
    """The file's permission bits, or None when there is no such file."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def quoted(value: str) -> str:
    r"""How a value is written so that python-dotenv reads the same one back.

    Raises:
        UsageError: no .env can hold it (a NUL, or half of a surrogate pair).
    """
    if "\0" in value or _has_lone_surrogate(value):
        raise UsageError("a value with a NUL or a broken character cannot be written into a .env file")
    if _PLAIN.fullmatch(value) or not value:
        return value
    escaped = value.replace("\\", "\\\\")
    if "\r" not in value:
        return "'" + escaped.replace("'", "\\'") + "'"
    # readers fold a bare carriage return into a line feed, unless it is written as an escape
    return '"' + escaped.replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n") + '"'


def _has_lone_surrogate(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return True
    return False


def with_values(text: str, values: Mapping[str, str]) -> str:
    """`text` with the given names set; every other line, comment and line end stays as it is.

    A name that stands there more than once is set at its first place and taken out of the others, so
    that no old secret lingers; a missing one is added at the end.
    """
    for name in values:
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r} is no name for a .env file", "use letters, digits and underscores")
    newline = "\r\n" if "\r\n" in text else "\n"
    bom = "\ufeff" if text.startswith("\ufeff") else ""
    parts, left = [bom], dict(values)
    for binding in parse_stream(StringIO(text, newline="")):
        if binding.error or binding.key not in values:
            parts.append(binding.original.string)
        elif binding.key in left:
            parts.append(_replaced(binding, left.pop(binding.key), newline))
    for name, value in left.items():
        if parts[-1].strip("\ufeff") and not parts[-1].endswith(("\n", "\r")):
            parts.append(newline)
        parts.append(f"{name}={quoted(value)}{newline}")
    return "".join(parts)


def _replaced(binding: Binding, value: str, newline: str) -> str:
    match = _BINDING.fullmatch(binding.original.string)
    lead, tail = (match["lead"], match["tail"]) if match else ("", newline)
    return f"{lead}{binding.key}={quoted(value)}{tail}"


def set_values(path: Path, values: Mapping[str, str]) -> None:
    """Set names in a .env file, once and atomically; made with its folder when it is not there."""
    write_secret(path, with_values(read_text(path) or "", values))


def write_secret(path: Path, text: str) -> None:
    """Write a file that nobody else can read, at no moment: a new file of mode 600 takes its place.

    A symbolic link keeps pointing; its target is replaced. Run as root, the file keeps its owner.

    Raises:
        Refused: git tracks the file, or cannot tell.
        Failed: the folder or the file cannot be written; the old file is as it was.
    """
    tracked.refuse(path)
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        privatefile.replace(target, text, keep_owner=True)
    except OSError as error:
        raise Failed(
            f"cannot write {path}: {error.strerror}", "check the folder's owner and free space"
        ) from None
