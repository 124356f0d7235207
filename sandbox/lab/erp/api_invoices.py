"""/api/index.php/invoices: customer invoices and their lines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
from flask import Blueprint, Response

from sandbox.lab.erp.database import change, one, rows, together
from sandbox.lab.erp.filters import conditions
from sandbox.lab.erp.rest import (
    ROOT,
    ApiError,
    amount,
    answer,
    as_php,
    body,
    caller,
    require,
    whole,
    window,
)

routes = Blueprint("invoices", __name__)
_FIELDS = b"""SELECT rowid AS id, entity, ref, ref_client, type, fk_soc AS socid, datef AS date,
  datec AS date_creation, tms AS date_modification, paye, fk_statut AS statut, fk_statut AS status, total_ht,
  total_tva, total_ttc, fk_user_author, fk_user_author AS user_creation_id, date_lim_reglement, note_public,
  note_private, last_main_doc FROM llx_facture """
_FILTERS = {name: name.encode() for name in ("rowid", "ref", "ref_client", "fk_soc", "fk_statut", "datef")}
_LINE = b"""SELECT rowid AS id, rowid, fk_facture, fk_product, description AS desc, description, qty,
  subprice, tva_tx, remise_percent, total_ht, total_tva, total_ttc, product_type, rang FROM llx_facturedet
  WHERE fk_facture = %s ORDER BY rang, rowid"""
# a draft is named after its own number
_INSERT = b"""INSERT INTO llx_facture (datec, ref, ref_client, type, fk_soc, datef, fk_user_author,
                                    note_private)
  VALUES (now(), '(PROV' || currval(pg_get_serial_sequence('llx_facture', 'rowid')) || ')',
          %s, %s, %s, %s, %s, %s) RETURNING rowid"""


@routes.get(f"{ROOT}/invoices")
def several() -> Response:
    """A page of the invoices."""
    require("facture", "lire")
    wanted, values = conditions(_FILTERS)
    query = _FIELDS + b"WHERE " + wanted + b"ORDER BY rowid LIMIT %s OFFSET %s"
    return answer([as_php(row) for row in rows(query, *values, *window())])


@routes.get(f"{ROOT}/invoices/<int:number>")
def single(number: int) -> Response:
    """One invoice with its lines."""
    require("facture", "lire")
    found = one(_FIELDS + b"WHERE rowid = %s", number)
    if found is None:
        raise ApiError(404, "Invoice not found")
    return answer({**as_php(found), "lines": [as_php(line) for line in rows(_LINE, number)]})


@routes.post(f"{ROOT}/invoices")
def add() -> Response:
    """Create a draft; the answer is its number."""
    require("facture", "creer", reason="Insufficiant rights")
    given = body()
    if not given.get("socid"):
        raise ApiError(400, "socid field missing")
    socid = int(given["socid"]) if str(given["socid"]).isdigit() else 0  # which is nobody, as in PHP
    seconds = whole(given, "date")
    day = datetime.fromtimestamp(seconds, UTC) if seconds else datetime.now(UTC)
    values = [
        *(given.get("ref_client"), whole(given, "type"), socid),
        *(day.date(), caller().id, given.get("note_private")),
    ]
    try:
        with together():
            row = one(_INSERT, *values)
            number = int(row["rowid"]) if row else 0
            for line in given.get("lines") or []:
                _add_line(number, line)
    except psycopg.errors.ForeignKeyViolation as error:
        raise ApiError(500, "Error creating invoice") from error
    return answer(number)


@routes.post(f"{ROOT}/invoices/<int:number>/lines")
def add_line(number: int) -> Response:
    """Add a line to an invoice; the answer is the line's number."""
    require("facture", "creer")
    if one(_FIELDS + b"WHERE rowid = %s", number) is None:
        raise ApiError(404, "Invoice not found")
    with together():
        return answer(_add_line(number, body()))


@routes.get(f"{ROOT}/invoices/<string:_text>")
def no_number(_text: str) -> Response:
    """An address whose number is none."""
    raise ApiError(400, "invalid value specified for `id`")


def _add_line(invoice: int, given: dict[str, Any]) -> int:
    qty, price, vat, discount = (
        amount(given, name) for name in ("qty", "subprice", "tva_tx", "remise_percent")
    )
    total = qty * price * (1 - discount / 100)
    row = one(
        b"""INSERT INTO llx_facturedet (fk_facture, fk_product, description, qty, subprice, tva_tx,
              remise_percent, total_ht, total_tva, total_ttc, product_type, fk_user_author)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING rowid""",
        *(invoice, whole(given, "fk_product") or None, given.get("desc") or given.get("description") or ""),
        *(qty, price, vat, discount, total, total * vat / 100, total * (1 + vat / 100)),
        *(whole(given, "product_type"), caller().id),
    )
    change(
        b"""UPDATE llx_facture SET total_ht = s.ht, total_tva = s.tva, total_ttc = s.ttc FROM (
              SELECT sum(total_ht) AS ht, sum(total_tva) AS tva, sum(total_ttc) AS ttc FROM llx_facturedet
               WHERE fk_facture = %s) AS s WHERE rowid = %s""",
        invoice,
        invoice,
    )
    return int(row["rowid"]) if row else 0
