"""How a lab is started and stopped, step by step; `life` is its face, `making` makes a new one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sandbox import textfile
from sandbox.errors import UsageError
from sandbox.lab import access
from sandbox.lab.folder import Folder, Say
from sandbox.lab.life import DEFAULT_SIZE, LabReport
from sandbox.lab.making import MARK, erp_of, make, server_of
from sandbox.lab.real.served import Served
from sandbox.lab.real.source import Source
from sandbox.lab.seed import LARGEST, SMALLEST
from sandbox.lab.server import programs
from sandbox.lab.standin import StandIn
from sandbox.privatefile import replace as write_private


def switch_on(root: Path, size: int | None, dolibarr: Path | None, say: Say) -> LabReport:
    """What `life.up` promises."""
    began = time.monotonic()
    folder = Folder(root)
    refuse_size(size)
    source = None if dolibarr is None else Source.at(dolibarr)
    folder.make()
    with folder.lock(say):
        state = folder.state()
        made = not state
        if state:
            refuse_change(folder, state, size, source)
            running = _start(folder, state, say)
        else:
            state = make(folder, size or DEFAULT_SIZE, source, say)
            running = False
        megabytes = access.size_in_megabytes(folder.passwords, state["database_port"], access.PROD)
        credentials = _hand_out_credentials(folder, say)
    return LabReport(
        url=state["url"],
        database_port=state["database_port"],
        size=state["size"],
        prod_mb=megabytes,
        seconds=time.monotonic() - began,
        already_running=running,
        made=made,
        credentials=credentials,
        erp=f"Dolibarr {state['dolibarr']['version']}" if "dolibarr" in state else "stand-in for Dolibarr 23",
    )


def switch_off(root: Path, say: Say) -> bool:
    """What `life.down` promises."""
    folder = Folder(root)
    folder.refuse_foreign()
    with folder.lock(say):
        # each is asked: the state that tells which of them runs may be spoilt
        stopped = [kind(folder).stop(_readable(folder)) for kind in (StandIn, Served)]
        erp = any(stopped)
        database = server_of(folder).stop()
    if erp or database:
        say(f"stopped the lab; its data stays in {folder.path}")
    return erp or database


def _readable(folder: Folder) -> dict[str, Any]:
    """The state as far as it can be read: a lab whose state was spoilt must still stop."""
    try:
        return folder.state()
    except UsageError:
        return {}


def refuse_size(size: int | None) -> None:
    """Refuse a size that no lab can have."""
    if size is not None and not SMALLEST <= size <= LARGEST:
        raise UsageError(f"a lab's size is {SMALLEST} to {LARGEST} megabytes, not {size}", "change --size")


def refuse_change(folder: Folder, state: dict[str, Any], size: int | None, source: Source | None) -> None:
    """Refuse to make another lab of the one that is there."""
    anew = f"to make it anew: inv lab.down, remove {folder.path}, then run this again"
    if size is not None and size != state["size"]:
        raise UsageError(f"the lab in {folder.path} has size {state['size']}, not {size}", anew)
    has = state.get("dolibarr", {}).get("path")
    if source is not None and str(source.htdocs) != has:
        raise UsageError(
            f"the lab in {folder.path} serves {has or 'the stand-in'}, not {source.htdocs}", anew
        )


def _start(folder: Folder, state: dict[str, Any], say: Say) -> bool:
    """Start what does not run and bring `state` up to date; True when everything ran."""
    server, erp = server_of(folder), erp_of(folder, state)
    running = True
    port = server.port()
    if port is None:
        running = False
        say("starting PostgreSQL")
        port = server.start(state["database_port"])
    moved = port != state["database_port"]
    state |= {"database_port": port, "programs": str(programs())}
    if moved or erp.process(state) is None:
        running = False
        say("starting the ERP of the sandbox")
        erp.stop(state)
        state |= erp.start(state)
    if not running:
        folder.write_state(state)
    return running


def _hand_out_credentials(folder: Folder, say: Say) -> Path | None:
    """Write the file that provision reads, unless a person keeps an own one there."""
    path = folder.root.resolve() / "test" / ".env.sandbox"
    wanted = textfile.read(folder.credentials)
    if path.exists():
        found = textfile.read(path)
        if not found.startswith(MARK):
            say(f"{path} is yours and was left alone; the lab's own login is in {folder.credentials}")
            return None
        if found == wanted and path.stat().st_mode & 0o077 == 0:
            return path
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, wanted)
    return path
