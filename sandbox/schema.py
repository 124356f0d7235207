"""Every setting that there is, with what its value must be."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

Tree = dict[str, Any]

DEFAULT_RIGHTS = (
    "user.self.creer",  # what GET /users/info asks for
    "societe.lire",
    "societe.creer",
    "societe.client.voir",
    "societe.contact.lire",
    "societe.contact.creer",
    "produit.lire",
    "produit.creer",
    "service.lire",
    "service.creer",
    "propale.lire",
    "propale.creer",
    "commande.lire",
    "commande.creer",
    "facture.lire",
    "facture.creer",
    "fournisseur.lire",
    "fournisseur.commande.lire",
    "fournisseur.commande.creer",
    "fournisseur.facture.lire",
    "fournisseur.facture.creer",
    "banque.lire",
    "agenda.myactions.read",
    "agenda.myactions.create",
    "agenda.allactions.read",
)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text")
    try:
        os.fsencode(value)  # a path's bytes need not be UTF-8
    except UnicodeEncodeError:
        raise ValueError("a text that can be written down: whole characters, and in this locale") from None
    if "\0" in value:
        raise ValueError("a text without a NUL")
    return value


def _url(value: object) -> str:
    text = _text(value).rstrip("/")
    try:
        parts = urlsplit(text)
        _ = parts.port  # a port that is no number raises here
        (parts.hostname or "").encode("idna")  # and a name with a part that is empty or too long
    except ValueError:
        raise ValueError("an http(s) URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an http(s) URL such as https://erp-sandbox.example")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("an http(s) URL without user, password, query or fragment")
    return text


def _number(low: int, high: int) -> Callable[[object], int]:
    def convert(value: object) -> int:
        wanted = f"a whole number from {low} to {high}"
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(wanted)  # noqa: TRY004  # one kind of error for every wrong value
        try:
            number = int(value)
        except ValueError:
            raise ValueError(wanted) from None
        if not low <= number <= high:
            raise ValueError(wanted)
        return number

    return convert


def _seconds(value: object) -> float:
    wanted = "a number of seconds above 0 and at most 3600"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(wanted)  # noqa: TRY004
    try:
        seconds = float(value)
    except ValueError:
        raise ValueError(wanted) from None
    if not 0 < seconds <= 3600:  # noqa: PLR2004  # an hour
        raise ValueError(wanted)
    return seconds


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError("true or false")


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list | tuple) or not value or not all(isinstance(i, str) and i for i in value):
        raise ValueError("a list of names such as [societe.lire, banque.lire]")
    return tuple(value)


def _one_of(*choices: str) -> Callable[[object], str]:
    def convert(value: object) -> str:
        if value not in choices:
            raise ValueError(" or ".join(choices))
        return str(value)

    return convert


DATABASE: Tree = {
    "host": _text,
    "port": _number(1, 65535),
    "name": _text,
    "user": _text,
    "maintenance": _text,
}
POD: Tree = {"namespace": _text, "selector": _text, "pod": _text, "container": _text}
SCHEMA: Tree = {
    "engine": _one_of("local", "kubernetes"),
    "url": _url,
    "database": DATABASE,
    "documents": _text,
    "kubernetes": {
        "context": _text,
        "namespace": _text,
        "database": POD,
        "documents": POD,
        "deployment": _text,
        "cronjob": _text,
        "argocd": {"application": _text, "namespace": _text},
    },
    "prod": {
        "url": _url,
        "database": DATABASE,
        "documents": _text,
        "kubernetes": {"context": _text, "namespace": _text, "database": POD, "documents": POD},
    },
    "agent": {"login": _text, "rights": _names},
    "files": {"credentials": _text, "key": _text, "env": _text, "state": _text},
    "env": {"url": _text, "key": _text},
    "refresh": {
        "strategy": _one_of("swap", "in-place"),
        "jobs": _number(1, 64),
        "lock_timeout": _seconds,
        "neutralize": _flag,
        "script": _text,
    },
    "application": {"pause": _text, "resume": _text},
    "browser": {"executable": _text, "timeout": _seconds},
    "timeouts": {"connect": _seconds, "read": _seconds},
    "postgres": {"programs": _text, "passwords": _text},
}
