"""What every part of the REST API uses: its errors, its JSON, and what came with a request."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Response, g, json, request

from sandbox.lab.erp.people import Person
from sandbox.lab.erp.rights import has

ROOT = "/api/index.php"
_NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}
_MOST = 1000  # rows in one answer


class ApiError(Exception):
    """An answer that is not 200."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = f"{_NAMES[code]}: {reason}" if reason else _NAMES[code]


def caller() -> Person:
    """The person whose key came with the request."""
    person: Person = g.caller
    return person


def require(*path: str, reason: str = "") -> None:
    """Go on only if the caller has a right.

    Raises:
        ApiError: 403, as since version 20; older ones say 401.
    """
    if not has(caller(), *path):
        raise ApiError(403, reason)


def answer(value: object, code: int = 200) -> Response:
    """A JSON answer; a copy of PHP's text is not the aim, its values are."""
    text = json.dumps(value, indent=4, sort_keys=False)
    return Response(text, status=code, content_type="application/json; charset=utf-8")


def listed(found: list[dict[str, Any]], nothing: str) -> Response:
    """A list of rows; none at all is an error, as in Dolibarr.

    Raises:
        ApiError: 404, with the text `nothing`.
    """
    if not found:
        raise ApiError(404, nothing)
    return answer([as_php(row) for row in found])


def as_php(row: dict[str, Any]) -> dict[str, Any]:
    """A row as Dolibarr's API shows one: numbers as text, times in seconds since the epoch."""
    return {name: _scalar(value) for name, value in row.items()}


def body() -> dict[str, Any]:
    """The request's JSON object.

    Raises:
        ApiError: 400, it is none.
    """
    found = request.get_json(silent=True)
    if not isinstance(found, dict):
        raise ApiError(400, "Error encoding/decoding JSON: Syntax error")
    return found


def window() -> tuple[int, int]:
    """How many rows to give and how many to skip, from the parameters `limit` and `page`."""
    limit = min(max(request.args.get("limit", 100, type=int), 1), _MOST)
    return limit, limit * max(request.args.get("page", 0, type=int), 0)


def whole(given: dict[str, Any], name: str) -> int:
    """A field as a whole number, 0 when it is absent.

    Raises:
        ApiError: 400, it is no number.
    """
    return int(amount(given, name))


def amount(given: dict[str, Any], name: str) -> Decimal:
    """A field as a decimal number, 0 when it is absent.

    Raises:
        ApiError: 400, it is no number.
    """
    try:
        number = Decimal(str(given.get(name) or 0))
    except InvalidOperation:
        raise ApiError(400, f"invalid value specified for `{name}`") from None
    if not number.is_finite():
        raise ApiError(400, f"invalid value specified for `{name}`")
    return number


def _scalar(value: object) -> object:
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day).astimezone().timestamp())
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int | Decimal):
        return str(value)
    return value
