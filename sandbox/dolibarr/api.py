"""Dolibarr's REST API: is it alive, and who am I?

A status code alone proves nothing (a switched-off API answers 200 with HTML, a stopped database 202): an
answer counts only with its status, its content type and the field that was asked for. The key is sent to
the sandbox's own host and never along a redirect.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

from sandbox.dolibarr.identity import Arms, WhoAmI, owner
from sandbox.errors import Unreachable
from sandbox.settings import Timeouts

_LARGEST_ANSWER = 4 * 1024 * 1024  # bytes


class Health(Enum):
    """What answers at the URL; the value is the line that people read."""

    ALIVE = "alive"
    API_OFF = "alive, but its API module is off"
    DATABASE_DOWN = "the web server answers, but Dolibarr cannot use its database"
    NEEDS_UPGRADE = "Dolibarr wants its installer: the database is empty or older than the code"
    NOT_DOLIBARR = "something answers, but it is not Dolibarr's API"

    @property
    def up(self) -> bool:
        """Whether Dolibarr itself works, with or without its API."""
        return self in (Health.ALIVE, Health.API_OFF)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: status, type, JSON body when it is one, redirect, milliseconds it took."""

    status: int
    content_type: str
    body: Any
    location: str
    milliseconds: float
    content: bytes = b""

    @property
    def is_json(self) -> bool:
        """Whether the body was JSON, by its content type and in fact."""
        return self.body is not None


@dataclass(frozen=True)
class Pulse:
    """What ``GET /status`` told: health, HTTP code, Dolibarr's version (with a good key only), latency."""

    health: Health
    http: int
    version: str | None
    milliseconds: float
    key_accepted: bool


class Client:
    """Asks one Dolibarr, with timeouts in seconds, no redirects and no proxy or netrc of the environment.

    Args:
        url: the base URL, without a slash at its end.
        timeouts: for connecting, and for the whole answer.
    """

    def __init__(self, url: str, timeouts: Timeouts) -> None:
        self.url, self.timeouts = url, timeouts
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy or a netrc would see the key
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        self._session.verify = bundle or True

    def get(self, path: str, key: str | None = None) -> Answer:
        """``GET <url>/api/index.php/<path>``.

        Raises:
            Unreachable: no answer within the timeouts, and why.
        """
        return self.send("GET", path, key)

    def post(self, path: str, key: str, body: object) -> Answer:
        """``POST`` a JSON body to ``<url>/api/index.php/<path>``.

        Raises:
            Unreachable: no answer within the timeouts, and why.
        """
        return self.send("POST", path, key, body)

    def send(self, method: str, path: str, key: str | None, body: object = None) -> Answer:
        """Send one request; see `get` and `post`."""
        headers = {"Accept": "application/json", **({"DOLAPIKEY": key} if key else {})}
        try:
            answer = self._send(method, f"{self.url}/api/index.php/{path}", headers, body)
        except requests.exceptions.InvalidHeader:
            raise Unreachable(
                "the key holds characters that no HTTP header can carry", "run: inv provision"
            ) from None
        return replace(answer, body=_json(answer.content_type, answer.content))

    def page(self, url: str) -> Answer:
        """``GET`` a page as nobody, without a key and without a cookie.

        Raises:
            Unreachable: no answer within the timeouts, and why.
        """
        return self._send("GET", url, {"Accept": "text/html", "Cache-Control": "no-cache"})

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: object = None) -> Answer:
        started = time.monotonic()
        try:
            with self._session.request(
                method,
                url,
                headers=headers,
                json=body,
                timeout=(self.timeouts.connect, self.timeouts.read),
                allow_redirects=False,
                stream=True,
            ) as response:
                content = self._content(response, started)
                return Answer(
                    response.status_code,
                    response.headers.get("Content-Type", "").lower(),
                    None,
                    response.headers.get("Location", ""),
                    (time.monotonic() - started) * 1000,
                    content,
                )
        except requests.exceptions.InvalidHeader:
            raise
        except requests.exceptions.RequestException as error:
            raise Unreachable(
                f"{self.url} does not answer: {_why(error, self.timeouts)}",
                "check the URL, the network or VPN, and that the sandbox runs",
            ) from None

    def _content(self, response: requests.Response, started: float) -> bytes:
        """The body, within the read timeout as a whole: a server that drips must not hold a task."""
        content = b""
        for chunk in response.iter_content(65536):
            content += chunk
            if time.monotonic() - started > self.timeouts.connect + self.timeouts.read:
                raise requests.exceptions.ReadTimeout
            if len(content) > _LARGEST_ANSWER:
                raise requests.exceptions.ContentDecodingError("the answer is too large")
        return content

    def pulse(self, key: str | None = None) -> Pulse:
        """Ask ``/status``: with no right needed, it tells alive from down and a good key from a bad one.

        Raises:
            Unreachable: nothing answers.
        """
        answer = self.get("status", key)
        success = answer.body.get("success") if isinstance(answer.body, dict) else None
        accepted = answer.status == requests.codes.ok and isinstance(success, dict)
        version = str(success.get("dolibarr_version") or "") if isinstance(success, dict) else ""
        health = Health.ALIVE if accepted else _health(answer)
        return Pulse(
            health, answer.status, version or None, answer.milliseconds, accepted and key is not None
        )

    def whoami(self, key: str, login: str | None = None) -> WhoAmI:
        """Ask ``/users/info`` who the key belongs to; armed when it is `login` (None: whoever it is).

        Raises:
            Unreachable: nothing answers.
        """
        answer = self.get("users/info?includepermissions=1", key)
        if answer.status == requests.codes.ok and isinstance(answer.body, dict) and answer.body.get("login"):
            return owner(answer.status, answer.body, login)
        if answer.status in (requests.codes.unauthorized, requests.codes.forbidden) and answer.is_json:
            # Dolibarr 16 says 401 for a missing right too; /status, which needs none, tells them apart
            known = answer.status == requests.codes.forbidden or self.pulse(key).key_accepted
            return WhoAmI(Arms.MAY_NOT_READ_ITSELF if known else Arms.KEY_REFUSED, answer.status)
        if _health(answer) is Health.API_OFF:
            return WhoAmI(Arms.API_OFF, answer.status)
        return WhoAmI(Arms.UNKNOWN, answer.status)


def _health(answer: Answer) -> Health:
    if answer.status == requests.codes.unauthorized and answer.is_json:
        return Health.ALIVE
    if answer.status in (requests.codes.found, requests.codes.moved) and "/install" in answer.location:
        return Health.NEEDS_UPGRADE
    answered = answer.status in (requests.codes.ok, requests.codes.not_implemented)
    if answered and "html" in answer.content_type:
        return Health.API_OFF
    if answer.status == requests.codes.accepted or answer.status >= requests.codes.internal_server_error:
        return Health.DATABASE_DOWN
    return Health.NOT_DOLIBARR


def _json(content_type: str, content: bytes) -> Any:
    if "json" not in content_type:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _why(error: requests.exceptions.RequestException, timeouts: Timeouts) -> str:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection within {timeouts.connect:g} s"
    if isinstance(error, requests.exceptions.Timeout):
        return f"no answer within {timeouts.read:g} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "its TLS certificate is not trusted (REQUESTS_CA_BUNDLE names your own authority)"
    text = str(error)
    for sign, meaning in (
        ("Connection refused", "connection refused"),
        ("resolve", "its name does not resolve"),
        ("Name or service", "its name does not resolve"),
        ("unreachable", "network unreachable"),
    ):
        if sign in text:
            return meaning
    return type(error).__name__
