"""/api/index.php/thirdparties: customers and suppliers."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
from flask import Blueprint, Response

from sandbox.lab.erp.database import change, one, rows
from sandbox.lab.erp.filters import conditions
from sandbox.lab.erp.rest import ROOT, ApiError, answer, as_php, body, caller, listed, require, whole, window
from sandbox.lab.erp.rights import has

routes = Blueprint("thirdparties", __name__)
_FIELDS = b"""SELECT rowid AS id, entity, nom AS name, nom AS ref, name_alias, code_client, code_fournisseur,
  address, zip, town, fk_pays AS country_id, phone, email, url, siren AS idprof1, siret AS idprof2, tva_intra,
  client, fournisseur, status, note_public, note_private, datec AS date_creation, tms AS date_modification,
  fk_user_creat AS user_creation_id, fk_user_modif AS user_modification_id FROM llx_societe """
_FILTERS = {name: name.encode() for name in ("rowid", "nom", "name_alias", "code_client", "email", "client")}
# who may not see all third parties sees those whose representative he is
_VISIBLE = b"""(%s OR EXISTS (SELECT 1 FROM llx_societe_commerciaux r
                               WHERE r.fk_soc = llx_societe.rowid AND r.fk_user = %s)) """


@routes.get(f"{ROOT}/thirdparties")
def several() -> Response:
    """A page of the third parties that the caller may see."""
    require("societe", "lire")
    wanted, values = conditions(_FILTERS)
    query = _FIELDS + b"WHERE " + _VISIBLE + b"AND " + wanted + b"ORDER BY rowid LIMIT %s OFFSET %s"
    return listed(rows(query, *_sight(), *values, *window()), "No third parties found")


@routes.get(f"{ROOT}/thirdparties/<int:number>")
def single(number: int) -> Response:
    """One third party."""
    reason = f"Access not allowed for login {caller().login}"
    require("societe", "lire", reason=f"{reason}. No read permission on thirdparties.")
    found = one(_FIELDS + b"WHERE rowid = %s", number)
    if found is None:
        raise ApiError(404, "Thirdparty not found")
    if one(_FIELDS + b"WHERE rowid = %s AND " + _VISIBLE, number, *_sight()) is None:
        raise ApiError(403, reason)
    return answer(as_php(found))


@routes.post(f"{ROOT}/thirdparties")
def add() -> Response:
    """Create a third party; the answer is its number."""
    require("societe", "creer")
    given = body()
    if not given.get("name"):
        raise ApiError(400, "name field missing")
    code = given.get("code_client")
    values = [
        *(given.get(name) for name in ("name", "name_alias")),
        *(whole(given, name) for name in ("client", "fournisseur")),
        _next_code() if code in ("auto", "-1", -1) else code or None,
        *(given.get(name) for name in ("address", "zip", "town")),
        whole(given, "country_id") or None,
        *(given.get(name) for name in ("phone", "email", "note_private")),
        caller().id,
    ]
    try:
        row = one(
            b"""INSERT INTO llx_societe (nom, name_alias, client, fournisseur, code_client, address, zip,
                  town, fk_pays, phone, email, note_private, fk_user_creat, datec, status)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now(), 1) RETURNING rowid""",
            *values,
        )
    except psycopg.errors.UniqueViolation as error:
        raise ApiError(500, "Error creating thirdparty") from error
    number = int(row["rowid"]) if row else 0
    if not has(caller(), "societe", "client", "voir"):
        change(b"INSERT INTO llx_societe_commerciaux (fk_soc, fk_user) VALUES (%s, %s)", number, caller().id)
    return answer(number)


@routes.get(f"{ROOT}/thirdparties/<string:_text>")
def no_number(_text: str) -> Response:
    """An address whose number is none."""
    raise ApiError(400, "invalid value specified for `id`")


def _sight() -> tuple[bool, int]:
    return has(caller(), "societe", "client", "voir"), caller().id


def _next_code() -> str:
    """The next free customer code of this month, as Dolibarr's numbering called "monkey" counts."""
    month = f"CU{datetime.now(UTC):%y%m}-"
    row = one(
        b"""SELECT coalesce(max(substr(code_client, 8)::int), 0) + 1 AS next FROM llx_societe
             WHERE code_client ~ ('^' || %s || '[0-9]+$')""",
        month,
    )
    return f"{month}{row['next'] if row else 1:05}"
