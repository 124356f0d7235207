"""What a refresh would do, in about ten lines: from where to where, by which way, and what would be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.engines import Engine
from sandbox.lifecycle import checks, neutralize
from sandbox.lifecycle.plan import Plan
from sandbox.lifecycle.strangers import named

if TYPE_CHECKING:
    from sandbox.settings import Settings


def by_script(settings: Settings, *, db_only: bool) -> dict[str, str]:
    """The plan of a team's own script."""
    flags = " --db-only" if db_only else ""
    return {"script": f"would run {settings.refresh.script}{flags} from {settings.root}"}


def plan(engine: Engine, seen: Plan, *, db_only: bool) -> dict[str, str]:
    """The plan of a refresh that would be done.

    Args:
        engine: where both sides are.
        seen: what was found, and decided.
        db_only: the documents were to be left alone.
    """
    settings, names = engine.settings, seen.names
    prods, ours = engine.access(settings.prod), engine.access(settings.sandbox)
    told = {"from": f"{prods.label}: {len(seen.prod.tables)} tables, {seen.prod.bytes / 1e6:.1f} MB"}
    told["to"] = f"{ours.label}, of {seen.sandbox.owner}"
    if seen.strategy == "swap":
        told["strategy"] = f"swap: made as {names.next}, verified and muted; then both are renamed at once"
    else:
        told["strategy"] = "in-place: the old content goes and the new one comes in one transaction"
    told["carried"] = _carried(seen)
    told["documents"] = _documents(seen, db_only=db_only)
    told["lost"] = checks.lost(settings, db_only=db_only or seen.folders is None)
    rules = (*neutralize.KEYS, *(neutralize.RULES if settings.refresh.neutralize else ()))
    told["muted"] = ", ".join(dict.fromkeys(rule.name for rule in rules))
    told["paused"] = _paused(engine, seen)
    if seen.prod.left.strangers:
        told["left in prod"] = f"{named(seen.prod.left.strangers)}: not Dolibarr's"
    return told


def _carried(seen: Plan) -> str:
    if seen.base.checkpoint is None:
        return f"all of prod: {seen.base.why}"
    return f"only what differs from the checkpoint {seen.base.checkpoint}"


def _documents(seen: Plan, *, db_only: bool) -> str:
    if seen.folders is None:
        return "left as they are" + (", as asked" if db_only else "")
    logo = f", with the logo {seen.prod.logo}" if seen.prod.logo else ""
    return f"{seen.folders.prod.path} to {seen.folders.sandbox.path}{logo}"


def _paused(engine: Engine, seen: Plan) -> str:
    if seen.strategy == "swap":
        return "nothing: the sandbox answers meanwhile"
    state = engine.pausing(documents=seen.folders is not None)
    if not state:
        return "nothing that runs is configured to be"
    settings = engine.settings
    if settings.cluster is None:
        return f"the application, by: {settings.application.pause}"
    argocd = settings.cluster.argocd
    automated = f", and the automated sync of {argocd.application}" if argocd else ""
    return f"the deployment {settings.cluster.deployment}, scaled to 0{automated}"
