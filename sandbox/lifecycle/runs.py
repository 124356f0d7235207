"""The id of a run: when it began, something that no other has, and which sandbox it belongs to.

Processes, sessions and temporary files of a run are known by its id alone, and ended or removed by it. What
names a run, such as a journal or the comment on a database, can be edited: so the id itself says whose it is.
"""

from __future__ import annotations

import re
import socket
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_hex

from sandbox.settings import Settings

_EACH = 6  # hexadecimal digits of each part
# what older versions wrote on checkpoints has no parts
_RUN = re.compile(rf"[0-9]{{8}}T[0-9]{{6}}-[0-9a-f]{{6}}(?:-(?P<parts>[0-9a-f]{{{2 * _EACH}}}))?")


def new_run(settings: Settings) -> str:
    """A run's id."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{token_hex(3)}-{''.join(_parts(settings))}"


def is_run(text: str) -> bool:
    """Whether that has the form of a run's id."""
    return _RUN.fullmatch(text) is not None


def is_own(settings: Settings, run: str) -> bool:
    """Whether that is the id of a run of this sandbox.

    One part is enough: a project may have moved, or be there twice, and a lab's server may have another port.
    """
    found = _RUN.fullmatch(run)
    said = found["parts"] if found else None
    return said is not None and any(
        part == own for part, own in zip((said[:_EACH], said[_EACH:]), _parts(settings), strict=True)
    )


def _parts(settings: Settings) -> tuple[str, str]:
    """Digests of what tells this sandbox from others: where its state is kept, and its database."""
    database, cluster = settings.sandbox.database, settings.cluster
    folder = str(settings.files.state.resolve())
    if cluster is not None:  # every machine sees one Lease, which is named by these
        said = (f"{cluster.namespace}/{database.name if database else ''}",) * 2
    elif database is not None:
        said = f"{socket.gethostname()}:{folder}", f"{database.name}@{database.host}:{database.port}"
    else:  # its own script: there are only processes, of this machine
        said = (folder,) * 2
    first, second = (sha256(text.encode()).hexdigest()[:_EACH] for text in said)
    return first, second
