"""The parameter `sqlfilters`: `(t.nom:like:'Rehearsal%') and (t.client:=:1)`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flask import request

from sandbox.lab.erp.rest import ApiError

_CONDITION = re.compile(
    r"\(\s*(?:t\.)?(\w+)\s*:\s*(=|!=|<=|>=|<|>|like|notlike)\s*:\s*('[^']*'|-?[\d.]+)\s*\)"
)
_OPERATORS = {
    "=": b" = ",
    "!=": b" <> ",
    "<": b" < ",
    ">": b" > ",
    "<=": b" <= ",
    ">=": b" >= ",
    "like": b" ILIKE ",
    "notlike": b" NOT ILIKE ",
}
_TEXTUAL = ("like", "notlike")


def conditions(columns: Mapping[str, bytes]) -> tuple[bytes, list[str]]:
    """The filter as the end of a WHERE clause, and the values for its places.

    Args:
        columns: what may be filtered: a name and the column's SQL.

    Raises:
        ApiError: 400, it is not understood (conditions can be joined by `and` alone); 503, no such column.
    """
    text = request.args.get("sqlfilters", "")
    if not text:
        return b"true ", []
    found = _CONDITION.findall(text)
    rest = re.sub(r"[\s()]|\band\b", "", _CONDITION.sub("", text))
    if not found or rest:
        raise ApiError(400, f"Error when validating parameter sqlfilters -> {text}")
    for name, _, _ in found:
        if name not in columns:
            raise ApiError(503, f"Error when retrieving: column t.{name} does not exist")
    parts = [
        columns[name] + (b"::text" if operator in _TEXTUAL else b"") + _OPERATORS[operator] + b"%s"
        for name, operator, _ in found
    ]
    return b" AND ".join(parts) + b" ", [value.strip("'") for _, _, value in found]
