"""Dolibarr's REST API: is it alive, and who am I?

A status code alone proves nothing (a switched-off API answers 200 with HTML, a stopped database 202): an
answer counts only with its status, its content type and the field that was asked for. The key is sent to
the sandbox's own host and never along a redirect.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from typing import Any

from sandbox import redact
from sandbox.dolibarr.identity import Arms, WhoAmI, owner
from sandbox.dolibarr.request import NoAnswer, request
from sandbox.errors import Unreachable
from sandbox.settings import Timeouts

_KEY = re.compile(r"[!-~]([ -~]*[!-~])?")  # what is between the spaces around a header's value
_VERSION = re.compile(r"[0-9][\w.+-]{0,40}", re.ASCII)


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

    @property
    def text(self) -> str:
        """The content as text, without any secret that we know."""
        return redact.text(self.content.decode(errors="replace"))


@dataclass(frozen=True)
class Pulse:
    """What ``GET /status`` told: health, HTTP code, Dolibarr's version (with a good key only), latency."""

    health: Health
    http: int
    version: str | None
    milliseconds: float
    key_accepted: bool


class Client:
    """Asks one Dolibarr, as `request` does: nobody else, and each question within the timeouts as a whole.

    Args:
        url: the base URL, without a slash at its end.
        timeouts: for connecting, and for the whole answer.
    """

    def __init__(self, url: str, timeouts: Timeouts) -> None:
        self.url, self.timeouts = url, timeouts

    @property
    def deadline(self) -> float:
        """Until when a question that begins now may take, whatever requests it needs."""
        return time.monotonic() + self.timeouts.connect + self.timeouts.read

    def get(self, path: str, key: str | None = None, until: float = math.inf) -> Answer:
        """``GET <url>/api/index.php/<path>``.

        Raises:
            Unreachable: no answer within the timeouts, or by `until`, and why.
        """
        return self._api("GET", path, key, until=until)

    def post(self, path: str, key: str, body: object) -> Answer:
        """``POST`` a JSON body to ``<url>/api/index.php/<path>``.

        Raises:
            Unreachable: no answer within the timeouts, and why.
        """
        return self._api("POST", path, key, body)

    def _api(
        self, method: str, path: str, key: str | None, body: object = None, until: float = math.inf
    ) -> Answer:
        headers = {"Accept": "application/json"}
        if key:
            if not _KEY.fullmatch(key):
                raise Unreachable(
                    "the key holds characters that no HTTP header can carry", "run: inv provision"
                )
            headers["DOLAPIKEY"] = key
        content = None
        if body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(body).encode()
        answer = self._send(method, f"{self.url}/api/index.php/{path}", headers, content, until)
        return replace(answer, body=_json(answer.content_type, answer.content))

    def page(self, url: str, until: float = math.inf) -> Answer:
        """``GET`` a page as nobody, without a key and without a cookie.

        Raises:
            Unreachable: no answer within the timeouts, or by `until`, and why.
        """
        return self._send("GET", url, {"Accept": "text/html", "Cache-Control": "no-cache"}, None, until)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, until: float
    ) -> Answer:
        started = time.monotonic()
        try:
            reply = request(method, url, headers, content, self.timeouts, until)
        except NoAnswer as error:
            raise Unreachable(
                f"{self.url} does not answer: {error}",
                "check the URL, the network or VPN, and that the sandbox runs",
            ) from None
        milliseconds = (time.monotonic() - started) * 1000
        kind, location = redact.text(reply.content_type), redact.text(reply.location)
        return Answer(reply.status, kind, None, location, milliseconds, reply.content)

    def pulse(self, key: str | None = None, until: float = math.inf) -> Pulse:
        """Ask ``/status``: with no right needed, it tells alive from down and a good key from a bad one.

        Raises:
            Unreachable: nothing answers.
        """
        answer = self.get("status", key, until)
        success = answer.body.get("success") if isinstance(answer.body, dict) else None
        accepted = answer.status == HTTPStatus.OK and isinstance(success, dict)
        version = str(success.get("dolibarr_version")) if isinstance(success, dict) else ""
        health = Health.ALIVE if accepted else _health(answer)
        return Pulse(
            health,
            answer.status,
            version if _VERSION.fullmatch(version) else None,
            answer.milliseconds,
            accepted and key is not None,
        )

    def whoami(self, key: str, login: str | None = None) -> WhoAmI:
        """Ask ``/users/info`` who the key belongs to; armed when it is `login` (None: whoever it is).

        Raises:
            Unreachable: nothing answers.
        """
        until = self.deadline
        answer = self.get("users/info?includepermissions=1", key, until)
        if answer.status == HTTPStatus.OK and isinstance(answer.body, dict) and answer.body.get("login"):
            return owner(answer.status, answer.body, login)
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and answer.is_json:
            # Dolibarr 16 says 401 for a missing right too; /status, which needs none, tells them apart
            known = answer.status == HTTPStatus.FORBIDDEN or self.pulse(key, until).key_accepted
            return WhoAmI(Arms.MAY_NOT_READ_ITSELF if known else Arms.KEY_REFUSED, answer.status)
        if _health(answer) is Health.API_OFF:
            return WhoAmI(Arms.API_OFF, answer.status)
        return WhoAmI(Arms.UNKNOWN, answer.status)


def _health(answer: Answer) -> Health:
    if answer.status == HTTPStatus.UNAUTHORIZED and answer.is_json:
        return Health.ALIVE
    if answer.status in (HTTPStatus.FOUND, HTTPStatus.MOVED_PERMANENTLY) and "/install" in answer.location:
        return Health.NEEDS_UPGRADE
    answered = answer.status in (HTTPStatus.OK, HTTPStatus.NOT_IMPLEMENTED)
    if answered and "html" in answer.content_type:
        return Health.API_OFF
    if answer.status == HTTPStatus.ACCEPTED or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Health.DATABASE_DOWN
    return Health.NOT_DOLIBARR


def _json(content_type: str, content: bytes) -> Any:
    if "json" not in content_type:
        return None
    try:
        return redact.tree(json.loads(content))
    except (ValueError, RecursionError):
        return None
