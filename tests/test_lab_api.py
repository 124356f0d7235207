"""The REST API: what the stand-in and the real Dolibarr must both answer, table B of what is known."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sandbox.lab import access
from sandbox.lab.folder import Folder
from tests.differences import differences, version
from tests.erp_client import administrator, call, flat, robot

pytestmark = pytest.mark.conformance
SELF = 342


@pytest.fixture(scope="module")
def agent(lab_root: Path) -> tuple[int, str, str]:
    return robot(lab_root, SELF, 12, 122, 262, 31)


@pytest.fixture(scope="module")
def key(agent: tuple[int, str, str]) -> str:
    return agent[2]


def sandbox(root: Path, statement: bytes) -> None:
    folder = Folder(root)
    port = folder.state()["database_port"]
    with access.connected(folder.passwords, port, access.SANDBOX, access.SANDBOX) as session:
        session.execute(statement)


def test_no_key_is_401_in_json_at_once(lab_root: Path) -> None:
    answer = call(lab_root, "GET", "/status")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json()["error"]["code"] == 401


def test_bad_key_is_401_after_a_second(lab_root: Path) -> None:
    began = time.monotonic()
    assert call(lab_root, "GET", "/status", "no such key at all").status_code == 401
    assert time.monotonic() - began >= differences(lab_root).penalty


def test_key_of_a_disabled_user_is_refused_since_18(lab_root: Path) -> None:
    number, _, key = robot(lab_root)
    assert call(lab_root, "GET", "/status", key).json()["success"]["dolibarr_version"] == version(lab_root)
    admin = administrator(lab_root)
    admin.get("/user/card.php", id=number, action="confirm_disable", confirm="yes", token=admin.token)
    answer = call(lab_root, "GET", "/status", key)
    assert answer.status_code == differences(lab_root).key_of_disabled_user


def test_info_needs_a_right_and_shows_text_but_no_key(lab_root: Path) -> None:
    number, login, key = robot(lab_root)
    refused = call(lab_root, "GET", "/users/info", key)
    assert refused.status_code == differences(lab_root).right_missing
    assert refused.json()["error"]["message"] == differences(lab_root).right_missing_says
    administrator(lab_root).grant(number, SELF)
    found = call(lab_root, "GET", "/users/info", key).json()
    assert {"id": str(number), "login": login, "admin": "0", "statut": "1"}.items() <= found.items()
    assert "api_key" not in found
    assert flat(found["rights"]) == set()


def test_info_lists_rights_with_those_of_groups(lab_root: Path) -> None:
    number, _, key = robot(lab_root, SELF, 12)
    sandbox(lab_root, b"INSERT INTO llx_usergroup_user (fk_user, fk_usergroup) VALUES (%d, 1)" % number)
    rights = flat(call(lab_root, "GET", "/users/info?includepermissions=1", key).json()["rights"])
    assert {"facture.lire", "facture.creer", "user.self.creer", "propale.lire", "propal.lire"} <= rights
    assert {"banque.lire", "user.user.creer"}.isdisjoint(rights)


def test_unknown_endpoint_is_501_and_unknown_address_404(lab_root: Path, key: str) -> None:
    unknown = call(lab_root, "GET", "/nosuch", key)
    assert (unknown.status_code, unknown.headers["Content-Type"]) == (501, "text/html; charset=UTF-8")
    assert call(lab_root, "GET", "", key).status_code == 404
    assert call(lab_root, "GET", "/users/nosuch", key).status_code == 400
    assert call(lab_root, "GET", "/thirdparties/abc", key).status_code == 400
    assert call(lab_root, "PATCH", "/thirdparties", key).status_code == 405


@pytest.mark.standin
def test_what_the_standin_lacks_it_says(lab_root: Path, key: str) -> None:
    assert call(lab_root, "DELETE", "/thirdparties/1", key).status_code == 501


def test_module_that_is_off_answers_200_with_text(lab_root: Path, key: str) -> None:
    sandbox(lab_root, b"UPDATE llx_const SET value = '0' WHERE name = 'MAIN_MODULE_API'")
    try:
        answer = call(lab_root, "GET", "/status", key)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    finally:
        sandbox(lab_root, b"UPDATE llx_const SET value = '1' WHERE name = 'MAIN_MODULE_API'")


def test_key_in_clear_works_and_one_of_another_instance_does_not(lab_root: Path) -> None:
    number, _, key = robot(lab_root)
    sandbox(lab_root, b"UPDATE llx_user SET api_key = 'plain-key-as-16-left-it' WHERE rowid = %d" % number)
    assert call(lab_root, "GET", "/status", "plain-key-as-16-left-it").status_code == 200
    assert call(lab_root, "GET", "/status", key).status_code == 401
    if not differences(lab_root).keys_are_encrypted:
        return
    sealed = "dolcrypt:AES-256-CTR:10fbb3f05469219f:O8LLwAouw85y3HvM6cX41g=="
    sandbox(lab_root, f"UPDATE llx_user SET api_key = '{sealed}' WHERE rowid = {number}".encode())
    assert call(lab_root, "GET", "/status", "AbCdEf0123456789").status_code == 401
    assert call(lab_root, "GET", "/status", sealed).status_code == 503


def test_key_in_the_other_places_works(lab_root: Path, key: str) -> None:
    assert call(lab_root, "GET", f"/status?DOLAPIKEY={key}").status_code == 200


def test_customer_and_invoice_are_written_and_read(lab_root: Path, agent: tuple[int, str, str]) -> None:
    number, _, key = agent
    customer = {"name": "Essai & Fils", "client": "1", "code_client": "auto"}
    soc = call(lab_root, "POST", "/thirdparties", key, json=customer).json()
    found = call(lab_root, "GET", f"/thirdparties/{soc}", key).json()
    assert {"id": str(soc), "name": "Essai & Fils", "client": "1"}.items() <= found.items()
    assert found["code_client"].startswith("CU")
    listed = call(lab_root, "GET", f"/thirdparties?sqlfilters=(t.rowid:=:{soc})", key).json()
    assert [row["name"] for row in listed] == ["Essai & Fils"]
    line = {"desc": "Chaise", "qty": 2, "subprice": 10, "tva_tx": 20}
    invoice = call(lab_root, "POST", "/invoices", key, json={"socid": soc, "lines": [line]}).json()
    call(lab_root, "POST", f"/invoices/{invoice}/lines", key, json={**line, "qty": "1.5"})
    read = call(lab_root, "GET", f"/invoices/{invoice}", key).json()
    assert read["ref"] == f"(PROV{invoice})"
    assert read["total_ttc"] == "42.00000000"
    author = f"SELECT 1 / (fk_user_author = {number})::int FROM llx_facture WHERE rowid = {invoice}"
    sandbox(lab_root, author.encode())  # 16 does not tell it
    assert [each["qty"] for each in read["lines"]] == ["2", "1.5"]


@pytest.mark.parametrize(
    ("path", "given", "code"),
    [
        ("/thirdparties", {"client": "1"}, 400),
        ("/invoices", {}, 400),
        ("/invoices", {"socid": 999999}, 500),
        ("/invoices/999999/lines", {"desc": "x"}, 404),
        ("/invoices", {"socid": "many"}, 500),
    ],
)
def test_bad_data_is_refused(lab_root: Path, key: str, path: str, given: dict[str, str], code: int) -> None:
    assert call(lab_root, "POST", path, key, json=given).status_code == code


def test_bad_json_and_bad_filter_are_refused(lab_root: Path, key: str) -> None:
    assert call(lab_root, "POST", "/thirdparties", key, data="x").status_code == 400
    for wrong, code in (("(bad", differences(lab_root).unbalanced_filter), ("(t.api_key:=:'x')", 503)):
        answer = call(lab_root, "GET", "/thirdparties", key, params={"sqlfilters": wrong})
        assert answer.status_code == code


def test_what_is_missing_is_404_and_lists_have_pages(lab_root: Path, key: str) -> None:
    for path in ("/thirdparties/999999", "/invoices/999999", "/products/999999", "/thirdparties?page=999"):
        assert call(lab_root, "GET", path, key).status_code == 404
    beyond = call(lab_root, "GET", "/products?page=999", key).status_code
    assert beyond == differences(lab_root).page_beyond_the_last
    assert len(call(lab_root, "GET", "/products?limit=3&page=2", key).json()) == 3


def test_right_that_is_missing_is_refused(lab_root: Path) -> None:
    _, _, key = robot(lab_root)
    code = differences(lab_root).right_missing
    for path in ("/thirdparties", "/thirdparties/1", "/invoices", "/invoices/1"):
        assert call(lab_root, "GET", path, key).status_code == code
    assert call(lab_root, "GET", "/products", key).status_code == 403
    for path in ("/thirdparties", "/invoices", "/invoices/1/lines"):
        assert call(lab_root, "POST", path, key, json={"name": "x", "socid": 1}).status_code == code


def test_who_may_not_see_all_third_parties_sees_his_own(lab_root: Path) -> None:
    _, _, key = robot(lab_root, 122)
    assert call(lab_root, "GET", "/thirdparties/1", key).status_code == differences(lab_root).right_missing
    own = call(lab_root, "POST", "/thirdparties", key, json={"name": "Mine"}).json()
    assert [row["id"] for row in call(lab_root, "GET", "/thirdparties", key).json()] == [str(own)]
