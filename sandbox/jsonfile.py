"""Small JSON files of ours: replaced in one step, on disk before anybody goes on, mode 600."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox import textfile
from sandbox.errors import Failed
from sandbox.unexpected import explained


def replace(path: Path, content: dict[str, Any]) -> None:
    """Write a file that takes the old one's place.

    Raises:
        Failed: it cannot be written; the old one stays, and nothing beside it.
    """
    new = Path(f"{path}.new")  # always the same name, so that a killed run leaves at most one
    with writing(path):
        try:
            with open(new, "w", encoding="utf-8", opener=_private) as file:  # Path.open has no opener
                json.dump(content, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError:
            new.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say of a write in this block which file it was about."""
    try:
        yield
    except OSError as error:
        why = explained(error)
        raise Failed(f"{path} cannot be written: {error.strerror}", why.next_step) from error


class Damaged(ValueError):
    """What was kept cannot be read, or is no JSON object; it says why."""


def read(path: Path) -> dict[str, Any] | None:
    """What a file says; None when it is not there.

    Raises:
        Damaged: it is there, and cannot be read.
    """
    try:
        text = textfile.read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Damaged(error.strerror or "it cannot be read") from None
    return parsed(text)


def parsed(text: str) -> dict[str, Any]:
    """The JSON object of a text.

    Raises:
        Damaged: it is none.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"it is no JSON: {error}" if text.strip() else "it is empty") from None
    if not isinstance(found, dict):
        raise Damaged("it is no JSON object")
    return found


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
