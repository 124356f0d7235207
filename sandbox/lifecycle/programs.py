"""Programs in their own language: package data beside this file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def sql(name: str) -> str:
    """The SQL of a file; comments there stand on lines of their own, or after two blanks."""
    lines = _text(f"{name}.sql").split("\n")
    bare = (line.split("  -- ")[0].rstrip() for line in lines if not line.startswith("--"))
    return "\n".join(line for line in bare if line) + "\n"


@cache
def shell(name: str) -> str:
    """The shell text of a file."""
    return _text(f"{name}.sh")


def _text(name: str) -> str:
    return (files("sandbox.lifecycle") / name).read_text(encoding="utf-8")
