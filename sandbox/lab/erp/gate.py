"""What stands before every page: the token against forged requests, and the login form."""

from __future__ import annotations

import re
import time
from urllib.parse import urlencode

import psycopg
from flask import Blueprint, Response, g, make_response, redirect, render_template, request
from werkzeug.datastructures import MultiDict

from sandbox.lab.erp import people
from sandbox.lab.erp.config import VERSION
from sandbox.lab.erp.constants import constants
from sandbox.lab.erp.database import change
from sandbox.lab.erp.people import Person
from sandbox.lab.erp.sessions import forget_session, send_cookie, session
from sandbox.lab.erp.words import language, word

pages = Blueprint("gate", __name__)
_SENSITIVE = re.compile(
    r"(confirm_)?(add|classify|close|confirm|copy|del|disable|enable|remove|set|unset|update|save)"
)
_FORGED = "Access to {} is refused by CSRF protection in main.inc.php. Token not provided.\n"
_THIS_WAY = "this page this way (POST method or GET with a sensible value for 'action' parameter)"
_STRICT = "/user/perms.php"  # any action there needs a token
_STRICT_WAY = "a page that needs a token (constant CSRFCHECK_WITH_TOKEN is defined)"
_PENALTY = 1.0  # seconds that a wrong password costs


def visitor() -> Person:
    """The person who is logged in; there is one wherever a page is shown."""
    person: Person = g.visitor
    return person


def given() -> MultiDict[str, str]:
    """The parameters of this request that count: none of an action when its token was wrong."""
    values: MultiDict[str, str] = g.given
    return values


@pages.before_app_request
def check() -> Response | None:
    """Check the token, then show the login form to whoever is not logged in; the API has its own gate."""
    if request.path.startswith("/api/"):
        return None
    g.given = MultiDict(request.values)
    refused = _check_token()
    if refused is not None:
        return refused
    if given().get("actionlogin") == "login" and given().get("username"):
        _log_in(given()["username"], given().get("password", ""))
        if session().login:
            g.given = MultiDict(request.args)  # the page that was asked for, without the form's fields
            given().poplist("action")
    person = _known(session().login)
    if person is None or not person.is_enabled:
        session().login = ""
        return _login_form()
    g.visitor = person
    g.pop("language", None)  # it may be another than the login form's
    return None


pages.after_app_request(send_cookie)


@pages.route("/", methods=["GET", "POST"])
@pages.route("/index.php", methods=["GET", "POST"])
def home() -> str:
    """The page after a login."""
    return page("home.html", title=word("home"))


@pages.get("/user/logout.php")
def log_out() -> Response:
    """End the session; a wrong token only goes home."""
    if given().get("token") == session().token:
        forget_session()
    return make_response(redirect("/index.php"))


def page(template: str, *, title: str, **values: object) -> str:
    """Render a page with what each of them shows."""
    settings = constants()
    return render_template(
        template,
        title=title,
        word=word,
        language=language(),
        token=session().token,
        messages=session().take_messages(),
        visitor=g.get("visitor"),
        version=VERSION,
        application=settings.get("MAIN_APPLICATION_TITLE") or "Dolibarr",
        header=settings.get("MAIN_HTML_HEADER", ""),
        company=settings.get("MAIN_INFO_SOCIETE_NOM", ""),
        home=settings.get("MAIN_HOME", ""),
        **values,
    )


def denied() -> str:
    """The page for who may not see one; Dolibarr answers 200 with it."""
    return page("denied.html", title=word("denied"))


def _check_token() -> Response | None:
    action = given().get("action", "")
    token = given().get("token", "")
    strict = request.path == _STRICT
    needed = request.method == "POST" or "massaction" in given() or _SENSITIVE.match(action)
    if (needed or (strict and action)) and not token:
        text = _FORGED.format(_STRICT_WAY if strict else _THIS_WAY)
        return Response(text, status=403, content_type="text/html; charset=UTF-8")
    if token and token != session().token:
        session().say(word("expired"), "warning")
        number = request.form.get("id")
        kept = {"id": number} if number else {}
        gone = ("action", "confirm", "massaction", "token")
        g.given = MultiDict({key: value for key, value in request.args.items() if key not in gone} | kept)
    return None


def _log_in(login: str, password: str) -> None:
    person = people.by_login(login)
    if person is not None and person.is_enabled and people.knows(person, password):
        session().login = person.login
        change(
            b"""UPDATE llx_user SET datepreviouslogin = datelastlogin, datelastlogin = now(),
                  ippreviouslogin = iplastlogin, iplastlogin = %s WHERE rowid = %s""",
            request.remote_addr,
            person.id,
        )
        return
    time.sleep(_PENALTY)
    session().say(word("bad_password"))


def _known(login: str) -> Person | None:
    if not login:
        return None
    try:
        return people.by_login(login)
    except psycopg.errors.UndefinedTable:  # an empty database: Dolibarr shows its login form
        return None


def _login_form() -> Response:
    kept = {key: value for key, value in request.args.items() if key not in ("action", "token", "mainmenu")}
    target = "/index.php" if request.path == "/" else request.path
    target += "?" + urlencode({**kept, "mainmenu": "home"})
    tried = given().get("username", "")
    return make_response(page("login.html", title=word("login"), target=target, tried=tried))
