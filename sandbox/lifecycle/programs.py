"""Programs in their own language: package data beside this file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def sql(name: str) -> str:
    """The SQL of a file, without comments and indentation: it becomes a part of a longer text.

    Comments there stand on lines of their own, or after two blanks; no text of more than one line is in it.
    """
    lines = _text(f"{name}.sql").split("\n")
    bare = (line.split("  -- ")[0].strip() for line in lines if not line.strip().startswith("--"))
    return "\n".join(line for line in bare if line) + "\n"


@cache
def shell(name: str) -> str:
    """The shell text of a file, from its first line that is no comment."""
    lines = _text(f"{name}.sh").split("\n")
    return "\n".join(line for line in lines if not line.startswith("#"))


def _text(name: str) -> str:
    return (files("sandbox.lifecycle") / name).read_text(encoding="utf-8")
