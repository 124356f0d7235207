"""What programs print and names hold arrives as it is, and reaches no terminal as anything but text."""

from __future__ import annotations

import sys
from shlex import quote

from invoke.config import Config
from invoke.context import Context

from sandbox.process import Process
from sandbox.shell import change, lines, observe, records
from tests.worlds import context

_SPLIT_ELSEWHERE = "\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
_TEXT = "Référence 漢字 😀 "
_IN_PIECES = f"""import os
data = {_TEXT!r}.encode() * 20_000
for at in range(0, len(data), 997):
    os.write(1, data[at:at + 997])
"""


def test_output_cut_within_characters_stays_what_was_printed() -> None:
    said = observe(context(), f"{quote(sys.executable)} -c {quote(_IN_PIECES)}").stdout
    assert said == _TEXT * 20_000


def test_output_that_is_no_text_becomes_the_same_bytes_again() -> None:
    name = observe(context(), r"printf 'a\377\303 b'").stdout
    told = change(context(), f"printf %s {quote(name)} | od -An -tx1").stdout
    assert told.split() == ["61", "ff", "c3", "20", "62"]


def test_output_is_utf_8_whatever_is_configured() -> None:
    settings = {"run": {"encoding": "latin-1"}, "runners": {"local": Process}}
    assert observe(Context(Config(overrides=settings)), "printf 'é€'").stdout == "é€"


def test_lines_end_at_newlines_alone() -> None:
    line = _SPLIT_ELSEWHERE.join("ab")
    assert lines(f"{line}\n\n{line}\n") == [line, "", line]
    assert lines(f"{line}\n{line}") == [line, line]
    assert lines("") == []
    assert records(f"{line}\n\0\0") == [f"{line}\n", ""]
