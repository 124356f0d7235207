"""Text from outside as text: what commands a terminal, or reorders what a person reads, is shown by its code.

Everything that is printed, or is part of an error's message, goes through here, and loses the secrets that
are known; JSON stays exact.
"""

from __future__ import annotations

import re
import shlex

from sandbox import redact

# control characters of both ranges, line separators, marks and overrides of the writing direction, what has
# no width (but what joins emoji and letters), tags, and surrogates: what was no UTF-8
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NAMES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_BYTES = range(0xDC80, 0xDD00)  # as Python decodes a byte that is no UTF-8
_BYTE, _PLANE = 0x100, 0x10000


def printable(text: str) -> str:
    r"""The text on one line, harmless to a terminal: `\x1b` stands for an escape, `\n` for a line's end."""
    return UNSAFE.sub(lambda found: code(found[0]), redact.text(text))


def line_of_output(text: str) -> str:
    """A line that a program of the user's printed: without its colours, and with its tabs."""
    return "\t".join(printable(part) for part in _COLOUR.sub("", text).split("\t"))


def typed(word: str) -> str:
    """A word of a command that a message gives to type: the same word to bash, whatever is in it."""
    if not UNSAFE.search(word):
        return shlex.quote(word)
    plain = word.replace("\\", r"\\").replace("'", r"\'")
    return f"$'{UNSAFE.sub(lambda found: _octets(found[0]), plain)}'"


def _octets(character: str) -> str:
    errors = "surrogateescape" if ord(character) in _BYTES else "surrogatepass"
    return "".join(f"\\{octet:03o}" for octet in character.encode("utf-8", errors))


def code(character: str) -> str:
    """How a character is written that cannot be shown."""
    number = ord(character)
    if character in _NAMES:
        return _NAMES[character]
    if number in _BYTES or number < _BYTE:
        return f"\\x{number & 0xFF:02x}"
    return f"\\u{number:04x}" if number < _PLANE else f"\\U{number:08x}"
