"""/api/index.php/products: what is sold, read only."""

from __future__ import annotations

from flask import Blueprint, Response

from sandbox.lab.erp.database import one, rows
from sandbox.lab.erp.filters import conditions
from sandbox.lab.erp.rest import ROOT, ApiError, answer, as_php, require, window

routes = Blueprint("products", __name__)
_FIELDS = b"""SELECT rowid AS id, entity, ref, label, description, price, price_ttc, tva_tx,
  fk_product_type AS type, tosell AS status, tobuy AS status_buy, stock AS stock_reel,
  datec AS date_creation FROM llx_product """
_FILTERS = {name: name.encode() for name in ("rowid", "ref", "label", "tosell", "fk_product_type")}


@routes.get(f"{ROOT}/products")
def several() -> Response:
    """A page of the products."""
    require("produit", "lire")
    wanted, values = conditions(_FILTERS)
    query = _FIELDS + b"WHERE " + wanted + b"ORDER BY ref LIMIT %s OFFSET %s"
    return answer([as_php(row) for row in rows(query, *values, *window())])


@routes.get(f"{ROOT}/products/<int:number>")
def single(number: int) -> Response:
    """One product."""
    require("produit", "lire")
    found = one(_FIELDS + b"WHERE rowid = %s", number)
    if found is None:
        raise ApiError(404, "Product not found")
    return answer(as_php(found))


@routes.get(f"{ROOT}/products/<string:_text>")
def no_number(_text: str) -> Response:
    """An address whose number is none."""
    raise ApiError(400, "invalid value specified for `id`")
