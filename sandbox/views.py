"""How each report reads as rows of a table; the JSON document is the report itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.console import Row, plural, size

if TYPE_CHECKING:
    from sandbox.lab.life import LabReport
    from sandbox.lifecycle.detach import Detached, DetachReport
    from sandbox.lifecycle.provision import ProvisionReport
    from sandbox.lifecycle.refresh import RefreshReport
    from sandbox.lifecycle.relink import RelinkReport
    from sandbox.lifecycle.repair import RecoverReport
    from sandbox.lifecycle.status import FileState, Status


def status(seen: Status) -> Iterator[Row]:
    """What `status` saw."""
    details = [f"Dolibarr {seen.version}"] if seen.version else []
    details += [f"HTTP {seen.http}"] if seen.http is not None else []
    details += [f"{seen.latency_ms} ms"] if seen.latency_ms is not None else []
    yield "sandbox", seen.health + (f"  ({', '.join(details)})" if details else "")
    yield "agent", f"{_arms(seen)}  ({seen.login}{f', id {seen.user_id}' if seen.user_id else ''})"
    yield "proven", _proven(seen.proven, seen.proven_why)
    if seen.missing_rights:
        yield "rights", f"missing: {', '.join(seen.missing_rights)}"
    yield "key file", _file(seen.key_file)
    yield ".env", _file(seen.env_file)
    yield "last refresh", _refresh(seen)
    if seen.detached:
        yield from _detached(seen.detached)
    if seen.journal:
        yield "journal", f"not known: {seen.journal}"
    if seen.interrupted:
        strategy = str(seen.interrupted.get("strategy"))
        kind = strategy if strategy in {"save", "rewind", "forget"} else "refresh"
        cut = f"a {kind} ({seen.interrupted.get('run')}) was cut off"
        yield "interrupted", str(seen.interrupted.get("problem") or cut)
    if seen.next_step:
        yield "next", seen.next_step


def _arms(seen: Status) -> str:
    from sandbox.dolibarr.identity import Arms  # noqa: PLC0415  # loaded by then; not for `inv --list`

    if seen.armed:
        return "armed, and an administrator: it should not be" if seen.admin else Arms.ARMED.value
    if seen.reason == "another_database":
        return "not armed: the key works, but the URL serves another database"
    if not seen.alive:
        return "not known while the sandbox does not answer"
    return Arms[(seen.reason or "unknown").upper()].value


def _proven(proven: bool | None, why: str) -> str:
    """Whether the URL serves the sandbox's database."""
    if proven:
        return "the URL serves this sandbox"
    return f"no: {why}" if proven is False else f"not known: {why}"


def _file(state: FileState) -> str:
    if not state.present:
        return f"missing  ({_short(state.path)})"
    words = {True: "in step, ", False: "not in step, ", None: ""}[state.in_step]
    warning = "" if state.mode == "600" else " (not 600)"
    return f"{words}mode {state.mode}{warning}  ({_short(state.path)})"


def _short(path: str | Path) -> str:
    """A path as people read it: relative to where they stand, when it is below."""
    with suppress(ValueError):
        return str(Path(path).relative_to(Path.cwd()))
    return str(path)


def _refresh(seen: Status) -> str:
    if seen.running:
        return f"one is running now  ({seen.running.get('run')})"
    if not seen.last_refresh:
        return "none known here"
    return f"{seen.last_refresh.get('finished')}  (in {seen.last_refresh.get('seconds')} s)"


def _detached(seen: Detached) -> Iterator[Row]:
    job = f"job {seen.job}, " if seen.job else ""
    yield "detached", f"{seen.state}  ({job}{f'ended {seen.ended}' if seen.ended else f'since {seen.begun}'})"
    if seen.reason:
        yield "", seen.reason
    if seen.next_step:
        yield "", f"next: {seen.next_step}"


def detached(done: DetachReport) -> Iterator[Row]:
    """What `refresh --detach` started."""
    if done.dry:
        yield "dry run", "would start a refresh in the cluster"
        return
    yield "job", f"{done.job} in namespace {done.namespace}"
    yield "documents", "are left as they are" if done.db_only else "are refreshed, too"
    yield "follow", f"inv status, or: {done.follow}"


def relink(done: RelinkReport) -> Iterator[Row]:
    """What `relink-env` did."""
    words = "would be written" if done.dry else ("written" if done.changed else "was in step already")
    yield ".env", f"{words}, mode 600  ({_short(done.env)})"
    if not done.dry:
        yield "agent", f"armed  ({done.login}, id {done.user_id})"
        yield "proven", _proven(done.proven, done.proven_why)


def lab(made: LabReport) -> Iterator[Row]:
    """What `lab.up` made or found."""
    yield "sandbox", f"{made.url}, {made.erp}"
    yield "PostgreSQL", f"127.0.0.1:{made.database_port}, prod has {made.prod_mb:.0f} MB"
    yield (
        "admin",
        f"login and password in {_short(made.credentials)}"
        if made.credentials
        else "your own credentials file",
    )
    yield "took", "nothing, it ran already" if made.already_running else f"{made.seconds:.1f} s"
    yield "next", "inv status"


def would(lines: tuple[str, ...]) -> Iterator[Row]:
    """What a dry run of the lab's tasks tells."""
    yield from (("lab", line) for line in lines or ("nothing would be done",))


def refresh(done: RefreshReport) -> Iterator[Row]:
    """What `refresh` did."""
    if done.recovered:
        yield "put back first", "; ".join(done.recovered)
    if done.dry:
        yield "dry run", "would refresh the sandbox"
        yield from (done.plan or {}).items()
        yield from (("warning", warning) for warning in done.warnings)
        return
    yield "strategy", done.strategy
    if done.carried is not None:
        what = f"{plural(done.carried['rows'], 'row')} of {plural(done.carried['tables'], 'table')}"
        yield "incremental", f"from checkpoint {done.base}: {what} carried"
    elif done.strategy == "swap":
        yield "full", done.why_full
    if done.strategy != "script":
        yield (
            "database",
            f"{plural(done.tables, 'table')}, {plural(done.rows, 'row')}, {size(done.bytes)}, verified",
        )
    if done.documents:
        logo = f", logo {done.documents['logo']}" if done.documents.get("logo") else ""
        files = plural(done.documents["files"], "file")
        yield "documents", f"{files}, {size(done.documents['bytes'])}{logo}, verified"
    muted = [rule for rule in done.neutralized if rule["changed"]]
    if muted:
        yield "muted", ", ".join(rule["rule"] for rule in muted)
    if done.strangers:
        from sandbox.lifecycle.strangers import named  # noqa: PLC0415  # loaded by then

        yield "left in prod", f"{named(done.strangers)}: not Dolibarr's"
    yield "took", f"{done.seconds:.1f} s, unavailable for {done.unavailable_ms} ms"
    for warning in done.warnings:
        yield "warning", warning
    yield "next", "inv provision  (the agent went with the old database)"


def recover(done: RecoverReport) -> Iterator[Row]:
    """What `recover` put back."""
    yield "found", f"run {done.run}, {done.outcome}" if done.found else "nothing to do"
    if done.was:
        yield "was", done.was
    for action in done.actions:
        yield "would do" if done.dry else "did", action


def provision(done: ProvisionReport) -> Iterator[Row]:
    """What `provision` did."""
    if done.dry:
        yield "dry run", "would make the agent, its rights and a new key"
        return
    yield "agent", f"{done.login}, id {done.user_id}, {'created' if done.created else 'reused'}"
    if done.enabled:
        yield "enabled", "yes, it was disabled"
    yield "rights", f"{len(done.rights_granted)} granted, {len(done.rights_present)} there already"
    yield "proven", _proven(done.proven, done.proven_why)
    yield "key", f"new, proven with GET /users/info, mode 600  ({_short(done.key_file)})"
    yield "took", f"{done.seconds:.1f} s"
