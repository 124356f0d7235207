"""No secret is kept or said, and no host but the sandbox's is asked."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import envfile, redact
from sandbox.dolibarr import browser
from sandbox.dolibarr.trail import Trail
from sandbox.errors import ExitCode
from tests.provision.desk import Desk, bytes_kept
from tests.provision.proxy import Answered, Asked, Proxy
from tests.support import Double, document, run

pytestmark = pytest.mark.usefixtures("one_browser")


@pytest.mark.parametrize("form", ["createuser", "updateuser"])
def test_what_is_kept_of_a_failure_holds_no_secret(desk: Desk, proxy: Proxy, form: str, agent: str) -> None:
    action = {"createuser": "add", "updateuser": "update"}[form]

    def refuse(asked: Asked) -> Answered | None:
        if asked.method != "POST" or asked.action != action:
            return None
        # the worst that a page could do: say every secret aloud
        said = "; ".join([*proxy.secrets(), desk.erp.password])
        page = f"""<!doctype html><title>{said}</title><body><div id="id-top"></div>
          <div class="error">no: {said}</div>
          <form name="{form}"><input id="api_key" name="api_key" value="{said}"><p>{said}</p></form>"""
        return Answered(body=page.encode())

    proxy.before = refuse
    error = desk.failing(agent, url=proxy.url)
    assert "no:" in error.what
    secrets = proxy.secrets()
    assert len(secrets) >= 4  # the password, a made password or the key, a cookie, a token
    kept = bytes_kept(desk.folder / ".sandbox")
    assert b'"step"' in kept
    for secret in (*secrets, desk.erp.password):
        assert secret.encode() not in kept
        assert secret not in "".join(desk.said) + str(error)


def test_the_picture_of_a_failure_shows_no_key(tmp_path: Path) -> None:
    """Two pages that differ only in the secrets they show must give the same picture."""
    with browser.window("http://127.0.0.1:9", None, 10, headless=True) as window:
        for number in range(2):
            secret = f"Secret{number}" * 6
            window.page.set_content(
                f"""<div id="id-top"></div><input value="{secret}"><textarea>{secret}</textarea>
                <p>key {secret}</p>
                <span class="clipboardCP"><span class="clipboardCPValue">plain words {number}</span></span>"""
            )
            Trail().keep(tmp_path, window.page, "a failure")
    first, second = (path.read_bytes() for path in sorted(tmp_path.glob("*/page.png")))
    assert first == second


def test_another_host_is_never_asked(desk: Desk, proxy: Proxy, agent: str) -> None:
    with Double().serving() as prod:
        picture = f'<img src="{prod.url}/a.png"><script src="{prod.url}/b.js"></script></body>'
        proxy.after = lambda _, answered: answered.with_text("</body>", picture)
        assert desk.provision(agent, url=proxy.url).created
        moved = Answered(302, {"Location": f"{prod.url}/user/list.php"})
        proxy.after = lambda asked, answered: moved if asked.path == "/user/list.php" else answered
        envfile.write_secret(desk.folder / "test/.ai_agent_sandbox.key", "the old key")
        desk.relinked = 0
        error = desk.failing(agent, url=proxy.url)
        assert error.code == ExitCode.REFUSED
        assert prod.url in error.what
        assert prod.asked == []


@pytest.mark.parametrize("form", ["{}", "{}/", "HTTP://LOCALHOST:{port}"])
def test_prods_url_is_refused_before_anything_is_asked(
    desk: Desk, proxy: Proxy, form: str, agent: str
) -> None:
    port = proxy.url.rpartition(":")[2]
    here = proxy.url.replace("127.0.0.1", "localhost") if "LOCALHOST" in form else proxy.url
    error = desk.failing(agent, url=here, prod={"url": form.format(proxy.url, port=port)})
    assert error.code == ExitCode.REFUSED
    assert proxy.asked == []


def test_a_key_that_does_not_work_is_not_written(desk: Desk, proxy: Proxy, agent: str) -> None:
    def drop(asked: Asked) -> Asked | None:
        if asked.action != "update":
            return None
        return replace(asked, body=asked.body.replace(b'name="api_key"', b'name="not_the_key"'))

    proxy.before = drop
    error = desk.failing(agent, url=proxy.url)
    assert "the new key does not work" in error.what


@pytest.mark.parametrize(
    "file", ["test/.ai_agent_sandbox.key", "test/.env.sandbox", "dolibarr-sandbox-write/.env"]
)
def test_a_secret_that_git_tracks_is_refused_before_anything_is_asked(
    desk: Desk, proxy: Proxy, file: str, agent: str
) -> None:
    if not (desk.folder / file).exists():
        envfile.write_secret(desk.folder / file, "the old key")
    for words in (["init", "-q"], ["add", "-f", file]):
        subprocess.run(["git", *words], cwd=desk.folder, check=True)
    assert "is tracked by git" in desk.failing(agent, url=proxy.url).what
    assert proxy.asked == []


def test_a_provision_tells_no_secret_that_is_repeated_or_debugged(
    desk: Desk, proxy: Proxy, agent: str
) -> None:
    def repeat(asked: Asked, answered: Answered) -> Answered:
        key = asked.headers.get("DOLAPIKEY")
        if key is None or not asked.path.startswith("/api/"):
            return answered
        given = json.loads(answered.body)
        given.get("success", {})["dolibarr_version"] = key
        given.setdefault("rights", {})[key] = {"lire": "1"}
        return replace(answered, body=json.dumps(given).encode())

    proxy.after = repeat
    desk.write_tasks(agent, proxy.url)
    done = run(desk.folder, "provision", "--headless", "--json", DEBUG="*", NODE_DEBUG="*")
    assert (done.returncode, document(done)["version"]) == (0, None)
    assert desk.key is not None
    for secret in (desk.key, desk.erp.password):
        assert secret not in done.stdout + done.stderr


HIDING = """<div id="id-top"></div>
<p>{secret}</p><p title="{secret}">{capitals}</p>
<input type="submit" value="{secret}"><input placeholder="{secret}">
<select><option>{secret}</option></select><svg width="400" height="30"><text y="20">{secret}</text></svg>
<style>h1::before {{ content: "{secret}" }}</style><h1></h1>
<iframe srcdoc="{secret}"></iframe><img alt="{secret}" src="x"><button>{secret}</button>
<details open><summary>{secret}</summary></details>"""


def test_the_picture_of_a_failure_shows_no_secret_that_is_known(tmp_path: Path) -> None:
    """Two pages that differ in their secrets alone give one picture; what is spelled out gives none."""
    secrets = ["correct horse", "battery stapl"]  # which no machine made
    redact.add(*secrets)
    with browser.window("http://127.0.0.1:9", None, 10, headless=True) as window:
        for secret in secrets:
            window.page.set_content(HIDING.format(secret=secret, capitals=secret.upper()))
            Trail().keep(tmp_path, window.page, "a failure")
        first, second = (path.read_bytes() for path in sorted(tmp_path.glob("*/page.png")))
        assert first == second
        spelled = "".join(f"<b>{letter}</b> " for letter in secrets[0])
        window.page.set_content(f'<div id="id-top"></div>{spelled}')
        kept = Trail().keep(tmp_path, window.page, "a failure")
    assert sorted(path.name for path in kept.iterdir()) == ["trail.jsonl"]
