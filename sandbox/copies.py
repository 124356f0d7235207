"""The shell texts that keep, restore and compare copies of the documents folder; knows no engine.

A copy is never made of hard links: Dolibarr rewrites files in place. Where the file system can share blocks
(`--reflink`), a copy costs next to nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from shlex import quote

from sandbox.documents import HIDDEN, Look

_TICK = "sleep 0.02\n"  # longer than the step of the clock that dates files
_OWN = f"-path './{HIDDEN}*' -prune -o"  # what this program keeps inside a documents folder


@dataclass(frozen=True)
class Entry:
    """A file or a link in a documents folder; times are seconds, as text, to the nanosecond."""

    path: str
    kind: str  # f: a file, l: a link, else find's letter
    size: int
    modified: str
    changed: str  # also when only its name, owner or mode changed
    target: str

    @property
    def content(self) -> tuple[str, int, str, str]:
        """What tells two entries of one path apart, short of reading them."""
        return self.kind, self.size, self.modified if self.kind == "f" else "", self.target


def shelf(live: str, *, beside: bool) -> str:
    """The folder that holds the documents of all checkpoints: next to the live one, or hidden inside it."""
    return f"{live}__cp" if beside else f"{live}/{HIDDEN}cp"


def keep(live: Look, folder: str, oid: int) -> str:
    """Shell text that copies the live documents into a checkpoint's folder.

    Args:
        live: the live folder.
        folder: a folder of the shelf; a former try in it is removed.
        oid: the live database's; what is newer than the mark of that name may differ from the copy.
    """
    parent, here, files = map(quote, (folder.rpartition("/")[0], folder, f"{folder}/files"))
    return f"""umask 077
mkdir -p -- {parent} && rm -rf -- {here} && mkdir -- {here} {files} || exit 1
touch -- {quote(mark(folder, oid))} || exit 1
{_TICK}cd -P -- {quote(live.path)} || exit 1
find . -mindepth 1 -maxdepth 1 ! -name '{HIDDEN}*' -exec cp -a --reflink=auto -t {files} -- {{}} + || exit 1
"""


def restore(folder: str, live: Look) -> str:
    """Shell text that copies a checkpoint's documents to beside or inside the live ones."""
    target = quote(live.layout().next)
    return f"""rm -rf -- {target} && mkdir -m 700 -- {target} || exit 1
cp -a --reflink=auto -- {quote(f"{folder}/files/.")} {target}/ || exit 1
chown {live.owner} {target} 2>/dev/null
chmod {live.mode} {target}
"""


def mark(folder: str, oid: int) -> str:
    """The file whose time tells since when the documents beside a live database may differ from a copy."""
    return f"{folder}/since.{oid}"


def set_mark(folder: str, oid: int, live: int) -> str:
    """Shell text that begins such a time for the next database; only the live one's is kept beside it."""
    others = f"-name 'since.*' ! -name since.{live}"
    return f"""find {quote(folder)} -maxdepth 1 {others} -delete
{_TICK}touch -- {quote(mark(folder, oid))} || exit 1
{_TICK}"""


def listing(folder: str, *also: str) -> str:
    """Shell text that prints a folder's files and links, and when the files in `also` were written."""
    times = "".join(
        f"find {quote(path)} -maxdepth 0 -printf 'm 0 %T@ 0 \\0\\0' 2>/dev/null\n" for path in also
    )
    return f"""cd -P -- {quote(folder)} || exit 1
{{ find . -mindepth 1 {_OWN} ! -type d -printf '%y %s %T@ %C@ %P\\0%l\\0'
{times}}} | base64 -w 0
"""


def read_listing(output: str) -> tuple[dict[str, Entry], str | None]:
    """What `listing` told: the entries by path, and the time of `also`."""
    parts = base64.b64decode(output).decode(errors="surrogateescape").split("\0")
    found: dict[str, Entry] = {}
    since = None
    for line, target in zip(parts[0::2], parts[1::2], strict=False):
        kind, size, modified, changed, path = line.split(" ", 4)
        if kind == "m":
            since = modified
        else:
            found[path] = Entry(path, kind, int(size), modified, changed, target)
    return found, since


def digests(folder: str, paths: Iterable[str]) -> str:
    """Shell text that prints the SHA-256 of some of a folder's files; `read_digests` reads it."""
    wanted = b"".join(path.encode(errors="surrogateescape") + b"\0" for path in paths)
    text = base64.encodebytes(wanted).decode()
    return f"""cd -P -- {quote(folder)} || exit 1
base64 -d <<'END' | xargs -0 -r sha256sum -z -- | base64 -w 0
{text}END
"""


def read_digests(output: str) -> dict[str, str]:
    """The SHA-256 of each file, by path."""
    lines = base64.b64decode(output).decode(errors="surrogateescape").split("\0")
    return {line[66:]: line[:64] for line in lines if line}


def remove(folder: str) -> str:
    """Shell text that removes a checkpoint's documents, and the shelf with the last of them."""
    parent = quote(folder.rpartition("/")[0])
    return f"rm -rf -- {quote(folder)} || exit 1\nrmdir -- {parent} 2>/dev/null || :\n"


def kept(parent: str) -> str:
    """Shell text that prints the folders of the shelf, one a line."""
    return f"cd -P -- {quote(parent)} 2>/dev/null && ls -1 || :\n"
