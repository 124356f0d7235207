"""Browser sessions, kept in memory: a cookie, a token against forged requests, messages to show."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from threading import Lock

from flask import Response, current_app, g, request

from sandbox.lab.erp.database import config


@dataclass
class Session:
    """One browser's session."""

    token: str = field(default_factory=lambda: secrets.token_hex(16))
    login: str = ""
    messages: list[tuple[str, str]] = field(default_factory=list)  # text, kind

    def say(self, text: str, kind: str = "error") -> None:
        """Keep a message for the page that is shown next; kinds as Dolibarr's: error, warning, 3000."""
        self.messages.append((text, kind))

    def take_messages(self) -> list[tuple[str, str]]:
        """The messages to show now, each once."""
        taken, self.messages = self.messages, []
        return taken


_LOCK = Lock()
_MOST = 2000  # sessions


def cookie_name() -> str:
    """The cookie's name: two instances on one host with one id would share it."""
    return (
        "DOLSESSID_"
        + hashlib.sha1(f"dolibarr{config().instance}".encode(), usedforsecurity=False).hexdigest()
    )


def session() -> Session:
    """This request's session, a new one when the browser brings none that is known."""
    if "session" not in g:
        known: dict[str, Session] = current_app.extensions.setdefault("sessions", {})
        name = request.cookies.get(cookie_name(), "")
        with _LOCK:
            if name not in known:
                name = secrets.token_urlsafe(20)
                known[name] = Session()
                _forget_passers_by(known)
                g.new_cookie = name
            g.session = known[name]
    current: Session = g.session
    return current


def _forget_passers_by(known: dict[str, Session]) -> None:
    """Keep memory small when a probe that keeps no cookie asks for page after page."""
    if len(known) > _MOST:
        for name in [name for name, one in known.items() if not one.login][: _MOST // 2]:
            del known[name]


def forget_session() -> None:
    """End this browser's session."""
    known: dict[str, Session] = current_app.extensions.setdefault("sessions", {})
    known.pop(request.cookies.get(cookie_name(), ""), None)
    g.pop("session", None)


def send_cookie(response: Response) -> Response:
    """Give a browser the cookie of its new session."""
    if "new_cookie" in g:
        response.set_cookie(cookie_name(), g.new_cookie, httponly=True, samesite="Lax", path="/")
    return response
