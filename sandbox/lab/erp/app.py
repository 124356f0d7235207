"""The Flask application: what every request goes through, and where the pages are."""

from __future__ import annotations

from pathlib import Path

import psycopg
from flask import Flask, Response, current_app, make_response, redirect, request

from sandbox.lab.erp import (
    api,
    api_invoices,
    api_products,
    api_thirdparties,
    cards,
    database,
    gate,
    listing,
    permissions,
)
from sandbox.lab.erp.config import VERSION, Config
from sandbox.lab.erp.constants import constants

_TEMPLATES = Path(__file__).parents[1] / "templates"


def create_app(config: Config) -> Flask:
    """Make the application for one sandbox."""
    app = Flask(__name__, template_folder=str(_TEMPLATES), static_folder=None)
    app.config["LAB"] = config
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.before_request(_refuse_old_database)
    for shown in (gate, cards, listing, permissions):
        app.register_blueprint(shown.pages)
    for served in (api, api_thirdparties, api_invoices, api_products):
        app.register_blueprint(served.routes)
    app.teardown_appcontext(database.close)
    app.register_error_handler(psycopg.Error, _technical_error)
    app.after_request(_as_php)
    return app


def _refuse_old_database() -> Response | None:
    """A database that an older version left sends every request, the API's too, to the upgrade page."""
    settings = constants()
    last = settings.get("MAIN_VERSION_LAST_UPGRADE") or settings.get("MAIN_VERSION_LAST_INSTALL")
    if last and _numbers(last) < _numbers(VERSION) and not request.path.startswith("/install/"):
        return make_response(redirect("/install/index.php"))
    return None


def _numbers(version: str) -> tuple[int, ...]:
    digits = version.split("-", maxsplit=1)[0].split(".")
    return tuple(int(part) for part in digits if part.isdigit())


def _technical_error(error: Exception) -> Response:
    """A database that is away or refuses: 202 and a text, which is what Dolibarr 23 answers."""
    kind = type(error).__name__
    current_app.logger.warning("%s %s: %s", request.method, request.path, kind)  # a message may hold data
    text = (
        "This website or feature is currently temporarily not available or failed after a technical error."
        f"<br><br>An error has been detected ({kind})."
    )
    return Response(text, status=202, content_type="text/html; charset=UTF-8")


def _as_php(response: Response) -> Response:
    if response.content_type == "text/html; charset=utf-8":
        response.content_type = "text/html; charset=UTF-8"
    return response
