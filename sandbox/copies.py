"""The shell texts that keep, restore and compare copies of the documents folder; knows no engine.

A copy is never made of hard links: Dolibarr rewrites files in place. Where the file system can share blocks
(`--reflink`), a copy costs next to nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from shlex import quote

from sandbox import documents, removal
from sandbox.documents import HIDDEN, Look
from sandbox.guard import MARK, Guard

_TICK = "sleep 0.02\n"  # longer than the step of the clock that dates files
_OWN = f"-path './{HIDDEN}*' -prune -o"  # what this program keeps inside a documents folder


@dataclass(frozen=True)
class Entry:
    """A file or a link in a documents folder; times are seconds, as text, to the nanosecond."""

    path: str
    kind: str  # f: a file, l: a link, d: a folder, else find's letter
    size: int  # of a folder 0
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


def keep(live: Look, folder: str, name: str, guard: Guard) -> str:
    """Shell text that copies the live documents into a checkpoint's folder.

    Args:
        live: the live folder.
        folder: a folder of the shelf; a former try in it is removed.
        name: of the mark; what is newer than it may differ from the copy.
        guard: the sandbox's.
    """
    parent, here, files = map(quote, (folder.rpartition("/")[0], folder, f"{folder}/files"))
    gone = removal.removed(folder, guard, kind="kept")
    return f"""umask 077
{gone}mkdir -p -- {parent} && mkdir -- {here} {files} || exit 1
touch -- {quote(mark(folder, name))} || exit 1
{_TICK}cd -P -- {quote(live.path)} || exit 1
find . -mindepth 1 -maxdepth 1 ! -name '{HIDDEN}*' -exec cp -a --reflink=auto -t {files} -- {{}} + || exit 1
"""


def restore(folder: str, live: Look, guard: Guard) -> str:
    """Shell text that copies a checkpoint's documents to beside or inside the live ones."""
    following = live.layout().next
    target, mark = quote(following), quote(f"{following}/{MARK}")
    source = quote(f"{folder}/files/.")
    return f"""{documents.begun(live, guard)}cp -a --reflink=auto -- {source} {target}/ || exit 1
chown {live.owner} {target} {mark} 2>/dev/null
chmod {live.mode} {target}
"""


def mark(folder: str, name: str) -> str:
    """The file whose time tells since when the live documents may differ from a copy."""
    return f"{folder}/since.{name}"


def set_mark(folder: str, name: str, former: str) -> str:
    """Shell text that begins such a time; of the others only the former one is kept."""
    others = f"-name 'since.*' ! -name {quote(f'since.{former}')}"
    return f"""find {quote(folder)} -maxdepth 1 {others} -delete
{_TICK}touch -- {quote(mark(folder, name))} || exit 1
{_TICK}"""


def listing(folder: str, *also: str) -> str:
    """Shell text that prints what is in a folder, and when the files in `also` were written."""
    times = "".join(
        f"find {quote(path)} -maxdepth 0 -printf 'm 0 %T@ 0 \\0\\0' 2>/dev/null\n" for path in also
    )
    return f"""cd -P -- {quote(folder)} || exit 1
{{ find . -mindepth 1 {_OWN} -printf '%y %s %T@ %C@ %P\\0%l\\0'
{times}}} | base64 -w 0
"""


def listings(live: str, kept: str, *also: str) -> str:
    """Shell text that prints two listings, a line each; `also` goes with the first."""
    return f"(\n{listing(live, *also)}) && echo && (\n{listing(kept)})\n"


def read_listings(output: str) -> tuple[dict[str, Entry], dict[str, Entry], str | None]:
    """What `listings` told: the live entries, the kept ones, and the time of `also`."""
    first, _, second = output.partition("\n")
    live, since = read_listing(first)
    return live, read_listing(second)[0], since


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
            found[path] = Entry(path, kind, 0 if kind == "d" else int(size), modified, changed, target)
    return found, since


def state(folder: str, since: str = "") -> str:
    """Shell text that prints the digest of a folder's listing, and a file that changed after `since` was.

    The digest covers path, type, size, time, mode, owner and target of everything, but no content.
    """
    one = "-type f -printf 'f %s %T@ %m:%U:%G %P\\0' -o -printf '%y %m:%U:%G %P\\0%l\\0'"
    newer = f"find . {_OWN} -type f -cnewer {quote(since)} -print -quit 2>&1\n" if since else ""
    return f"""cd -P -- {quote(folder)} || exit 1
find . -mindepth 1 {_OWN} \\( {one} \\) | LC_ALL=C sort -z | sha256sum
{newer}"""


def read_state(output: str) -> str:
    """The digest; empty when a file changed since, or that cannot be told."""
    digest, _, newer = output.partition("\n")
    return digest if digest and not newer.strip() else ""


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


def remove(folder: str, guard: Guard) -> str:
    """Shell text that removes a checkpoint's documents, and the shelf with the last of them."""
    parent = quote(folder.rpartition("/")[0])
    gone = removal.removed(folder, guard, kind="kept")
    return f"{gone}rmdir -- {parent} 2>/dev/null || :\n"


def kept(parent: str) -> str:
    """Shell text that prints the folders of the shelf, with a NUL after each."""
    return f"cd -P -- {quote(parent)} 2>/dev/null && find . -mindepth 1 -maxdepth 1 -printf '%P\\0' || :\n"
