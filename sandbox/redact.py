"""The secrets that are known to this process, which nothing that it prints or keeps may hold.

A server may say anything, such as the key that it was just given: what it answers is redacted as it comes,
and whatever is printed is redacted once more.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any
from urllib.parse import quote

HIDDEN = "•••"
_SHORTEST = 4  # characters; fewer are in every other word, and no secret
_known: dict[str, re.Pattern[str]] = {}


def add(*secrets: str | None) -> None:
    """Redact these from now on."""
    for secret in secrets:
        if secret is not None and len(secret) >= _SHORTEST and secret not in _known:
            forms = {secret, html.escape(secret), quote(secret, safe=""), repr(secret)[1:-1]}
            forms |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
            longest = sorted(map(re.escape, forms), key=len, reverse=True)
            _known[secret] = re.compile("|".join(longest), re.IGNORECASE)


def text(given: str) -> str:
    """The text without any of the secrets, as written, quoted or in other letters' case."""
    for secret in sorted(_known, key=len, reverse=True):
        given = _known[secret].sub(HIDDEN, given)
    return given


def tree(given: Any) -> Any:
    """What JSON can hold, its names too, without any of the secrets."""
    if isinstance(given, dict):
        return {text(str(name)): tree(value) for name, value in given.items()}
    if isinstance(given, list | tuple):
        return [tree(value) for value in given]
    if given is None or isinstance(given, bool | float):
        return given
    cleaned = text(str(given))
    return given if isinstance(given, int) and cleaned == str(given) else cleaned


def known() -> list[str]:
    """All of them, for what a page must not show."""
    return list(_known)
