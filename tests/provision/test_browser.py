"""The browser and the person at it: found, shown, closed, interrupted, logged in by hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import sync_playwright

from sandbox.dolibarr import browser
from sandbox.errors import ExitCode, Failed, UsageError
from tests.provision.desk import Desk
from tests.provision.proxy import Asked, Proxy
from tests.support import slow_but


def _browsers(of: int) -> list[psutil.Process]:
    children = psutil.Process(of).children(recursive=True)
    return [child for child in children if "--remote-debugging-pipe" in " ".join(child.cmdline())]


def test_a_browser_that_is_closed_is_told(desk: Desk, proxy: Proxy, agent: str) -> None:
    def close(asked: Asked) -> None:
        if asked.path == "/user/list.php":
            for process in _browsers(os.getpid()):
                process.kill()

    proxy.before = close
    error = desk.failing(agent, url=proxy.url)
    assert isinstance(error, Failed)
    assert "the browser was closed at /user/list.php" in error.what


@pytest.fixture
def heeded() -> Iterator[None]:
    """A child that heeds Ctrl-C even when these tests run in a shell's background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
def test_ctrl_c_ends_it_with_one_message_and_no_browser_left(desk: Desk, proxy: Proxy, agent: str) -> None:
    running: list[subprocess.Popen[str]] = []
    browsers: list[psutil.Process] = []

    def interrupt(asked: Asked) -> None:
        if asked.path == "/user/list.php" and running:
            browsers.extend(_browsers(running[0].pid))
            os.killpg(running.pop().pid, signal.SIGINT)  # as the terminal does: to all of them
            time.sleep(1)

    desk.write_tasks(agent, proxy.url)
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


@pytest.fixture
def unraised() -> Iterator[None]:
    """A Ctrl-C that raises nothing: what it ended tells of a failure first."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("unraised")
def test_a_browser_that_ctrl_c_ended_is_not_blamed(desk: Desk, proxy: Proxy, agent: str) -> None:
    def interrupt(asked: Asked) -> None:
        if asked.path == "/user/list.php":
            os.kill(os.getpid(), signal.SIGINT)
            for process in _browsers(os.getpid()):
                process.kill()

    proxy.before = interrupt
    assert desk.failing(agent, url=proxy.url).what == "stopped by Ctrl-C"


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "--headless needs"), ("DOLIBARR_ADMIN_LOGIN=admin\n", "has no DOLIBARR_ADMIN_PASSWORD")],
)
def test_headless_needs_whole_credentials(desk: Desk, text: str | None, message: str, agent: str) -> None:
    path = desk.folder / "test/.env.sandbox"
    path.unlink()
    if text is not None:
        path.write_text(text)
    error = desk.failing(agent)
    assert error.code == ExitCode.USAGE
    assert message in error.what
    assert str(path) in error.what


def test_without_a_display_headless_is_proposed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, agent: str
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for display in (None, ":987"):  # none, and one that is not there
        if display:
            monkeypatch.setenv("DISPLAY", display)
        error = desk.failing(agent, headless=False)
        assert error.code == ExitCode.USAGE
        assert "--headless" in error.next_step


def test_without_a_browser_the_way_to_one_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, agent: str
) -> None:
    error = desk.failing(agent, browser={"executable": "no/such/browser"})
    assert "browser.executable is no program" in error.what
    desk.reached = False  # no shell is on that PATH either
    monkeypatch.setenv("PATH", str(desk.folder))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(desk.folder))
    error = desk.failing(agent)
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


@pytest.mark.parametrize("credentials", slow_but({"none"}, ["none", "wrong"]))
def test_a_person_completes_the_login_and_it_goes_on_by_itself(
    desk: Desk, watched: Callable[[], tuple[Path, int]], credentials: str, agent: str
) -> None:
    script, port = watched()
    if credentials == "none":
        (desk.folder / "test/.env.sandbox").unlink()
    else:
        desk.write_credentials(password="not-the-password-2")
    words = [sys.executable, "-c", textwrap.dedent(PERSON), str(port), desk.erp.login, desk.erp.password]
    with subprocess.Popen(words) as person:
        report = desk.provision(agent, headless=False, browser={"executable": str(script)})
        assert person.wait(30) == 0
    assert report.created
    assert any("Complete the login in the browser window" in line for line in desk.said)
    assert desk.erp.whoami(desk.key).login == agent


def test_listing_the_tasks_imports_no_playwright() -> None:
    code = "import sys, sandbox.lifecycle.provision; sys.exit('playwright' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_usage_error_names_every_missing_line(desk: Desk, agent: str) -> None:
    (desk.folder / "test/.env.sandbox").write_text("OTHER=1\n")
    with pytest.raises(UsageError, match="no DOLIBARR_ADMIN_LOGIN and no DOLIBARR_ADMIN_PASSWORD"):
        desk.provision(agent, headless=False)
