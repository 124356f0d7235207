"""A reverse proxy before the ERP that misbehaves on demand."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request on its way to the ERP."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def action(self) -> str:
        """What Dolibarr is asked to do."""
        return self.query.get("action", [self.form.get("action", "") if self.body else ""])[0]

    @property
    def form(self) -> dict[str, str]:
        """The fields of a posted form, as far as they are simple text."""
        if "multipart" in self.headers.get("Content-Type", ""):
            boundary = self.headers["Content-Type"].partition("boundary=")[2]
            return dict(filter(None, map(_part, self.body.decode(errors="replace").split(f"--{boundary}"))))
        return {name: values[-1] for name, values in parse_qs(self.body.decode(errors="replace")).items()}


def _part(text: str) -> tuple[str, str] | None:
    head, _, value = text.partition("\r\n\r\n")
    name = head.partition(' name="')[2].partition('"')[0]
    return (name, value.removesuffix("\r\n")) if name else None


@dataclass(frozen=True)
class Answered:
    """One answer on its way back."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/html; charset=utf-8"})
    body: bytes = b""

    def with_text(self, old: str, new: str) -> Answered:
        """The same answer with a text replaced."""
        return replace(self, body=self.body.replace(old.encode(), new.encode()))


class Proxy:
    """A reverse proxy before the ERP; `before` may answer itself, `after` may change the answer."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.before: Callable[[Asked], Asked | Answered | None] = lambda _: None
        self.after: Callable[[Asked, Answered], Answered] = lambda _, answered: answered
        self.asked: list[Asked] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                _serve(proxy, self)

            do_POST = do_GET  # noqa: N815  # the name that http.server calls

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def handle(self, asked: Asked, target: str) -> Answered:
        """Answer one request."""
        given = self.before(asked)
        if isinstance(given, Answered):
            return given
        asked = given or asked
        link = http.client.HTTPConnection(self.target.hostname or "", self.target.port, timeout=30)
        skipped = ("connection", "accept-encoding", "content-length")
        headers = {name: value for name, value in asked.headers.items() if name.lower() not in skipped}
        try:
            link.request(asked.method, target, asked.body or None, headers)
            reply = link.getresponse()
            body = reply.read()
        finally:
            link.close()
        dropped = ("connection", "transfer-encoding", "content-length", "keep-alive")
        # a page sets one cookie at most, so a dictionary loses nothing
        kept = {name: value for name, value in reply.getheaders() if name.lower() not in dropped}
        return self.after(asked, Answered(reply.status, kept, body))

    @contextmanager
    def serving(self) -> Iterator[Proxy]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def secrets(self) -> list[str]:
        """Every password, key, cookie and form token that went over the wire."""
        found = set()
        for asked in self.asked:
            fields = asked.form if asked.body else {}
            found |= {fields.get(name, "") for name in ("password", "api_key", "token")}
            found |= {part.partition("=")[2] for part in asked.headers.get("Cookie", "").split("; ")}
            found |= set(asked.query.get("token", []))
        return sorted(found - {""})


def _serve(proxy: Proxy, handler: BaseHTTPRequestHandler) -> None:
    parts = urlsplit(handler.path)
    body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    asked = Asked(handler.command, parts.path, parse_qs(parts.query), dict(handler.headers), body)
    proxy.asked.append(asked)
    answered = proxy.handle(asked, handler.path)
    with suppress(OSError):  # the browser may have gone away
        handler.send_response(answered.status)
        for name, value in answered.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answered.body)))
        handler.end_headers()
        handler.wfile.write(answered.body)
