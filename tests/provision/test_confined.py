"""The browser and the tasks ask the sandbox's host and nobody else, through no proxy."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.provision.desk import Desk
from tests.provision.proxy import Answered, Asked, Proxy
from tests.sinks import anything
from tests.support import run, slow_but

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "ws_proxy", "auto_proxy")
# all the ways in which a page asks another host, {other} and {moved}: a path that leads there
REFERENCES = """
<link rel="stylesheet" href="{other}/a.css"><link rel="preconnect" href="{other}">
<link rel="dns-prefetch" href="{other}"><link rel="prefetch" href="{other}/p">
<link rel="icon" href="{other}/i"><script src="{other}/a.js"></script><img src="{other}/a.png">
<img src="{moved}"><iframe src="{other}/f"></iframe><iframe src="{moved}"></iframe>
<object data="{other}/o"></object><video src="{other}/v"></video>
<style>@font-face {{ font-family: f; src: url({other}/font) }}
  body {{ font-family: f; background: url({other}/b) }}</style>
<script>
  const other = "{other}", host = other.replace("http://", "");
  const tries = [
    () => fetch(other, {{mode: "no-cors"}}), () => fetch("{moved}", {{mode: "no-cors"}}),
    () => navigator.sendBeacon(other, "x"), () => new WebSocket("ws://" + host), () => new EventSource(other),
    () => new Worker(URL.createObjectURL(new Blob([`importScripts("${{other}}/w"); new WebSocket("ws://${{host}}")`]))),
    () => navigator.serviceWorker.register("/sw.js"), () => new WebTransport(other.replace("http", "https")),
    () => window.open(other), () => window.open("{moved}"),
    () => {{ const peer = new RTCPeerConnection({{iceServers: [{{urls: "stun:" + host}},
        {{urls: "turn:" + host + "?transport=tcp", username: "u", credential: "c"}}]}});
      peer.createDataChannel("c"); peer.createOffer().then(offer => peer.setLocalDescription(offer)); }},
  ];
  for (const attempt of tries) {{ try {{ Promise.resolve(attempt()).catch(() => 0); }} catch (error) {{ }} }}
</script></body>"""


def referring(proxy: Proxy, other: str) -> None:
    """Have every page of the ERP ask another host in all ways."""
    page = REFERENCES.format(other=other, moved="/moved")
    moved = Answered(302, {"Location": f"{other}/moved"})
    proxy.before = lambda asked: moved if asked.path == "/moved" else None
    pages = ("/", "/user/list.php")
    proxy.after = lambda asked, answered: (
        answered.with_text("</body>", page) if asked.path in pages else answered
    )


@pytest.mark.parametrize("other", slow_but({"127.0.0.2"}, ["127.0.0.2", "127.0.0.1", "localhost"]))
def test_a_page_that_refers_to_another_host_works_and_asks_it_nothing(
    desk: Desk, proxy: Proxy, other: str, agent: str
) -> None:
    own = int(proxy.url.rpartition(":")[2])
    # the same port of another address, another port of the same address, and the same server by another name
    address, port = ("127.0.0.2", own) if other == "127.0.0.2" else ("127.0.0.1", 0)
    with anything(address, port) as (taken, sink):
        referring(proxy, f"http://{other}:{own if other == 'localhost' else taken}")
        assert desk.provision(agent, url=proxy.url).created
    assert sink.received == []
    assert {asked.headers["Host"] for asked in proxy.asked} == {proxy.url.removeprefix("http://")}
    assert any(asked.path == "/moved" for asked in proxy.asked)


def test_no_task_uses_a_proxy_whatever_the_environment_says(desk: Desk, agent: str) -> None:
    desk.write_tasks(agent, desk.erp.url)
    with anything() as (port, sink):
        names = (*VARIABLES, *map(str.upper, VARIABLES))
        given: dict[str, Any] = dict.fromkeys(names, f"http://127.0.0.1:{port}")
        for words in (["provision", "--headless"], ["relink-env"], ["status"]):
            done = run(desk.folder, *words, **given, no_proxy="", NO_PROXY="")
            assert done.returncode == 0, done.stderr
    assert sink.received == []


@pytest.mark.slow
@pytest.mark.parametrize("task", ["provision --headless", "status"])
def test_a_task_connects_to_the_sandbox_alone(desk: Desk, proxy: Proxy, task: str, agent: str) -> None:
    if not shutil.which("strace"):
        pytest.skip("to whom the tasks connect: apt-get install strace, then nox -s slow")
    desk.write_tasks(agent, proxy.url)
    log = desk.folder / "connects"
    proxy.before = linger
    words = [sys.executable, "-m", "invoke", *task.split()]
    strace = ["strace", "-f", "-yy", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(log)]
    done = subprocess.run([*strace, *words], cwd=desk.folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 4), done.stderr
    asked = set(re.findall(r"connect\(\d+<TCP.*?htons\((\d+)\).*?\"([0-9a-f.:]+)\"", log.read_text()))
    assert asked == {(proxy.url.rpartition(":")[2], "127.0.0.1")}
    sent = re.findall(r"(?:send\w+)\(\d+<UDP[^\n]*", log.read_text())
    assert sent == []


def linger(asked: Asked) -> None:
    """Leave the browser time for what it does of its own accord."""
    if asked.path == "/user/list.php":
        time.sleep(10)
