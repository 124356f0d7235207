"""The web pages, asked as a browser asks them: what the stand-in and the real Dolibarr must both answer."""

from __future__ import annotations

import re
import time
from pathlib import Path

import psycopg
import pytest

from sandbox.lab import access
from sandbox.lab.erp.secret import decrypt, encrypt
from sandbox.lab.folder import Folder
from tests.differences import differences
from tests.erp_client import ASKED, Person, admin_password, administrator, messages, robot, settings
from tests.provision.desk import reach

pytestmark = pytest.mark.conformance
PROTECTED = ("/", "/index.php", "/user/card.php?id=1&action=edit", "/user/list.php", "/user/perms.php?id=1")


@pytest.fixture(scope="module")
def admin(lab_root: Path) -> Person:
    return administrator(lab_root)


def query(root: Path, text: bytes, *values: object) -> list[tuple[object, ...]]:
    folder = Folder(root)
    port = folder.state()["database_port"]
    with access.connected(folder.passwords, port, access.SANDBOX, access.SANDBOX) as session:
        done = session.execute(text, values)
        return done.fetchall() if done.description else []


@pytest.mark.parametrize("path", PROTECTED)
def test_protected_page_shows_login_form_with_200(lab_root: Path, path: str) -> None:
    page = Person(settings(lab_root)["url"]).get(path)
    assert page.status_code == 200
    assert 'form id="login"' in page.text
    assert 'id="username"' in page.text
    assert 'id="password"' in page.text
    assert "action=edit" not in page.text


@pytest.mark.standin
def test_the_standin_says_what_it_is(lab_root: Path) -> None:
    assert "stand-in" in Person(settings(lab_root)["url"]).get("/").text


def test_login_answers_200_at_once_and_a_wrong_password_after_a_second(lab_root: Path) -> None:
    person = Person(settings(lab_root)["url"])
    began = time.monotonic()
    refused = person.log_in("admin", "wrong")
    assert time.monotonic() - began >= differences(lab_root).penalty
    assert messages(refused) == [("Bad value for login or password", "error")]
    assert 'form id="login"' in refused.text
    entered = person.log_in("admin", admin_password(lab_root))
    assert entered.status_code == 200
    assert 'id="id-top"' in entered.text
    assert 'form id="login"' not in entered.text


def test_session_cookie_is_named_after_the_instance(lab_root: Path, admin: Person) -> None:
    names = [cookie.name for cookie in admin.session.cookies]
    assert len(names) == 1
    assert names[0].startswith("DOLSESSID_")
    assert len(names[0]) == len("DOLSESSID_") + 40
    assert Folder(lab_root).state()["instances"]["sandbox"] not in names[0]


def test_missing_token_is_403_and_wrong_token_does_nothing(lab_root: Path, admin: Person) -> None:
    number, login = admin.add_user()
    new = {"action": "add", "lastname": "X", "login": "forged", "password": "Abcd1234ZZ!!", **ASKED}
    assert admin.post("/user/card.php", **{**new, "token": ""}).status_code == 403
    wrong = admin.post("/user/card.php", **{**new, "token": "0" * 32})
    assert wrong.status_code == 200
    assert [kind for _, kind in messages(wrong)] == ["warning"]
    assert query(lab_root, b"SELECT 1 FROM llx_user WHERE login = 'forged'") == []
    assert admin.grant(number, 12, token="").status_code == 403
    assert admin.grant(number, 12, token="0" * 32).status_code == 200
    assert admin.grant(number, 12, confirm="no").status_code == 200
    assert admin.grant(number, 99999).status_code == 200
    assert set(admin.rights(number).values()) == {"open"}
    assert login


def test_user_is_created_found_disabled_and_enabled(lab_root: Path, admin: Person) -> None:
    number, login = admin.add_user(email="robot@arcodange.example")
    assert f'data-rowid="{number}"' in admin.get("/user/list.php", search_login=login).text
    admin.get("/user/card.php", id=number, action="confirm_disable", confirm="yes", token=admin.token)
    assert f'data-rowid="{number}"' not in admin.get("/user/list.php", search_login=login).text
    everyone = admin.get("/user/list.php", search_login=login, search_status=-1, search_statut=-1)
    assert f'data-rowid="{number}"' in everyone.text
    other = {"action": "add", "lastname": "X", "password": "Abcd1234ZZ!!", **ASKED}
    taken = admin.post("/user/card.php", **other, login=login)
    assert messages(taken) == [(f"Login {login} already exists.", "error")]
    taken = admin.post("/user/card.php", **other, login="x", email="robot@arcodange.example")
    assert messages(taken)[0][1] == "error"
    enabled = admin.get(
        "/user/card.php", id=number, action="confirm_enable", confirm="yes", token=admin.token
    )
    assert enabled.status_code == 302
    assert query(lab_root, b"SELECT statut FROM llx_user WHERE rowid = %s", number) == [(1,)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"lastname": "", "login": ""}, "Name is not defined.<br>\nLogin is not defined."),
        ({"lastname": "X", "login": "a@b"}, ""),
        ({"lastname": "X", "login": "admin"}, "Login admin already exists."),
    ],
)
def test_user_form_refuses_what_dolibarr_refuses(
    lab_root: Path, admin: Person, fields: dict[str, str], said: str
) -> None:
    refused = admin.post("/user/card.php", action="add", password="Abcd1234ZZ!!", **{**ASKED, **fields})
    assert refused.status_code == 200
    assert (said or differences(lab_root).login_character_refused, "error") in messages(refused)
    assert 'name="createuser"' in refused.text


def test_key_is_stored_encrypted_shown_in_clear_and_kept_when_emptied(lab_root: Path, admin: Person) -> None:
    number, login, key = robot(lab_root)
    instance = Folder(lab_root).state()["instances"]["sandbox"]
    stored = query(lab_root, b"SELECT api_key FROM llx_user WHERE rowid = %s", number)[0][0]
    encrypted = differences(lab_root).keys_are_encrypted
    assert stored == (encrypt(key, instance) if encrypted else key)
    assert str(stored).startswith("dolcrypt:AES-256-CTR:") is encrypted
    assert decrypt(str(stored), instance) == key
    edit = admin.get("/user/card.php", id=number, action="edit")
    assert 'id="api_key"' in edit.text
    assert key in edit.text
    assert (key in admin.get("/user/card.php", id=number).text) is differences(lab_root).card_shows_key
    changed = admin.change_user(number, login, api_key="")
    assert ("User modified successfully", "3000") in messages(changed)
    assert query(lab_root, b"SELECT api_key FROM llx_user WHERE rowid = %s", number)[0][0] == stored


def test_encryption_is_byte_for_byte_that_of_dolibarr() -> None:
    # what PHP's openssl_encrypt gave for these, with keys shorter than, equal to and longer than 32 bytes
    given = {
        "x" * 20: "LUqz5VXgJuNNiycpWolE2A==",
        "0123456789abcdef0123456789abcdef": "O8LLwAouw85y3HvM6cX41g==",
        "lab23-c47d20be91f8436eb15d23232323b002": "qJeWn0kwo6c9ThVE9BUHaw==",
    }
    for instance, hidden in given.items():
        sealed = f"dolcrypt:AES-256-CTR:10fbb3f05469219f:{hidden}"
        assert encrypt("AbCdEf0123456789", instance) == sealed
        assert decrypt(sealed, instance) == "AbCdEf0123456789"
    assert decrypt(sealed, "another instance") == sealed


def test_granting_brings_the_sibling_that_reads(admin: Person) -> None:
    number, _ = admin.add_user()
    for right in (12, 2402, 282, 262):
        admin.grant(number, right)
    granted = {name for name, standing in admin.rights(number).items() if standing == "granted"}
    assert granted == {
        *("facture.lire", "facture.creer", "agenda.myactions.read", "agenda.myactions.create"),
        *("societe.contact.lire", "societe.contact.creer", "societe.client.voir"),
    }
    admin.grant(number, 11, action="delrights")
    assert admin.rights(number)["facture.creer"] == "open"
    admin.grant(number, "", module="banque")
    assert admin.rights(number)["banque.transfer"] == "granted"


def test_rights_of_groups_have_no_link_and_those_of_modules_that_are_off_no_row(
    lab_root: Path, admin: Person
) -> None:
    shown = admin.rights(2)  # Claire Moreau, in the group of the sales people
    assert shown["propale.creer"] == "inherited"
    assert shown["user.user.creer"] == "granted"
    assert not [name for name in shown if name.startswith(("projet.", "tax."))]
    assert not [name for name in shown if "_advance" in name]
    with reach(lambda: lab_root).module_off("banque", "MAIN_MODULE_BANQUE"):
        assert "banque.lire" not in admin.rights(2)
    assert "banque.lire" in admin.rights(2)


def test_who_is_no_administrator_sees_only_his_own_card(lab_root: Path, admin: Person) -> None:
    number, login = admin.add_user(password="Abcd1234ZZ!!")
    person = Person(settings(lab_root)["url"])
    assert 'id="id-top"' in person.log_in(login, "Abcd1234ZZ!!").text
    for path in (
        "/user/card.php?action=create",
        "/user/list.php",
        "/user/card.php?id=1",
        "/user/perms.php?id=1",
    ):
        assert 'class="error"' in person.get(path).text
    assert login in person.get("/user/card.php", id=number).text
    assert "action=addrights" not in person.get("/user/perms.php", id=number).text


@pytest.mark.parametrize(
    ("wanted", "label"), [("fr-FR,fr;q=0.9", "Identifiant"), ("de", "Benutzername"), ("en-GB", "Login")]
)
def test_pages_speak_the_language_of_the_browser(lab_root: Path, wanted: str, label: str) -> None:
    page = Person(settings(lab_root)["url"], **{"Accept-Language": wanted}).get("/")
    assert f'placeholder="{label}"' in page.text


def test_banner_and_title_of_the_settings_show_before_and_after_the_login(lab_root: Path) -> None:
    rows = (
        ("MAIN_HTML_HEADER", "<style>body:before{content:'copy'}</style>"),
        ("MAIN_APPLICATION_TITLE", "Copy"),
    )
    for name, value in rows:
        query(lab_root, b"INSERT INTO llx_const (name, entity, value) VALUES (%s, 1, %s)", name, value)
    try:
        outside = Person(settings(lab_root)["url"]).get("/").text
        inside = administrator(lab_root).get("/user/list.php").text
        assert rows[0][1] in outside
        assert rows[0][1] in inside
        assert "Copy" in re.sub("<style>.*?</style>", "", outside)
    finally:
        query(lab_root, b"DELETE FROM llx_const WHERE entity = 1 AND name = ANY(%s)", [r[0] for r in rows])


def test_database_swapped_under_the_erp_needs_no_restart(lab_root: Path) -> None:
    folder = Folder(lab_root)
    port = folder.state()["database_port"]

    def move(*pairs: tuple[bytes, bytes]) -> None:
        with access.connected(folder.passwords, port, access.SANDBOX, "postgres", autocommit=True) as session:
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'dolibarr_sandbox'"
            )
            for old, new in pairs:
                session.execute(b"ALTER DATABASE " + old + b" RENAME TO " + new)

    move((b"dolibarr_sandbox", b"away"))
    try:
        answer = Person(settings(lab_root)["url"]).get("/")
        assert answer.status_code == differences(lab_root).database_missing
        assert answer.headers["Content-Type"].startswith("text/html")
        with access.connected(folder.passwords, port, access.SANDBOX, "postgres", autocommit=True) as session:
            session.execute("CREATE DATABASE dolibarr_sandbox")
        empty = Person(settings(lab_root)["url"]).get("/")
        assert empty.status_code == 200
        assert 'form id="login"' in empty.text
        with access.connected(folder.passwords, port, access.SANDBOX, "postgres", autocommit=True) as session:
            session.execute("DROP DATABASE dolibarr_sandbox WITH (FORCE)")
    finally:
        move((b"away", b"dolibarr_sandbox"))
    assert 'id="id-top"' in administrator(lab_root).get("/").text


def test_database_of_an_older_version_leads_to_the_installer(lab_root: Path) -> None:
    names = "name IN ('MAIN_VERSION_LAST_INSTALL', 'MAIN_VERSION_LAST_UPGRADE')"  # the later one counts
    before = query(lab_root, f"SELECT value, rowid FROM llx_const WHERE {names}".encode())
    query(lab_root, f"UPDATE llx_const SET value = '15.0.4' WHERE {names}".encode())
    try:
        answer = Person(settings(lab_root)["url"]).get("/api/index.php/status")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/install/index.php")
    finally:
        for row in before:
            query(lab_root, b"UPDATE llx_const SET value = %s WHERE rowid = %s", *row)


def test_key_that_overflows_its_column_is_refused(lab_root: Path, admin: Person) -> None:
    number, login, _ = robot(lab_root)
    longest = differences(lab_root).key_maximum
    refused = admin.change_user(number, login, api_key="k" * (longest + 4))
    assert "error" in [kind for _, kind in messages(refused)]
    taken = admin.change_user(number, login, api_key="k" * longest)
    assert ("User modified successfully", "3000") in messages(taken)


def test_second_key_of_the_same_text_is_refused(lab_root: Path, admin: Person) -> None:
    _, _, key = robot(lab_root)
    number, login = admin.add_user()
    refused = admin.change_user(number, login, api_key=key)
    assert "error" in [kind for _, kind in messages(refused)]
    assert query(lab_root, b"SELECT api_key FROM llx_user WHERE rowid = %s", number) == [(None,)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        query(lab_root, b"INSERT INTO llx_user (login, entity) VALUES ('c.moreau', 1)")
