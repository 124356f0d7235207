"""/user/card.php: a user created, shown, changed, enabled."""

from __future__ import annotations

import secrets
from typing import Any

import psycopg
from flask import Blueprint, Response, make_response, redirect

from sandbox.lab.erp import people
from sandbox.lab.erp.constants import is_on
from sandbox.lab.erp.gate import denied, given, page, visitor
from sandbox.lab.erp.people import Person
from sandbox.lab.erp.rights import group_rights, has, own_rights
from sandbox.lab.erp.sessions import session
from sandbox.lab.erp.words import word

pages = Blueprint("cards", __name__)
_FIELDS = ("lastname", "firstname", "login", "email", "job", "admin", "employee", "password", "api_key")
_BAD_CHARACTERS = ",@<>\"'"


@pages.route("/user/card.php", methods=["GET", "POST"])
def card() -> Response:
    """Do what the parameter `action` says, then show the user."""
    action, number = given().get("action", ""), given().get("id", 0, type=int)
    if not number:
        return _new(action)
    person = people.by_id(number)
    if person is None or not _may(person, "lire"):
        return make_response(denied())
    return _act(person, action) or make_response(_view(people.by_id(number) or person))


def _act(person: Person, action: str) -> Response | None:
    """Do what was asked to a user; None when the user is to be shown."""
    if "cancel" in given():
        return _to(person.id)
    if action in ("confirm_enable", "confirm_disable"):
        may = _may(person, "supprimer") and person.id != visitor().id
        if may and given().get("confirm") == "yes":
            people.set_enabled(person.id, enabled=action == "confirm_enable")
            return _to(person.id)
    elif action == "update" and _may(person, "creer"):
        problem = _problem(_values(), except_for=person.id) or _change(person)
        if problem:
            session().say(problem)
            return make_response(_form("update", person, _values()))
        session().say(word("modified"), "3000")
    elif action == "edit" and _may(person, "creer"):
        return make_response(_form("update", person, _as_values(person)))
    return None


def _new(action: str) -> Response:
    if not (visitor().is_admin or has(visitor(), "user", "user", "creer")):
        return make_response(denied())
    if "cancel" in given():
        return make_response(redirect("/user/list.php"))
    if action == "add":
        values = _values()
        problem = _problem(values)
        if not problem:
            try:
                return _to(people.create(values, visitor()))
            except psycopg.DatabaseError as error:
                problem = _refusal(error, values)
        session().say(problem)
        return make_response(_form("add", None, values))
    if action == "create":
        fresh = dict.fromkeys(_FIELDS, "") | {"employee": "1", "password": secrets.token_urlsafe(9)}
        return make_response(_form("add", None, fresh))
    return make_response(denied())


def _to(number: int) -> Response:
    return make_response(redirect(f"/user/card.php?id={number}"))


def _change(person: Person) -> str:
    values = _values()
    try:
        people.update(person, values, visitor())
    except psycopg.DatabaseError as error:
        return _refusal(error, values)
    return ""


def _problem(values: dict[str, str], *, except_for: int = 0) -> str:
    """What Dolibarr would say about a form, empty when it would take it."""
    found = [
        word(name) for name, field in (("no_name", "lastname"), ("no_login", "login")) if not values[field]
    ]
    if found:
        return "<br>\n".join(found)
    if any(character in values["login"] for character in _BAD_CHARACTERS):
        return word("bad_login")
    namesake = people.by_login(values["login"])  # the administrator has another entity: no index helps
    if namesake is not None and namesake.id != except_for:
        return word("login_taken", values["login"])
    email = values["email"]
    if email and people.email_taken(email, except_for=except_for):
        return word("email_taken", email)
    return ""


def _refusal(error: psycopg.DatabaseError, values: dict[str, str]) -> str:
    """What to say when the database refuses a user.

    Raises:
        psycopg.DatabaseError: the same, when the form is not to blame.
    """
    if isinstance(error, psycopg.errors.UniqueViolation):
        taken_key = error.diag.constraint_name == "uk_user_api_key"
        return word("key_taken") if taken_key else word("login_taken", values["login"])
    if isinstance(error, psycopg.errors.StringDataRightTruncation):
        return word("too_long")
    raise error


def _values() -> dict[str, str]:
    return {name: given().get(name, "").strip() for name in _FIELDS}


def _as_values(person: Person) -> dict[str, str]:
    shown = {name: person.text(name) for name in _FIELDS if name not in ("password", "api_key")}
    return {**shown, "password": "", "api_key": person.api_key() if _sees_key(person) else ""}


def _sees_key(person: Person) -> bool:
    return visitor().is_admin or visitor().id == person.id


def _may(person: Person, what: str) -> bool:
    own = visitor().id == person.id and what in ("lire", "creer")
    if own and (what == "lire" or has(visitor(), "user", "self", "creer")):
        return True
    return visitor().is_admin or has(visitor(), "user", "user", what)


def _form(action: str, person: Person | None, values: dict[str, str]) -> str:
    if person is not None:
        _warn(person)
    shown: dict[str, Any] = {"action": action, "person": person, "values": values, "api": is_on("api")}
    return page("user_form.html", title=word("new_user" if person is None else "card"), **shown)


def _warn(person: Person) -> None:
    if not own_rights(person.id) | group_rights(person.id):
        session().say(word("no_rights"), "warning")


def _view(person: Person) -> str:
    _warn(person)
    key = person.api_key() if is_on("api") and _sees_key(person) else None
    may = {what: _may(person, what) for what in ("creer", "supprimer")}
    return page("user_view.html", title=f"{person.name} - {word('card')}", person=person, key=key, may=may)
