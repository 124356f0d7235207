"""What stops a provision: one clear message each, with its next step, and nothing half done."""

from __future__ import annotations

import stat
import time

import pytest

from sandbox.dolibarr.failure import DolibarrPageError
from sandbox.errors import ExitCode
from tests.provision.desk import Desk, bytes_kept
from tests.provision.proxy import Answered, Asked, Proxy
from tests.support import Double

pytestmark = pytest.mark.usefixtures("one_browser")


def test_a_wrong_password_is_told_in_dolibarrs_own_words(desk: Desk, agent: str) -> None:
    desk.write_credentials(password="not-the-password-1")
    error = desk.failing(agent)
    assert isinstance(error, DolibarrPageError)
    assert error.page == "/"
    assert len(error.seen) > 10  # whatever the language
    assert "without any message" not in error.seen
    assert str(desk.folder / "test/.env.sandbox") in error.next_step
    (folder,) = desk.kept()
    assert str(folder) in error.next_step
    assert sorted(path.name for path in folder.iterdir()) == ["page.png", "trail.jsonl"]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert (stat.S_IMODE(folder.stat().st_mode), modes) == (0o700, {0o600})
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert b"not-the-password-1" not in bytes_kept(folder)


def test_an_account_that_is_locked_is_told_with_its_next_step(desk: Desk, proxy: Proxy, agent: str) -> None:
    message = "Too many attempts, please try again later"

    def locked(asked: Asked, answered: Answered) -> Answered:
        if asked.method == "POST" and asked.path == "/index.php":
            return Answered(
                body=b'<form id="login"></form><div class="error">' + message.encode() + b"</div>"
            )
        return answered

    proxy.after = locked
    error = desk.failing(agent, url=proxy.url)
    assert message in error.what
    assert "not locked" in error.next_step


def test_a_captcha_or_second_factor_needs_a_person(desk: Desk, proxy: Proxy, agent: str) -> None:
    def ask_more(asked: Asked, answered: Answered) -> Answered:
        field = '<input type="text" id="securitycode" name="code"><input type="password" id="password"'
        return (
            answered.with_text('<input type="password" id="password"', field)
            if asked.path == "/"
            else answered
        )

    proxy.after = ask_more
    error = desk.failing(agent, url=proxy.url)
    assert "code" in error.what
    assert "without --headless" in error.next_step
    assert [asked for asked in proxy.asked if asked.method == "POST"] == []


def test_a_request_for_a_new_password_is_told(desk: Desk, proxy: Proxy, agent: str) -> None:
    page = b'<title>Change it</title><form id="change"><input type="password" name="new"></form>'
    proxy.after = lambda asked, answered: Answered(body=page) if asked.method == "POST" else answered
    error = desk.failing(agent, url=proxy.url)
    assert "asks for a new password" in error.next_step


def test_the_api_module_off_is_told_before_anything_is_changed(desk: Desk, agent: str) -> None:
    with desk.erp.constant("MAIN_MODULE_API", None):
        error = desk.failing(agent)
    assert "API module is off" in error.what
    assert "REST server" in error.next_step
    assert agent not in desk.erp.users()


def test_rights_whose_module_is_off_are_told_together_and_nothing_is_changed(desk: Desk, agent: str) -> None:
    wanted = ["user.self.creer", "banque.lire", "banque.modifier", "factura.lire", "facture.lire"]
    with desk.erp.module_off("banque", "MAIN_MODULE_BANQUE"):
        error = desk.failing(agent, agent={"login": agent, "rights": wanted})
    assert "module Banks & Cash (banque) is off, so banque.lire, banque.modifier cannot" in error.what
    assert "factura.lire (did you mean facture.lire" in error.what
    assert "nothing was changed" in error.next_step
    assert agent not in desk.erp.users()


def test_an_administrators_right_is_refused_before_anything_is_asked(
    desk: Desk, proxy: Proxy, agent: str
) -> None:
    error = desk.failing(agent, url=proxy.url, agent={"login": agent, "rights": ["user.user.creer"]})
    assert error.code == ExitCode.USAGE
    assert proxy.asked == []


def test_keys_in_a_table_of_their_own_are_told(desk: Desk, proxy: Proxy, agent: str) -> None:
    def without_field(asked: Asked, answered: Answered) -> Answered:
        if asked.path != "/user/card.php":
            return answered
        changed = answered.with_text('id="api_key"', 'id="no_key"')
        return changed.with_text("</body>", "<a href='/user/api_token/list.php?id=1'>keys</a></body>")

    proxy.after = without_field
    error = desk.failing(agent, url=proxy.url)
    assert "API_IN_TOKEN_TABLE" in error.what + error.next_step


def test_a_page_that_never_comes_is_told_with_its_path(desk: Desk, proxy: Proxy, agent: str) -> None:
    proxy.before = lambda asked: time.sleep(5) if asked.path == "/user/list.php" else None
    error = desk.failing(agent, url=proxy.url, browser={"timeout": 3})
    assert "/user/list.php: expected an answer within 3 s" in error.what
    assert "browser.timeout" in error.next_step
    assert len(desk.kept()) == 1


def test_what_is_not_dolibarr_is_told(desk: Desk, agent: str) -> None:
    with Double().serving() as double:
        error = desk.failing(agent, url=double.url)
    assert error.code == ExitCode.UNREACHABLE
    assert "not Dolibarr" in error.what
    error = desk.failing(agent, url=double.url)
    assert error.code == ExitCode.UNREACHABLE
    assert "does not answer" in error.what


def test_a_login_that_is_no_administrators_is_told(desk: Desk, agent: str) -> None:
    login = f"{agent}_employee"
    hashed = desk.erp.execute("SELECT pass_crypted FROM llx_user WHERE login = %s", desk.erp.login)[0][0]
    desk.erp.execute(
        """INSERT INTO llx_user (login, lastname, admin, employee, entity, statut, pass_crypted, datec)
           VALUES (%s, 'employee', 0, 0, 1, 1, %s, now())""",
        login,
        hashed,
    )
    desk.write_credentials(login=login)
    error = desk.failing(agent)
    assert "/user/list.php: expected the list of users" in error.what
    assert "administrator" in error.next_step
