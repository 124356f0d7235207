"""The text from which an AI agent runs the whole cycle."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from sandbox.errors import Failed

NAME = "dolibarr-sandbox"


def text() -> str:
    """SKILL.md, as packaged."""
    return resources.files(__name__).joinpath("SKILL.md").read_text(encoding="utf-8")


def install(folder: Path, *, dry: bool = False) -> Path:
    """Write SKILL.md into ``<folder>/dolibarr-sandbox/`` and return its path.

    Raises:
        Failed: the folder cannot be written.
    """
    path = folder / NAME / "SKILL.md"
    if dry:
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(), encoding="utf-8")
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror}") from None
    return path
