"""/api/index.php: the REST API's gate, its status, and who a key belongs to."""

from __future__ import annotations

import time
from datetime import datetime

from flask import Blueprint, Response, g, request

from sandbox.lab.erp import people
from sandbox.lab.erp.config import VERSION
from sandbox.lab.erp.constants import is_on
from sandbox.lab.erp.people import Person
from sandbox.lab.erp.rest import ROOT, ApiError, answer, as_php, caller
from sandbox.lab.erp.rights import has, rights_tree
from sandbox.lab.erp.words import word

routes = Blueprint("api", __name__)
_KNOWN = ("status", "users", "thirdparties", "invoices", "products")
_PENALTY = 1.0  # seconds that a wrong key costs
_NO_KEY = (
    "Failed to login to API. Neither parameter 'HTTP_DOLAPIKEY' nor 'Authentication: Bearer' found on HTTP"
    " header (and no parameter DOLAPIKEY in URL)."
)
_BAD_KEY = (
    "Error user not valid (not found with api key or bad status or bad validity dates) (conf->entity=1)"
)
_TEXTS = ("firstname", "email", "job", "gender", "civility")
_HIDDEN = ("rowid", "pass_crypted", "api_key")


@routes.before_app_request
def check() -> Response | None:
    """Let a request to the API pass only with a valid key, in Dolibarr's own order of checks."""
    if not request.path.startswith("/api/"):
        return None
    if not is_on("api"):
        return Response(word("module_off"), content_type="text/html; charset=UTF-8")
    endpoint = request.path.removeprefix(ROOT).strip("/").split("/")[0]
    if not endpoint:
        raise ApiError(404)
    if endpoint not in _KNOWN:
        text = "API not found (failed to include API file)"
        return Response(text, status=501, content_type="text/html; charset=UTF-8")
    g.caller = _authenticate()
    return None


@routes.app_errorhandler(ApiError)
def refuse(error: ApiError) -> Response:
    """Show an error as Restler does."""
    return answer({"error": {"code": error.code, "message": error.message}}, error.code)


@routes.app_errorhandler(405)
def wrong_method(_error: Exception) -> Response:
    """Nothing at this address has the method that was asked for."""
    return refuse(ApiError(405))


@routes.app_errorhandler(404)
def nothing_there(_error: Exception) -> Response:
    """An address that nothing has: JSON below the API, a page elsewhere."""
    if request.path.startswith("/api/"):
        return refuse(ApiError(404))
    text = (
        "<!doctype html><html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>"
    )
    return Response(text, status=404, content_type="text/html; charset=UTF-8")


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
    if not (person.is_admin or has(person, "user", "self", "creer") or has(person, "user", "user", "lire")):
        raise ApiError(403, "Not allowed")
    shown = {name: "" if value is None and name in _TEXTS else value for name, value in person.row.items()}
    shown = {name: value for name, value in shown.items() if name not in _HIDDEN}
    found = {"id": str(person.id), "ref": str(person.id), **as_php(shown), "status": person.text("statut")}
    wanted = request.args.get("includepermissions", "0") not in ("", "0")
    return answer({**found, "pass_crypted": None, "rights": rights_tree(person) if wanted else {}})


@routes.get(f"{ROOT}/users/<string:_text>")
def no_number(_text: str) -> Response:
    """An address whose number is none."""
    raise ApiError(400, "invalid value specified for `id`")


@routes.route(f"{ROOT}/<path:_rest>", methods=["GET", "POST", "PUT", "DELETE"])
def nothing(_rest: str) -> Response:
    """What Dolibarr does and the stand-in does not: said openly, not disguised as an answer of Dolibarr's."""
    if request.method in ("PUT", "DELETE"):
        raise ApiError(501, "the lab's stand-in does not change or delete this; Dolibarr would")
    raise ApiError(404)


def _authenticate() -> Person:
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    key = request.headers.get("DOLAPIKEY") or request.args.get("DOLAPIKEY") or bearer
    if not key:
        raise ApiError(401, _NO_KEY)
    if key.startswith("dolcrypt:"):
        raise ApiError(503, "Bad value for the API key. An API key should not start with dolcrypt:")
    person = people.by_key(key)
    if person is None or not person.is_enabled:
        time.sleep(_PENALTY)
        raise ApiError(401, _BAD_KEY)
    return person
