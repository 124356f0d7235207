"""What `lab.up` and `lab.down` would do; reads only."""

from __future__ import annotations

from pathlib import Path

from sandbox.errors import UsageError
from sandbox.lab.folder import Folder
from sandbox.lab.life import DEFAULT_SIZE
from sandbox.lab.making import erp_of, server_of
from sandbox.lab.power import refuse_change, refuse_size
from sandbox.lab.real.served import Served
from sandbox.lab.real.source import Source
from sandbox.lab.standin import StandIn


def switch_on(root: Path, size: int | None, dolibarr: Path | None) -> tuple[str, ...]:
    """What `life.up` would do; empty when everything runs.

    Raises:
        UsageError: as `life.up`.
        Refused: something else is there.
    """
    folder = Folder(root)
    folder.refuse_foreign()
    refuse_size(size)
    source = None if dolibarr is None else Source.at(dolibarr)
    state = folder.state()
    if not state:
        folder.refuse_foreign(marked=True)
        erp = f"Dolibarr {source.version} from {source.htdocs}" if source else "a stand-in ERP"
        prod = f"PostgreSQL with about {size or DEFAULT_SIZE} MB in prod"
        return (f"would make a lab in {folder.path}: {prod}, and {erp}",)
    refuse_change(folder, state, size, source)
    port, process = server_of(folder).port(), erp_of(folder, state).process(state)
    would = [] if port else [f"would start PostgreSQL at port {state['database_port']}"]
    if would or process is None or port != state["database_port"]:
        would.append(f"would start the ERP at {state['url']}")
    return tuple(would)


def switch_off(root: Path) -> tuple[str, ...]:
    """What `life.down` would do; empty when nothing runs."""
    folder = Folder(root)
    folder.refuse_foreign()
    try:
        state = folder.state()
    except UsageError:  # a lab whose state was spoilt stops, too
        state = {}
    erp = any(kind(folder).process(state) is not None for kind in (StandIn, Served))
    would = [f"would stop the ERP of {folder.path}"] if erp else []
    if server_of(folder).running:
        would.append(f"would stop PostgreSQL in {folder.data}; its data stays")
    return tuple(would)
