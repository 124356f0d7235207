"""Programs in their own language: package data beside this file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def sql(name: str) -> str:
    """The SQL of a file, without comments and indentation: it becomes a part of a longer text.

    Comments there stand on lines of their own, or after two blanks; no text of more than one line is in it.
    """
    lines = text(f"{name}.sql").split("\n")
    bare = (line.split("  -- ")[0].strip() for line in lines if not line.strip().startswith("--"))
    return "\n".join(line for line in bare if line) + "\n"


@cache
def shell(name: str) -> str:
    """The shell text of a file, from its first line that is no comment."""
    lines = text(f"{name}.sh").split("\n")
    return "\n".join(line for line in lines if not line.startswith("#"))


@cache
def text(name: str) -> str:
    """A file as it stands, by its whole name."""
    return (files("sandbox.lifecycle") / name).read_text(encoding="utf-8")
