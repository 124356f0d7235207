"""What must never be mixed up: the sandbox's URL with prod's, whatever name or address leads there."""

from __future__ import annotations

from sandbox import addresses
from sandbox.addresses import Place
from sandbox.errors import Refused
from sandbox.settings import Settings


def refuse_prod_url(settings: Settings, *, ask: bool = True) -> str:
    """Refuse a sandbox whose URL is prod's: no key, no password and no browser goes there.

    Two names of one address may be two servers' by name; then both are asked which sandbox's mark they show.

    Args:
        settings: the sandbox's settings.
        ask: whether both may be asked.

    Returns:
        What could not be found out, such as a name that does not resolve; empty: nothing.

    Raises:
        Refused: it is prod's.
        UsageError: no URL is configured.
    """
    url, prods = settings.url, settings.prod.url
    if prods is None:
        return ""
    ours, theirs = Place.of(url), Place.of(prods)
    if ours == theirs:
        raise _prods_own(settings, "is prod's own URL")
    if (ours.port, ours.path) != (theirs.port, theirs.path):
        return ""
    here, there = addresses.resolved(ours, theirs)
    if here is None or there is None:
        host = ours.host if here is None else theirs.host
        return f"whether {prods} is another address is not known: {host} does not resolve"
    shared = sorted(here & there)
    if shared and (ours.numeric or theirs.numeric):
        raise _prods_own(settings, f"leads to prod's own address {shared[0]}, as {prods} does")
    if not ask or not (shared or addresses.all_of_this_machine(here | there)):
        return ""
    return _asked(settings, prods)


def _asked(settings: Settings, prods: str) -> str:
    """Ask the ERPs behind two names of one address whether they are one."""
    from sandbox.dolibarr.shown import look_at_both  # noqa: PLC0415  # it takes a while to load

    ours, theirs = look_at_both(settings.url, prods, settings.timeouts)
    if theirs is None:
        return ""
    if ours.mark is not None and ours.mark == theirs.mark:
        raise _prods_own(
            settings, f"and prod's lead to one ERP: both show the mark {ours.mark}; prod's is {prods}"
        )
    if ours.mark is None and theirs.mark is None:
        return (
            f"{settings.url} and {prods} are one address, and neither shows a sandbox's mark:"
            " whether they are one ERP is not known"
        )
    return ""


def _prods_own(settings: Settings, words: str) -> Refused:
    name = settings.name
    return Refused(
        f"{name}.url {words}: {settings.url}", f"set {name}.url to the sandbox's, or correct {name}.prod.url"
    )
