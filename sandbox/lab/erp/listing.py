"""/user/list.php: the users, searched by login."""

from __future__ import annotations

from flask import Blueprint

from sandbox.lab.erp.constants import constants
from sandbox.lab.erp.database import rows
from sandbox.lab.erp.gate import denied, given, page, visitor
from sandbox.lab.erp.rights import has
from sandbox.lab.erp.words import word

pages = Blueprint("listing", __name__)
_ENABLED, _EVERY = "1", "-1"


@pages.route("/user/list.php", methods=["GET", "POST"])
def users() -> str:
    """A page of the users whose login holds the text searched for; only enabled ones unless asked."""
    if not (visitor().is_admin or has(visitor(), "user", "user", "lire")):
        return denied()
    login, status = given().get("search_login", ""), given().get("search_status") or _ENABLED
    size = int(constants().get("MAIN_SIZE_LISTE_LIMIT") or 20)
    found = rows(
        b"""SELECT rowid, login, lastname, firstname, email, statut, admin, datelastlogin FROM llx_user
             WHERE position(lower(%s) in lower(login)) > 0 AND (%s = '-1' OR statut::text = %s)
             ORDER BY login LIMIT %s OFFSET %s""",
        login,
        status,
        status,
        size,
        size * max(given().get("page", 0, type=int), 0),
    )
    choices = ((_EVERY, ""), (_ENABLED, word("enabled")), ("0", word("disabled")))
    return page(
        "user_list.html", title=word("users"), found=found, login=login, status=status, choices=choices
    )
