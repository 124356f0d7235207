"""/api/index.php: the REST API's gate, its status, and who a key belongs to."""

from __future__ import annotations

import time
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, g, json, request

from sandbox.lab.erp import people
from sandbox.lab.erp.config import VERSION
from sandbox.lab.erp.constants import is_on
from sandbox.lab.erp.people import Person
from sandbox.lab.erp.rights import has, rights_tree
from sandbox.lab.erp.words import word

routes = Blueprint("api", __name__)
ROOT = "/api/index.php"
_KNOWN = ("status", "users", "thirdparties", "invoices", "products")
_PENALTY = 1.0  # seconds that a wrong key costs
_NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


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
    """A JSON answer; an exact copy of PHP's text is not the aim, its values are."""
    text = json.dumps(value, indent=4, sort_keys=False)
    return Response(text, status=code, content_type="application/json; charset=utf-8")


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


@routes.before_app_request
def check() -> Response | None:
    """Let a request to the API pass only with a valid key, in Dolibarr's own order of checks."""
    if not request.path.startswith(f"{ROOT}/") and request.path != ROOT:
        return None
    if not is_on("api"):
        return Response(word("module_off"), content_type="text/html; charset=UTF-8")
    endpoint = request.path.removeprefix(ROOT).strip("/").split("/")[0]
    if endpoint and endpoint not in _KNOWN:
        text = "API not found (failed to include API file)"
        return Response(text, status=501, content_type="text/html; charset=UTF-8")
    if not endpoint:
        raise ApiError(404)
    g.caller = _authenticate()
    return None


@routes.app_errorhandler(ApiError)
def refuse(error: ApiError) -> Response:
    """Show an error as Restler does."""
    return answer({"error": {"code": error.code, "message": error.message}}, error.code)


@routes.app_errorhandler(405)
def wrong_method(_error: Exception) -> Response:
    """No page has the method that was asked for."""
    return refuse(ApiError(405))


@routes.get(f"{ROOT}/status")
def status() -> Response:
    """Any valid key may know the version."""
    now = datetime.now().astimezone()
    return answer(
        {
            "success": {
                "code": 200,
                "dolibarr_version": VERSION,
                "access_locked": "0",
                "environment": "non-production",
                "timestamp_now_utc": int(now.timestamp()),
                "timestamp_php_tz": str(now.tzinfo),
                "date_tz": f"{now:%Y-%m-%d %H:%M:%S}",
            }
        }
    )


@routes.get(f"{ROOT}/users/info")
def who_am_i() -> Response:
    """The caller's own user, for who may read or change it."""
    person = caller()
    allowed = person.is_admin or has(person, "user", "self", "creer") or has(person, "user", "user", "lire")
    if not allowed:
        raise ApiError(403, "Not allowed")
    shown = {
        name: value for name, value in person.row.items() if name not in ("pass_crypted", "api_key", "rowid")
    }
    found = {"id": str(person.id), "ref": str(person.id), **as_php(shown), "status": person.text("statut")}
    wanted = request.args.get("includepermissions", "0") not in ("", "0")
    return answer({**found, "pass_crypted": None, "rights": rights_tree(person) if wanted else {}})


@routes.route(f"{ROOT}/<path:_rest>", methods=["GET", "POST", "PUT", "DELETE"])
def nothing(_rest: str) -> Response:
    """An address that no endpoint has."""
    raise ApiError(404)


def _authenticate() -> Person:
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    key = request.headers.get("DOLAPIKEY") or request.args.get("DOLAPIKEY") or bearer
    if not key:
        raise ApiError(
            401,
            "Failed to login to API. Neither parameter 'HTTP_DOLAPIKEY' nor 'Authentication: Bearer' found on"
            " HTTP header (and no parameter DOLAPIKEY in URL).",
        )
    if key.startswith("dolcrypt:"):
        raise ApiError(503, "Bad value for the API key. An API key should not start with dolcrypt:")
    person = people.by_key(key)
    if person is None or not person.is_enabled:
        time.sleep(_PENALTY)
        raise ApiError(
            401,
            "Error user not valid (not found with api key or bad status or bad validity dates) (conf->entity=1)",
        )
    return person


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
