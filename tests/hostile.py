"""Values and names that break what reads them as lines, words, markup, or as what a terminal obeys."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

from sandbox.guard import MARK
from sandbox.postgres import identifier, literal

SPECIAL = "\x1b]0;x\x07 \u202eb\u2066c\u2028d\u2029e\x85f\u200eg\x9bh\r\n\ti"
# each becomes a row; what a text column can hold
VALUES = (
    *("", " ", "\\", "\\N", "\\.", "\\.\n", "NULL", "null", "-0", "NaN", "Infinity", "0x10", "1e400"),
    *("\n", "\r\n", "\t", "\v\f", "\x01\x02\x03", "\x1c\x1d\x1e\x1f", "\x7f", "\x80\x9f", "\x85", "\xa0"),
    *("\u2028", "\u2029", "\u200b\u200e\u200f", "\ufeff", "\ufffd", "\uffff", "\U0010ffff"),
    *("\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b[2J\x1b[H", "\x9b2J", "\x08\x08\x08"),
    *("\u202egnp.exe", "\u202a\u202b\u202c\u202d", "\u2066\u2067\u2068\u2069", "\u061c"),
    *("'", '"', "''", "$$", "$(touch x)", "`touch x`", "'\"\\;$(x)", ";DROP TABLE x;--", "%s%n%I%L", "{0}"),
    *(":name :'name'", "\\gexec", "\\! touch x", "[red]x[/red] [/]", ":smile:", "<script>&amp;</script>"),
    *('{"a": 1}', "[1]", "END_OF_INPUT\nEND_OF_INPUT_", "dolibarr-sandbox stage swap"),
    *(
        "Référence",
        "漢字かな交じり文",
        "😀👩‍👩‍👧🏳️‍🌈",
        "e\u0301\u0323a\u030a",
        "שלום مرحبا",
        "ß \u017f \u0131 İ",
        "\U0001d4d0",
    ),
    *("x" * 1_000_000, "é漢😀" * 111_000, SPECIAL),
)
NUMBERS = ("NaN", "Infinity", "-Infinity", "0", "-0", "0.10", "1e-20", "9" * 60, "1e4900")
FLOATS = ("NaN", "Infinity", "-Infinity", "0", "-0", "1e-308", "0.1", "1e308", "5e-324")
NAMES = (
    *("a\nb", "a\tb\r", "\x1b[31mred", "\u202eeman", "\u2028\x85", "é漢😀e\u0301", "x" * 63, "é" * 31),
    *("'\"\\;$(x)`x`", "%s%I:'x'", "[red]x[/]", "-rf", " a ", "select", "a.b", "<b>&amp;", "{}", "\\.", "\\"),
)
FILES = (
    *(os.fsencode(name.replace("/", "")) for name in NAMES),
    *(
        b"\xff\xfe",
        b"\xe9t\xe9 latin-1",
        b"a\nb\n",
        b"*?[",
        b"~",
        b"#x",
        b"n" * 255,
        b"a  b ",
        b"--",
        b"\x01",
    ),
)
_TABLE = """
CREATE TABLE llx_hostile (rowid integer PRIMARY KEY, value text, num numeric, flt float8, raw bytea, doc json,
  at timestamp, list text[]);
"""


def schema() -> str:
    """SQL: a table of values, and a table with a column of each name."""
    named = (
        f"CREATE TABLE {identifier(name)} ({identifier(name)} text PRIMARY KEY, rest text);\n"
        for name in NAMES
    )
    return _TABLE + "".join(named)


def rows(shift: int) -> str:
    """SQL: each row has another value than with another shift."""
    whole = (
        f"INSERT INTO llx_hostile VALUES {', '.join(_row(number, shift) for number in range(len(VALUES)))};\n"
    )
    rest = f"{literal(VALUES[shift])}), ('x', '{shift}');\n"
    return whole + "".join(
        f"INSERT INTO {identifier(name)} VALUES ({literal(name)}, {rest}" for name in NAMES
    )


def _row(number: int, shift: int) -> str:
    value, at = _at(VALUES, number + shift), ("infinity", "-infinity", "0044-03-15 BC")
    words = (
        *(f"{number}", literal(value), literal(_at(NUMBERS, number + shift))),
        *(literal(_at(FLOATS, number + shift)), f"convert_to({literal(value)}, 'UTF8')"),
        *(
            f"""'{{"a":\n {number + shift}}}'""",
            literal(_at(at, shift)),
            f"ARRAY[{literal(value[:99])}, NULL]",
        ),
    )
    return f"({', '.join(words)})"


def _at(values: tuple[str, ...], number: int) -> str:
    return values[number % len(values)]


def files(folder: Path, text: str) -> None:
    """A file of each name, in a folder with another, with a link to each."""
    inner = folder / os.fsdecode(b"\x1b[31m\xff\n\xe2\x80\xae")
    inner.mkdir()
    for name in map(os.fsdecode, FILES):
        (inner / name).write_bytes(os.fsencode(text + name))
        (inner / f"{name[:120]}.ln").symlink_to(name)


def found(folder: Path) -> dict[str, bytes]:
    """All that is in a folder, byte for byte, but our mark."""
    paths = [path for path in folder.rglob("*") if path.name != MARK]
    return {
        str(path.relative_to(folder)): os.fsencode(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in paths
        if path.is_symlink() or path.is_file()
    }


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def text_of(html: str) -> str:
    """The text of a page."""
    reader = _Reader()
    reader.feed(html)
    return "".join(reader.parts)


OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def harmless(text: str) -> str:
    """The text, in which nothing commands a terminal or turns the direction of reading."""
    hit = OBEYED.search(text)
    assert hit is None, (hit, text[max(0, hit.start() - 60) : hit.start() + 60])
    return text
