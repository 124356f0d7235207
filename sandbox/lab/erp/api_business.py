"""/api/index.php: third parties, invoices and products."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import psycopg
from flask import Blueprint, Response, request

from sandbox.lab.erp.api import ROOT, ApiError, answer, as_php, body, caller, require
from sandbox.lab.erp.database import change, one, rows
from sandbox.lab.erp.rights import has

routes = Blueprint("api_business", __name__)
_THIRDPARTY = b"""SELECT rowid AS id, entity, nom AS name, nom AS ref, name_alias, code_client, code_fournisseur,
  address, zip, town, fk_pays AS country_id, phone, email, url, siren AS idprof1, siret AS idprof2, tva_intra,
  client, fournisseur, status, note_public, note_private, datec AS date_creation, tms AS date_modification,
  fk_user_creat AS user_creation_id, fk_user_modif AS user_modification_id FROM llx_societe """
# who may not see all third parties sees those whose representative he is
_VISIBLE = b"""(%s OR EXISTS (SELECT 1 FROM llx_societe_commerciaux r
                               WHERE r.fk_soc = llx_societe.rowid AND r.fk_user = %s)) """
_INVOICE = b"""SELECT rowid AS id, entity, ref, ref_client, type, fk_soc AS socid, datef AS date, datec AS date_creation,
  tms AS date_modification, paye, fk_statut AS statut, fk_statut AS status, total_ht, total_tva, total_ttc,
  fk_user_author, fk_user_author AS user_creation_id, date_lim_reglement, note_public, note_private, last_main_doc
  FROM llx_facture """
_LINE = b"""SELECT rowid AS id, rowid, fk_facture, fk_product, description AS desc, description, qty, subprice, tva_tx,
  remise_percent, total_ht, total_tva, total_ttc, product_type, rang FROM llx_facturedet WHERE fk_facture = %s
  ORDER BY rang, rowid"""
_PRODUCT = b"""SELECT rowid AS id, entity, ref, label, description, price, price_ttc, tva_tx, fk_product_type AS type,
  tosell AS status, tobuy AS status_buy, stock AS stock_reel, datec AS date_creation FROM llx_product """


@routes.get(f"{ROOT}/thirdparties")
def thirdparties() -> Response:
    """A page of the third parties that the caller may see."""
    require("societe", "lire")
    found = rows(
        _THIRDPARTY + b"WHERE " + _VISIBLE + b"ORDER BY rowid LIMIT %s OFFSET %s", *_sight(), *_window()
    )
    return _list(found, "No third parties found")


@routes.get(f"{ROOT}/thirdparties/<int:number>")
def thirdparty(number: int) -> Response:
    """One third party."""
    reason = f"Access not allowed for login {caller().login}"
    require("societe", "lire", reason=f"{reason}. No read permission on thirdparties.")
    found = one(_THIRDPARTY + b"WHERE rowid = %s", number)
    if found is None:
        raise ApiError(404, "Thirdparty not found")
    if one(_THIRDPARTY + b"WHERE rowid = %s AND " + _VISIBLE, number, *_sight()) is None:
        raise ApiError(403, reason)
    return answer(as_php(found))


@routes.post(f"{ROOT}/thirdparties")
def add_thirdparty() -> Response:
    """Create a third party; the answer is its number."""
    require("societe", "creer")
    given = body()
    if not given.get("name"):
        raise ApiError(400, "name field missing")
    code = given.get("code_client")
    row = one(
        b"""INSERT INTO llx_societe (nom, name_alias, client, fournisseur, code_client, address, zip, town, fk_pays,
              phone, email, note_private, datec, fk_user_creat, status)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now(), %s, 1) RETURNING rowid""",
        given["name"],
        given.get("name_alias"),
        _whole(given, "client"),
        _whole(given, "fournisseur"),
        _next_code() if code in ("auto", "-1", -1) else code or None,
        *(given.get(name) for name in ("address", "zip", "town")),
        _whole(given, "country_id"),
        *(given.get(name) for name in ("phone", "email", "note_private")),
        caller().id,
    )
    number = _number(row)
    if not has(caller(), "societe", "client", "voir"):
        change(b"INSERT INTO llx_societe_commerciaux (fk_soc, fk_user) VALUES (%s, %s)", number, caller().id)
    return answer(number)


@routes.get(f"{ROOT}/invoices")
def invoices() -> Response:
    """A page of the invoices."""
    require("facture", "lire")
    return _list(rows(_INVOICE + b"ORDER BY rowid LIMIT %s OFFSET %s", *_window()), "No invoice found")


@routes.get(f"{ROOT}/invoices/<int:number>")
def invoice(number: int) -> Response:
    """One invoice with its lines."""
    require("facture", "lire")
    found = one(_INVOICE + b"WHERE rowid = %s", number)
    if found is None:
        raise ApiError(404, "Invoice not found")
    lines = [as_php(line) for line in rows(_LINE, number)]
    return answer({**as_php(found), "lines": lines})


@routes.post(f"{ROOT}/invoices")
def add_invoice() -> Response:
    """Create a draft; the answer is its number."""
    require("facture", "creer", reason="Insufficient rights")
    given = body()
    if not given.get("socid"):
        raise ApiError(400, "socid field missing")
    seconds = _whole(given, "date")
    day = datetime.fromtimestamp(seconds, UTC).date() if seconds else datetime.now(UTC).date()
    try:
        row = one(
            b"""INSERT INTO llx_facture (ref, ref_client, type, fk_soc, datec, datef, fk_user_author, note_private)
                VALUES ('(PROV)' || gen_random_uuid()::varchar(20), %s, %s, %s, now(), %s, %s, %s) RETURNING rowid""",
            given.get("ref_client"),
            _whole(given, "type"),
            _whole(given, "socid"),
            day,
            caller().id,
            given.get("note_private"),
        )
    except psycopg.errors.ForeignKeyViolation as error:
        raise ApiError(500, "Error creating invoice") from error
    number = _number(row)
    change(b"UPDATE llx_facture SET ref = '(PROV' || rowid || ')' WHERE rowid = %s", number)
    for line in given.get("lines") or []:
        _add_line(number, line)
    return answer(number)


@routes.post(f"{ROOT}/invoices/<int:number>/lines")
def add_line(number: int) -> Response:
    """Add a line to a draft; the answer is the line's number."""
    require("facture", "creer")
    if one(_INVOICE + b"WHERE rowid = %s", number) is None:
        raise ApiError(404, "Invoice not found")
    return answer(_add_line(number, body()))


@routes.get(f"{ROOT}/products")
def products() -> Response:
    """A page of the products."""
    require("produit", "lire")
    return _list(rows(_PRODUCT + b"ORDER BY ref LIMIT %s OFFSET %s", *_window()), "No product found")


@routes.get(f"{ROOT}/products/<int:number>")
def product(number: int) -> Response:
    """One product."""
    require("produit", "lire")
    found = one(_PRODUCT + b"WHERE rowid = %s", number)
    if found is None:
        raise ApiError(404, "Product not found")
    return answer(as_php(found))


@routes.route(f"{ROOT}/<any(thirdparties, invoices, products):_what>/<string:_text>")
def no_number(_what: str, _text: str) -> Response:
    """An address whose number is none."""
    raise ApiError(400, "invalid value specified for `id`")


def _add_line(invoice_number: int, given: dict[str, Any]) -> int:
    amounts = [_decimal(given, name) for name in ("qty", "subprice", "tva_tx", "remise_percent")]
    qty, price, vat, discount = amounts
    total = qty * price * (1 - discount / 100)
    row = one(
        b"""INSERT INTO llx_facturedet (fk_facture, fk_product, description, qty, subprice, tva_tx, remise_percent,
              total_ht, total_tva, total_ttc, product_type, rang, fk_user_author)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
                    (SELECT count(*) + 1 FROM llx_facturedet WHERE fk_facture = %s), %s) RETURNING rowid""",
        invoice_number,
        _whole(given, "fk_product") or None,
        given.get("desc") or given.get("description") or "",
        *amounts,
        total,
        total * vat / 100,
        total * (1 + vat / 100),
        _whole(given, "product_type"),
        invoice_number,
        caller().id,
    )
    change(
        b"""UPDATE llx_facture SET total_ht = s.ht, total_tva = s.tva, total_ttc = s.ttc FROM (
              SELECT sum(total_ht) AS ht, sum(total_tva) AS tva, sum(total_ttc) AS ttc FROM llx_facturedet
               WHERE fk_facture = %s) AS s WHERE rowid = %s""",
        invoice_number,
        invoice_number,
    )
    return _number(row)


def _list(found: list[dict[str, Any]], nothing: str) -> Response:
    if not found:
        raise ApiError(404, nothing)
    return answer([as_php(row) for row in found])


def _sight() -> tuple[bool, int]:
    return has(caller(), "societe", "client", "voir"), caller().id


def _window() -> tuple[int, int]:
    limit = request.args.get("limit", 100, type=int)
    return limit, limit * max(request.args.get("page", 0, type=int), 0)


def _next_code() -> str:
    """The next free customer code of this month, as the module "monkey" counts."""
    month = f"CU{datetime.now(UTC):%y%m}-"
    row = one(
        b"SELECT coalesce(max(substr(code_client, 8)::int), 0) + 1 AS next FROM llx_societe"
        b" WHERE code_client ~ ('^' || %s || '[0-9]+$')",
        month,
    )
    return f"{month}{row['next'] if row else 1:05}"


def _number(row: dict[str, Any] | None) -> int:
    return int(row["rowid"]) if row else 0


def _whole(given: dict[str, Any], name: str) -> int:
    return int(_decimal(given, name))


def _decimal(given: dict[str, Any], name: str) -> Decimal:
    try:
        return Decimal(str(given.get(name) or 0))
    except InvalidOperation:
        raise ApiError(400, f"invalid value specified for `{name}`") from None
