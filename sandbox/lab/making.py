"""How a lab is made from nothing: a server, prod and its business, an older sandbox, an ERP."""

from __future__ import annotations

import secrets
import shutil
from typing import Any

from sandbox.lab import access, documents
from sandbox.lab.folder import Folder, Say
from sandbox.lab.real import php
from sandbox.lab.real.install import Installer
from sandbox.lab.real.served import Served
from sandbox.lab.real.source import Source
from sandbox.lab.seed import Secrets, age, seed
from sandbox.lab.server import SUPERUSER, Server, programs
from sandbox.lab.standin import StandIn
from sandbox.privatefile import replace as write_private

MARK = "# Written by inv lab.up for the lab; remove this line to keep your own values here."


def server_of(folder: Folder) -> Server:
    """The lab's PostgreSQL server."""
    return Server(folder.data, folder.postgres_log)


def erp_of(folder: Folder, state: dict[str, Any]) -> StandIn | Served:
    """The ERP that the lab's state names."""
    return Served(folder) if "dolibarr" in state else StandIn(folder)


def make(folder: Folder, size: int, source: Source | None, say: Say) -> dict[str, Any]:
    """Make everything; `lab.json` comes last, so a cut-off run is started over."""
    if source is not None:
        php.require()
    port = _server(folder, say)
    given = Secrets.fresh()
    state: dict[str, Any] = {
        "size": size,
        "database_port": port,
        "programs": str(programs()),
        "instances": {"prod": given.instance, "sandbox": secrets.token_hex(16)},
    }
    if source is not None:
        state["dolibarr"] = {"path": str(source.htdocs), "version": source.version}
    _fill_prod(folder, state, source, given, say)
    _fill_sandbox(folder, port, say)
    login = f"DOLIBARR_ADMIN_LOGIN=admin\nDOLIBARR_ADMIN_PASSWORD={given.password}\n"
    write_private(folder.credentials, f"{MARK}\n{login}")
    say("starting the ERP of the sandbox")
    state |= erp_of(folder, state).start(state)
    folder.write_state(state)
    return state


def _server(folder: Folder, say: Say) -> int:
    """Clear away what a cut-off run left, and make a server with its roles; its port.

    Raises:
        Refused: no lab of ours was there.
    """
    folder.refuse_foreign(marked=True)
    server = server_of(folder)
    StandIn(folder).stop({})
    Served(folder).stop({})
    server.stop()
    for leftover in (folder.data, folder.dolibarr, folder.path / "prod", folder.path / "sandbox"):
        shutil.rmtree(leftover, ignore_errors=True)
    say("making a PostgreSQL server")
    access.write_passwords(folder.passwords)
    server.make(access.password_of(folder.passwords, SUPERUSER))
    port = server.start(None)
    access.create_roles(folder.passwords, port)
    return port


def _fill_prod(
    folder: Folder, state: dict[str, Any], source: Source | None, given: Secrets, say: Say
) -> None:
    port, size = state["database_port"], state["size"]
    if source is not None:
        installer = Installer(folder, port)
        say(f"copying Dolibarr {source.version} from {source.htdocs}")
        installer.prepare(source)
        say("installing it into prod")
        installer.install(source, given)
    say(f"filling prod with about {size} MB of business")
    if source is None:
        seed(folder.passwords, port, size, given)
    else:
        installer.fill(size, given)
    access.open_to_reader(folder.passwords, port)
    documents.make_prod(folder.documents("prod"), folder.passwords, port, size)


def _fill_sandbox(folder: Folder, port: int, say: Say) -> None:
    say("copying it, with its documents, to a sandbox that is out of date")
    access.copy_to_sandbox(folder.passwords, port)
    age(folder.passwords, port)
    documents.copy_to_sandbox(folder.documents("prod"), folder.documents("sandbox"))
