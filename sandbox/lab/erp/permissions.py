"""/user/perms.php: the rights of one user, granted and taken away by links."""

from __future__ import annotations

from itertools import groupby
from urllib.parse import urlencode

from flask import Blueprint

from sandbox.lab.erp import people
from sandbox.lab.erp.gate import denied, given, page, visitor
from sandbox.lab.erp.rights import definitions, grant, group_rights, has, own_rights, revoke
from sandbox.lab.erp.sessions import session
from sandbox.lab.erp.words import word

pages = Blueprint("permissions", __name__)


@pages.route("/user/perms.php", methods=["GET", "POST"])
def rights() -> str:
    """Do what the parameter `action` says, then show each right with its link."""
    person = people.by_id(given().get("id", 0, type=int))
    reads = visitor().is_admin or has(visitor(), "user", "user", "lire")
    if person is None or not (reads or visitor().id == person.id):
        return denied()
    edits = visitor().is_admin or has(visitor(), "user", "user", "creer")
    action = given().get("action", "")
    if edits and action in ("addrights", "delrights") and given().get("confirm") == "yes":
        right, module = given().get("rights", 0, type=int), given().get("module", "")
        if action == "addrights":
            grant(person.id, right, module)
        else:
            revoke(person.id, right, module, admin=person.is_admin)
    return page(
        "user_rights.html",
        title=f"{person.name} - {word('permissions')}",
        person=person,
        edits=edits,
        modules=[(name, list(group)) for name, group in groupby(definitions(), lambda row: row["module"])],
        own=own_rights(person.id),
        inherited=group_rights(person.id),
        link=lambda **words: _link(person.id, **words),
    )


def _link(number: int, action: str, **words: object) -> str:
    """A link that acts; the token is in it, as in Dolibarr's."""
    query = {"id": number, "action": action, "entity": 1, **words, "confirm": "yes"}
    module = words.get("updatedmodulename")
    tail = {"updatedmodulename": query.pop("updatedmodulename")} if module else {}
    return "/user/perms.php?" + urlencode({**query, **tail, "token": session().token})
