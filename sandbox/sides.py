"""What must never be mixed up: the sandbox's URL with prod's."""

from __future__ import annotations

from urllib.parse import urlsplit

from sandbox.errors import Refused
from sandbox.settings import Settings


def refuse_prod_url(settings: Settings) -> None:
    """Refuse a sandbox whose URL is prod's: no key, no password and no browser goes there.

    Raises:
        Refused: it is prod's.
        UsageError: no URL is configured.
    """
    url = settings.url
    if settings.prod.url is not None and _place(settings.prod.url) == _place(url):
        raise Refused(
            f"{settings.name}.url is prod's own URL: {url}",
            f"set {settings.name}.url to the sandbox's",
        )


def _place(url: str) -> tuple[str, int | None, str]:
    """Host, port and path; http and https on their default ports are one place."""
    parts = urlsplit(url)
    port = None if parts.port in (80, 443) else parts.port
    return (parts.hostname or "").rstrip("."), port, parts.path.rstrip("/")
