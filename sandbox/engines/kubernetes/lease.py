"""The ledger in the cluster: one Lease in the sandbox's namespace, which every machine sees.

Its holder renews it; its pages are annotations of it, so that each page is written by the same
compare-and-swap that proves that it is still held. A holder is dead when its process is known to be gone,
or when the Lease was not renewed for `note.EXPIRES` seconds of our own clock: clocks are never compared.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.engines.kubernetes import note
from sandbox.engines.kubernetes.desk import RENEWS, LeaseDesk, Place
from sandbox.engines.kubernetes.kubectl import Conflict, Kubectl, Object
from sandbox.engines.ledger import Desk, Page, Taken
from sandbox.places import ended_at
from sandbox.pods import Cluster
from sandbox.settings import Settings
from sandbox.shell import Runner

_STEP = 0.5  # seconds between two looks at somebody else's


@dataclass(frozen=True)
class LeaseLedger:
    """The ledger of one sandbox: of its database, whoever names it how."""

    settings: Settings
    cluster: Cluster
    runner: Runner

    @property
    def name(self) -> str:
        """The Lease's name, made of the database's."""
        database = self.settings.sandbox.database.name if self.settings.sandbox.database else ""
        slug = re.sub(r"[^a-z0-9]+", "-", database.lower()).strip("-")[:40]
        digest = hashlib.sha256(database.encode()).hexdigest()[:6]
        return f"dolibarr-sandbox-{slug or 'script'}" + ("" if slug == database else f"-{digest}")

    @property
    def _at(self) -> Place:
        return Place(Kubectl(self.runner, self.cluster.context, self.cluster.namespace), self.name)

    @property
    def where(self) -> str:
        """The Lease."""
        return self._at.where

    @property
    def aside(self) -> str:
        """The command that sets the journal aside."""
        return self._at.aside

    def read(self, name: str) -> Page | None:
        """A page; None when there is none."""
        return note.page_of(self._at.get(), name)

    def holder(self) -> Page | None:
        """Who holds it; takes up to two renewals' time where that can only be watched."""
        found = self._at.get()
        if found is None or not note.identity(found):
            return None
        now, lives = self._watched(found, 2 * RENEWS)
        return (note.who(now) or {}) if lives else None

    @contextmanager
    def hold(self, who: Page) -> Iterator[Desk]:
        """Be its only holder while inside; a dead one is waited for, up to `note.EXPIRES` seconds.

        Raises:
            Taken: a living run holds it.
        """
        found = self._at.get()
        if found is not None and note.identity(found):
            found, lives = self._watched(found, note.EXPIRES)
            if lives:
                raise Taken(note.who(found))
        desk = LeaseDesk(self._at, self._taken(found, who))
        desk.begin()
        try:
            yield desk
        finally:
            desk.end()

    def _taken(self, found: Object | None, who: Page) -> Object:
        new: Object = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "namespace": self.cluster.namespace},
            "spec": {},
        }
        try:
            verb = "create" if found is None else "replace"
            return self._at.kubectl.put(verb, note.held(found or new, who))
        except Conflict:  # somebody was faster
            raise Taken(note.who(self._at.get())) from None

    def _watched(self, found: Object, patience: float) -> tuple[Object | None, bool]:
        """The Lease as it is by then, and whether its holder lives, as far as `patience` seconds tell."""
        said = note.who(found) or {}
        place, pid = said.get("place"), said.get("pid")
        if isinstance(place, str) and isinstance(pid, int) and ended_at(place, pid):
            return found, False
        first, deadline = found["spec"].get("renewTime"), time.monotonic() + patience
        now: Object | None = found
        while time.monotonic() < deadline:
            time.sleep(_STEP)
            now = self._at.get()
            if now is None or not note.identity(now):
                return now, False
            if now["spec"].get("renewTime") != first:
                return now, True
        return now, False
