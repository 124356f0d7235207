"""The one Lease as a value: who holds it, when it was renewed, and what its annotations say."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sandbox.engines.kubernetes.kubectl import Object
from sandbox.engines.ledger import JOURNAL, Page
from sandbox.jsonfile import Damaged, parsed

EXPIRES = 15.0  # seconds without a renewal after which a holder counts as dead
_PREFIX = "dolibarr-sandbox/"
_HOLDER = "holder"


def copied(thing: Object) -> Object:
    """The Lease, to be changed."""
    made = json.loads(json.dumps(thing))
    assert isinstance(made, dict)  # noqa: S101  # what was a mapping is one
    return made


def stamped(thing: Object) -> Object:
    """Renewed now."""
    stamp = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    thing.setdefault("spec", {}).update(renewTime=stamp, leaseDurationSeconds=round(EXPIRES))
    thing["metadata"].pop("managedFields", None)
    return thing


def held(thing: Object, who: Page) -> Object:
    """Held by `who` from now on."""
    made = stamped(with_page(copied(thing), _HOLDER, who))
    made["spec"].update(holderIdentity=who["run"], acquireTime=made["spec"]["renewTime"])
    return made


def freed(thing: Object) -> Object:
    """Held by nobody."""
    thing["spec"].pop("holderIdentity", None)
    return with_page(thing, _HOLDER, None)


def with_page(thing: Object, name: str, page: Page | None) -> Object:
    """With a page written, or removed."""
    notes = {**thing["metadata"].get("annotations", {})}
    notes.pop(_PREFIX + name, None)
    if page is not None:
        notes[_PREFIX + name] = json.dumps(page)
    thing["metadata"]["annotations"] = notes
    return thing


def page_of(found: Object | None, name: str) -> Page | None:
    """A page; None when there is none.

    Raises:
        Damaged: there is one that cannot be read.
    """
    text = ((found or {}).get("metadata", {}).get("annotations") or {}).get(_PREFIX + name)
    return None if text is None else parsed(str(text))


def journal_annotation() -> str:
    """The annotation that is the journal."""
    return _PREFIX + JOURNAL


def identity(found: Object | None) -> str:
    """The run that holds it; empty for none."""
    return str((found or {}).get("spec", {}).get("holderIdentity") or "")


def who(found: Object | None) -> Page | None:
    """What its holder says of itself; None when that cannot be read."""
    try:
        return page_of(found, _HOLDER)
    except Damaged:
        return None
