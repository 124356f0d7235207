"""What stops a provision: one clear message each, nothing half done, and no secret in what is kept."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import sync_playwright

from sandbox import envfile
from sandbox.dolibarr import browser
from sandbox.dolibarr.failure import DolibarrPageError
from sandbox.errors import ExitCode, Failed, Refused, SandboxError, UsageError
from tests.provisioning import Answered, Asked, Desk, Erp, Proxy, bytes_kept, reach
from tests.support import Double

AGENT = "agent_of_the_failures"


@pytest.fixture(scope="module")
def erp(request: pytest.FixtureRequest) -> Erp:
    return reach(lambda: request.getfixturevalue("lab_root"))


@pytest.fixture
def desk(erp: Erp, tmp_path: Path) -> Desk:
    made = Desk(erp, tmp_path)
    made.write_credentials()
    envfile.write_secret(tmp_path / "test/.ai_agent_sandbox.key", "the old key")
    return made


@pytest.fixture
def proxy(erp: Erp) -> Iterator[Proxy]:
    with Proxy(erp.url).serving() as serving:
        yield serving


def failing(desk: Desk, *, headless: bool = True, login: str = AGENT, **tree: Any) -> SandboxError:
    """Provision, which must fail and leave the key and the .env as they were."""
    with pytest.raises(SandboxError) as caught:
        desk.provision(login, headless=headless, **tree)
    assert desk.key == "the old key"
    assert desk.relinked == 0
    assert caught.value.next_step
    assert "\n" not in caught.value.what
    assert desk.erp.password not in str(caught.value)
    return caught.value


def secrets_seen(proxy: Proxy) -> list[str]:
    """Every password, key, cookie and form token that went over the wire."""
    found = set()
    for asked in proxy.asked:
        fields = asked.form if asked.body else {}
        found |= {fields.get(name, "") for name in ("password", "api_key", "token")}
        found |= {part.partition("=")[2] for part in asked.headers.get("Cookie", "").split("; ")}
        found |= set(asked.query.get("token", []))
    return sorted(found - {""})


def test_a_wrong_password_is_told_in_dolibarrs_own_words(desk: Desk) -> None:
    desk.write_credentials(password="not-the-password-1")
    error = failing(desk)
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


@pytest.mark.parametrize("form", ["createuser", "updateuser"])
def test_what_is_kept_of_a_failure_holds_no_secret(desk: Desk, proxy: Proxy, form: str) -> None:
    action = {"createuser": "add", "updateuser": "update"}[form]

    def refuse(asked: Asked) -> Answered | None:
        if asked.method != "POST" or asked.action != action:
            return None
        # the worst that a page could do: say every secret aloud
        said = "; ".join([*secrets_seen(proxy), desk.erp.password])
        page = f"""<!doctype html><title>{said}</title><body><div id="id-top"></div>
          <div class="error">no: {said}</div>
          <form name="{form}"><input id="api_key" name="api_key" value="{said}"><p>{said}</p></form>"""
        return Answered(body=page.encode())

    proxy.before = refuse
    error = failing(desk, url=proxy.url, login=f"{AGENT}_{form}")
    assert "no:" in error.what
    secrets = secrets_seen(proxy)
    assert len(secrets) >= 4  # the password, a made password or the key, a cookie, a token
    kept = bytes_kept(desk.folder / ".sandbox")
    assert b'"step"' in kept
    for secret in (*secrets, desk.erp.password):
        assert secret.encode() not in kept
        assert secret not in "".join(desk.said) + str(error)


def test_the_picture_of_a_failure_shows_no_key(desk: Desk, proxy: Proxy) -> None:
    """Two pages that differ only in the secrets they show must give the same picture."""
    pictures = []
    for number in range(2):
        secret = f"Secret{number}" * 6
        page = f"""<!doctype html><body><div id="id-top"></div><input value="{secret}"><p>key {secret}</p>
          <span class="clipboardCP"><span class="clipboardCPValue">plain words {number}</span></span>"""
        proxy.after = lambda asked, answered, page=page: (  # type: ignore[misc]
            Answered(body=page.encode()) if asked.path == "/user/list.php" else answered
        )
        failing(desk, url=proxy.url)
        pictures.append((desk.kept()[-1] / "page.png").read_bytes())
    assert pictures[0] == pictures[1]


def test_an_account_that_is_locked_is_told_with_its_next_step(desk: Desk, proxy: Proxy) -> None:
    message = "Too many attempts, please try again later"

    def locked(asked: Asked, answered: Answered) -> Answered:
        if asked.method == "POST" and asked.path == "/index.php":
            return Answered(
                body=b'<form id="login"></form><div class="error">' + message.encode() + b"</div>"
            )
        return answered

    proxy.after = locked
    error = failing(desk, url=proxy.url)
    assert message in error.what
    assert "not locked" in error.next_step


def test_a_captcha_or_second_factor_needs_a_person(desk: Desk, proxy: Proxy) -> None:
    def ask_more(asked: Asked, answered: Answered) -> Answered:
        field = '<input type="text" id="securitycode" name="code"><input type="password" id="password"'
        return (
            answered.with_text('<input type="password" id="password"', field)
            if asked.path == "/"
            else answered
        )

    proxy.after = ask_more
    error = failing(desk, url=proxy.url)
    assert "code" in error.what
    assert "without --headless" in error.next_step
    assert [asked for asked in proxy.asked if asked.method == "POST"] == []


def test_a_request_for_a_new_password_is_told(desk: Desk, proxy: Proxy) -> None:
    page = b'<title>Change it</title><form id="change"><input type="password" name="new"></form>'
    proxy.after = lambda asked, answered: Answered(body=page) if asked.method == "POST" else answered
    error = failing(desk, url=proxy.url)
    assert "asks for a new password" in error.next_step


def test_the_api_module_off_is_told_before_anything_is_changed(desk: Desk) -> None:
    with desk.erp.constant("MAIN_MODULE_API", None):
        error = failing(desk)
    assert "API module is off" in error.what
    assert "REST server" in error.next_step
    assert AGENT not in desk.erp.users()


def test_rights_whose_module_is_off_are_told_together_and_nothing_is_changed(desk: Desk) -> None:
    wanted = ["user.self.creer", "banque.lire", "banque.modifier", "factura.lire", "facture.lire"]
    with desk.erp.module_off("banque", "MAIN_MODULE_BANQUE"):
        error = failing(desk, agent={"login": AGENT, "rights": wanted})
    assert "module Banks & Cash (banque) is off, so banque.lire, banque.modifier cannot" in error.what
    assert "factura.lire (did you mean facture.lire" in error.what
    assert "nothing was changed" in error.next_step
    assert AGENT not in desk.erp.users()


def test_an_administrators_right_is_refused_before_anything_is_asked(desk: Desk, proxy: Proxy) -> None:
    error = failing(desk, url=proxy.url, agent={"login": AGENT, "rights": ["user.user.creer"]})
    assert error.code == ExitCode.USAGE
    assert proxy.asked == []


def test_keys_in_a_table_of_their_own_are_told(desk: Desk, proxy: Proxy) -> None:
    def without_field(asked: Asked, answered: Answered) -> Answered:
        if asked.path != "/user/card.php":
            return answered
        changed = answered.with_text('id="api_key"', 'id="no_key"')
        return changed.with_text("</body>", "<a href='/user/api_token/list.php?id=1'>keys</a></body>")

    proxy.after = without_field
    error = failing(desk, url=proxy.url, login=f"{AGENT}_token")
    assert "API_IN_TOKEN_TABLE" in error.what + error.next_step


def test_a_page_that_never_comes_is_told_with_its_path(desk: Desk, proxy: Proxy) -> None:
    proxy.before = lambda asked: time.sleep(4) if asked.path == "/user/list.php" else None
    error = failing(desk, url=proxy.url, browser={"timeout": 1.5})
    assert "/user/list.php: expected an answer within 1.5 s" in error.what
    assert "browser.timeout" in error.next_step
    assert len(desk.kept()) == 1


def test_what_is_not_dolibarr_is_told(desk: Desk) -> None:
    with Double().serving() as double:
        error = failing(desk, url=double.url)
    assert error.code == ExitCode.UNREACHABLE
    assert "not Dolibarr" in error.what
    error = failing(desk, url=double.url)
    assert error.code == ExitCode.UNREACHABLE
    assert "does not answer" in error.what


@pytest.mark.parametrize("form", ["{}", "{}/", "HTTP://LOCALHOST:{port}"])
def test_prods_url_is_refused_before_anything_is_asked(desk: Desk, proxy: Proxy, form: str) -> None:
    port = proxy.url.rpartition(":")[2]
    here = proxy.url.replace("127.0.0.1", "localhost") if "LOCALHOST" in form else proxy.url
    error = failing(desk, url=here, prod={"url": form.format(proxy.url, port=port)})
    assert error.code == ExitCode.REFUSED
    assert proxy.asked == []


def test_another_host_is_never_asked(desk: Desk, proxy: Proxy) -> None:
    with Double().serving() as prod:
        picture = f'<img src="{prod.url}/a.png"><script src="{prod.url}/b.js"></script></body>'
        proxy.after = lambda _, answered: answered.with_text("</body>", picture)
        assert desk.provision(f"{AGENT}_pictures", url=proxy.url).created
        moved = Answered(302, {"Location": f"{prod.url}/user/list.php"})
        proxy.after = lambda asked, answered: moved if asked.path == "/user/list.php" else answered
        envfile.write_secret(desk.folder / "test/.ai_agent_sandbox.key", "the old key")
        desk.relinked = 0
        error = failing(desk, url=proxy.url)
        assert error.code == ExitCode.REFUSED
        assert prod.url in error.what
        assert prod.asked == []


def _browsers(of: int) -> list[psutil.Process]:
    children = psutil.Process(of).children(recursive=True)
    return [child for child in children if "--remote-debugging-pipe" in " ".join(child.cmdline())]


def test_a_browser_that_is_closed_is_told(desk: Desk, proxy: Proxy) -> None:
    def close(asked: Asked) -> None:
        if asked.path == "/user/list.php":
            for process in _browsers(os.getpid()):
                process.kill()

    proxy.before = close
    error = failing(desk, url=proxy.url)
    assert isinstance(error, Failed)
    assert "the browser was closed at /user/list.php" in error.what


def test_ctrl_c_ends_it_with_one_message_and_no_browser_left(desk: Desk, proxy: Proxy) -> None:
    running: list[subprocess.Popen[str]] = []
    browsers: list[psutil.Process] = []

    def interrupt(asked: Asked) -> None:
        if asked.path == "/user/list.php" and running:
            browsers.extend(_browsers(running[0].pid))
            os.killpg(running.pop().pid, signal.SIGINT)  # as the terminal does: to all of them
            time.sleep(1)

    desk.write_tasks(AGENT, proxy.url)
    words = [sys.executable, "-m", "invoke", "provision", "--headless"]
    process = subprocess.Popen(
        words, cwd=desk.folder, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    running.append(process)
    proxy.before = interrupt
    _, said = process.communicate(timeout=60)
    assert process.returncode == ExitCode.FAILED
    assert "stopped by Ctrl-C" in said
    assert "Traceback" not in said
    gone, left = psutil.wait_procs(browsers, 5)
    assert gone
    assert left == []


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "--headless needs"), ("DOLIBARR_ADMIN_LOGIN=admin\n", "has no DOLIBARR_ADMIN_PASSWORD")],
)
def test_headless_needs_whole_credentials(desk: Desk, text: str | None, message: str) -> None:
    path = desk.folder / "test/.env.sandbox"
    path.unlink()
    if text is not None:
        path.write_text(text)
    error = failing(desk)
    assert error.code == ExitCode.USAGE
    assert message in error.what
    assert str(path) in error.what


def test_without_a_display_headless_is_proposed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for display in (None, ":987"):  # none, and one that is not there
        if display:
            monkeypatch.setenv("DISPLAY", display)
        error = failing(desk, headless=False)
        assert error.code == ExitCode.USAGE
        assert "--headless" in error.next_step


def test_without_a_browser_the_way_to_one_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    error = failing(desk, browser={"executable": "no/such/browser"})
    assert "browser.executable is no program" in error.what
    monkeypatch.setenv("PATH", str(desk.folder))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(desk.folder))
    error = failing(desk)
    assert error.code == ExitCode.USAGE
    assert "playwright install chromium" in error.next_step
    assert "apt install chromium" in error.next_step


PERSON = """
    import sys, time
    from playwright.sync_api import Error, sync_playwright
    port, login, password = sys.argv[1:]
    with sync_playwright() as playwright:
        for _ in range(100):
            try:
                page = playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}").contexts[0].pages[0]
                break
            except (Error, IndexError):
                time.sleep(0.1)
        page.wait_for_selector("form#login", timeout=20000)
        time.sleep(1)
        page.locator("#username").fill(login)
        page.locator("#password").fill(password)
        page.locator("form#login [type=submit]").click()
        time.sleep(0.5)
"""


@pytest.fixture
def watched(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Path, int]]:
    """A browser that shows no window though it is asked to, and lets a second program look at its pages."""

    def make() -> tuple[Path, int]:
        with sync_playwright() as playwright:
            found = browser.find(playwright, None, headless=False)
        script = desk.folder / "watched-browser"
        port = 20000 + os.getpid() % 20000
        script.write_text(f'#!/bin/sh\nexec {found} --headless=new --remote-debugging-port={port} "$@"\n')
        script.chmod(0o700)
        monkeypatch.setenv("DISPLAY", ":0")
        return script, port

    return make


@pytest.mark.parametrize("credentials", ["none", "wrong"])
def test_a_person_completes_the_login_and_it_goes_on_by_itself(
    desk: Desk, watched: Callable[[], tuple[Path, int]], credentials: str
) -> None:
    script, port = watched()
    if credentials == "none":
        (desk.folder / "test/.env.sandbox").unlink()
    else:
        desk.write_credentials(password="not-the-password-2")
    words = [sys.executable, "-c", textwrap.dedent(PERSON), str(port), desk.erp.login, desk.erp.password]
    with subprocess.Popen(words) as person:
        report = desk.provision(f"{AGENT}_{credentials}", headless=False, browser={"executable": str(script)})
        assert person.wait(30) == 0
    assert report.created
    assert any("Complete the login in the browser window" in line for line in desk.said)
    assert desk.erp.whoami(desk.key).login == f"{AGENT}_{credentials}"


def test_a_login_that_is_no_administrators_is_told(desk: Desk) -> None:
    password = "Only-an-employee-1"
    login = f"{AGENT}_employee"
    hashed = desk.erp.execute("SELECT pass_crypted FROM llx_user WHERE login = %s", desk.erp.login)[0][0]
    desk.erp.execute(
        """INSERT INTO llx_user (login, lastname, admin, employee, entity, statut, pass_crypted, datec)
           VALUES (%s, 'employee', 0, 0, 1, 1, %s, now())""",
        login,
        hashed,
    )
    desk.write_credentials(login=login, password=desk.erp.password)
    assert password not in str(failing(desk))
    desk.write_credentials(login=login)
    error = failing(desk)
    assert "/user/list.php: expected the list of users" in error.what
    assert "administrator" in error.next_step


def test_a_key_that_does_not_work_is_not_written(desk: Desk, proxy: Proxy) -> None:
    def drop(asked: Asked) -> Asked | None:
        if asked.action != "update":
            return None
        return replace(asked, body=asked.body.replace(b'name="api_key"', b'name="not_the_key"'))

    proxy.before = drop
    error = failing(desk, url=proxy.url, login=f"{AGENT}_dropped")
    assert "the new key does not work" in error.what


def test_git_tracking_the_key_file_is_refused_before_anything_is_asked(desk: Desk, proxy: Proxy) -> None:
    for words in (["init", "-q"], ["add", "-f", "test/.ai_agent_sandbox.key"]):
        subprocess.run(["git", *words], cwd=desk.folder, check=True)
    with pytest.raises(Refused, match="tracked by git"):
        desk.provision(AGENT, url=proxy.url)
    assert proxy.asked == []


def test_listing_the_tasks_imports_no_playwright() -> None:
    code = "import sys, sandbox.lifecycle.provision; sys.exit('playwright' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_usage_error_names_every_missing_line(desk: Desk) -> None:
    (desk.folder / "test/.env.sandbox").write_text("OTHER=1\n")
    with pytest.raises(UsageError, match="no DOLIBARR_ADMIN_LOGIN and no DOLIBARR_ADMIN_PASSWORD"):
        desk.provision(AGENT, headless=False)
