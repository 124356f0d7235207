"""What programs print and names hold arrives as it is, and reaches no terminal as anything but text."""

from __future__ import annotations

import json
import os
import re
import sys
from shlex import quote

import pytest
from invoke.config import Config
from invoke.context import Context

from sandbox.console import Console, Lines
from sandbox.errors import Failed
from sandbox.printable import printable, typed
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
    told = observe(context(), f"{quote(sys.executable)} -c {quote(_IN_PIECES)}").stdout
    assert told == _TEXT * 20_000


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


HOSTILE = (
    "\x1b]0;title\x07",
    "\x1b[2J",
    "\x9b31m",
    "a\rb",
    "one\nnext: rm -rf /",
    "\u202eexe.pdf",
    "\u2066x\u2069",
    "\u200ex\u200f",
    "\u2028\u2029\x85",
    "\ud800",
    os.fsdecode(b"\xff"),
    "[red]x[/red] [/] :smile:",
)
_COMMANDS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def said(text: str) -> None:
    """Nothing of it commands a terminal, and each value stands there as it is, or by its code."""
    assert not _COMMANDS.search(text)
    for value in HOSTILE:
        assert printable(value) in text


def test_no_way_to_a_terminal_lets_a_command_through(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    for value in HOSTILE:
        console.say(value)
    said(capsys.readouterr().out)
    for value in HOSTILE:
        console.show(None, [(value, "x")], "title")
        console.show(None, [("label", value)], value)
    said(capsys.readouterr().out)
    for value in HOSTILE:
        Lines().note(value)
        print(Failed(value, value), file=sys.stderr)  # noqa: T201
    said(capsys.readouterr().err)
    for value in HOSTILE:
        context(dry=True).run(f"echo {value}")
    assert not _COMMANDS.search(capsys.readouterr().out.replace("\x1b[1;37m", "").replace("\x1b[0m", ""))


def test_a_scripts_own_line_keeps_its_tabs_and_loses_its_colours(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().note("\x1b[1;32mok\x1b[0m\tdone \x1b[2J")
    assert capsys.readouterr().err == "ok\tdone \\x1b[2J\n"


def test_an_error_is_exact_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    for value in HOSTILE:
        Console(as_json=True).failed(Failed(value, "step"))
        assert json.loads(capsys.readouterr().out)["error"] == value


def test_what_joins_letters_and_emoji_is_left_alone() -> None:
    for text in ("👩‍👩‍👧", "می‌خواهم", "e\u0301", "\u00a0", "漢字"):
        assert printable(text) == text


@pytest.mark.parametrize("word", [*HOSTILE[:9], HOSTILE[10], "plain", "it's \\ $(x)\t"])
def test_a_word_to_type_is_the_same_to_the_shell(word: str) -> None:
    harmless = typed(word)
    assert printable(harmless) == harmless
    assert observe(context(), f"printf %s {harmless}").stdout == word
