"""What of the documents this user may move and remove, tried before anything is copied; and their removal.

Dolibarr's files belong to the web server's user, and not everybody who refreshes a sandbox is root. What
cannot be removed is set aside under a name of its own, and told with the command that removes it; later runs
try again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from shlex import quote

from sandbox.guard import Guard
from sandbox.printable import typed
from sandbox.settings import Side

_LEFT = re.compile(r"^dolibarr-sandbox left: (.+)$", re.MULTILINE)
GROUP_WRITES, _INHERITED = (
    0o020,
    0o2000,
)  # of a mode: the group may write; and is given on
_SHOWN = 3  # paths in one warning


@dataclass(frozen=True)
class Trial:
    """What stands in the way of replacing a folder; paths below it, or `.` for itself."""

    unmovable: tuple[str, ...] = ()
    unremovable: tuple[str, ...] = ()

    @classmethod
    def read(cls, output: str) -> Trial:
        """What `tried` printed."""
        found = [record.partition("\t") for record in output.split("\0")]
        return cls(
            *(
                tuple(dict.fromkeys(path for kind, _, path in found if kind == one))
                for one in ("move", "remove")
            )
        )


@cache
def functions() -> str:
    """Shell text: the functions of removal.sh."""
    return resources.files("sandbox").joinpath("removal.sh").read_text(encoding="utf-8")


def tried(folder: str, *, beside: bool) -> str:
    """Shell text that prints what stands in the way of replacing a folder; changes nothing."""
    return f"{functions()}removal_tried {'beside' if beside else 'inside'} {quote(folder)}\n"


def removed(folder: str, guard: Guard, aside: str = "", *, kind: str = "documents") -> str:
    """Shell text that removes a folder, if the guard lets it.

    It fails when the guard does not, or when the folder can be neither removed nor moved to `aside`.

    Args:
        folder: the folder, which is ours.
        guard: the sandbox's.
        aside: where it goes if it cannot be removed.
        kind: see `Guard.before`.
    """
    before = guard.before(folder, kind=kind)
    return f'{before}{functions()}removal {quote(folder)} "$judged" {quote(aside) if aside else ""} || exit\n'


def opened(folder: str) -> str:
    """Shell text that opens our own folders in a copy: prod's may be closed, and are so again at the end."""
    return f"{functions()}removal_open {quote(folder)}\n"


def given(folder: str, group: str, mode: str) -> str:
    """Shell text that gives a copy a live folder's group, and that group's rights; it sets `failed`.

    Args:
        folder: the copy.
        group: the group's id; empty: the copy has it.
        mode: the live folder's.
    """
    if not group:
        return ""
    path, bits = quote(folder), int(mode, 8)
    rights = f"chmod -R g+rwX {path} || failed=1\n" if bits & GROUP_WRITES else ""
    inherited = f"find {path} -type d -exec chmod g+s {{}} + || failed=1\n" if bits & _INHERITED else ""
    return f"chgrp -hR {group} {path} || failed=1\n{rights}{inherited}"


def again(prefix: str, guard: Guard) -> str:
    """Shell text that tries once more to remove what earlier runs set aside; never fails."""
    return f"{functions()}{guard.functions()}removal_again {quote(prefix)} {guard.words()}\n"


def left(stderr: str, side: Side) -> tuple[str, ...]:
    """A warning for each folder that could not be removed, from what its removal said."""
    return tuple(
        f"{path} could not be removed, and is left there; {command(path, side)}"
        for path in _LEFT.findall(stderr)
    )


def command(path: str, side: Side) -> str:
    """What removes a path, as typed."""
    pod = side.pods.documents
    where = "remove it: sudo " if pod is None else f"as root, in the pod {pod}: "
    return f"{where}rm -rf -- {typed(path)}"


def named(folder: str, paths: tuple[str, ...]) -> str:
    """Some of these paths below a folder, for a message."""
    shown = [folder if path == "." else f"{folder}/{path}" for path in paths[:_SHOWN]]
    more = len(paths) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
