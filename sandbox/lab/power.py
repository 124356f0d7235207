"""How a lab is made, started and stopped, step by step; `life` is its face."""

from __future__ import annotations

import secrets
import shutil
import time
from pathlib import Path
from typing import Any

from sandbox.errors import UsageError
from sandbox.lab import access, documents
from sandbox.lab.folder import Folder, Say, write_private
from sandbox.lab.life import DEFAULT_SIZE, LabReport
from sandbox.lab.seed import LARGEST, SMALLEST, Secrets, age, seed
from sandbox.lab.server import SUPERUSER, Server, programs
from sandbox.lab.standin import StandIn

_MARK = "# Written by inv lab.up for the lab; remove this line to keep your own values here."


def switch_on(root: Path, size: int | None, say: Say) -> LabReport:
    """What `life.up` promises."""
    began = time.monotonic()
    folder = Folder(root)
    if size is not None and not SMALLEST <= size <= LARGEST:
        raise UsageError(f"a lab's size is {SMALLEST} to {LARGEST} megabytes, not {size}", "change --size")
    folder.make()
    with folder.lock(say):
        state = folder.state()
        made = not state
        if state:
            _refuse_resize(folder, state, size)
            running = _start(folder, state, say)
        else:
            state = _make(folder, size or DEFAULT_SIZE, say)
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
    )


def switch_off(root: Path, say: Say) -> bool:
    """What `life.down` promises."""
    folder = Folder(root)
    with folder.lock(say):
        erp = StandIn(folder).stop(_readable(folder))
        database = _server(folder).stop()
    if erp or database:
        say(f"stopped the lab; its data stays in {folder.path}")
    return erp or database


def _readable(folder: Folder) -> dict[str, Any]:
    """The state as far as it can be read: a lab whose state was spoilt must still stop."""
    try:
        return folder.state()
    except UsageError:
        return {}


def _server(folder: Folder) -> Server:
    return Server(folder.data, folder.postgres_log)


def _refuse_resize(folder: Folder, state: dict[str, Any], size: int | None) -> None:
    if size is not None and size != state["size"]:
        raise UsageError(
            f"the lab in {folder.path} has size {state['size']}, not {size}",
            f"to make it anew: inv lab.down, remove {folder.path}, inv lab.up --size {size}",
        )


def _make(folder: Folder, size: int, say: Say) -> dict[str, Any]:
    """Make everything from nothing; `lab.json` comes last, so a cut-off run is started over."""
    server = _server(folder)
    StandIn(folder).stop({})
    server.stop()
    for leftover in (folder.data, folder.path / "prod", folder.path / "sandbox"):
        shutil.rmtree(leftover, ignore_errors=True)
    say("making a PostgreSQL server")
    access.write_passwords(folder.passwords)
    server.make(access.password_of(folder.passwords, SUPERUSER))
    port = server.start(None)
    access.create_roles(folder.passwords, port)
    say(f"filling prod with about {size} MB of business")
    given = Secrets.fresh()
    seed(folder.passwords, port, size, given)
    access.open_to_reader(folder.passwords, port)
    files = documents.make_prod(folder.documents("prod"), folder.passwords, port, size)
    say(f"copying it, with {files} documents, to a sandbox that is out of date")
    access.copy_to_sandbox(folder.passwords, port)
    age(folder.passwords, port)
    documents.copy_to_sandbox(folder.documents("prod"), folder.documents("sandbox"))
    state: dict[str, Any] = {
        "size": size,
        "database_port": port,
        "programs": str(programs()),
        "instances": {"prod": given.instance, "sandbox": secrets.token_hex(16)},
    }
    write_private(folder.credentials, _credentials(given.password))
    say("starting the ERP of the sandbox")
    state |= StandIn(folder).start(state)
    folder.write_state(state)
    return state


def _start(folder: Folder, state: dict[str, Any], say: Say) -> bool:
    """Start what does not run and bring `state` up to date; True when everything ran."""
    server, erp = _server(folder), StandIn(folder)
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


def _credentials(password: str) -> str:
    return f"{_MARK}\nDOLIBARR_ADMIN_LOGIN=admin\nDOLIBARR_ADMIN_PASSWORD={password}\n"


def _hand_out_credentials(folder: Folder, say: Say) -> Path | None:
    """Write the file that provision reads, unless a person keeps an own one there."""
    path = folder.root.resolve() / "test" / ".env.sandbox"
    wanted = folder.credentials.read_text(encoding="utf-8")
    if path.exists():
        found = path.read_text(encoding="utf-8")
        if not found.startswith(_MARK):
            say(f"{path} is yours and was left alone; the lab's own login is in {folder.credentials}")
            return None
        if found == wanted and path.stat().st_mode & 0o077 == 0:
            return path
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, wanted)
    return path
