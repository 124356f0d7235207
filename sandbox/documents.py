"""The shell texts that look at, copy and swap documents folders; knows no engine.

Beside: the copy is made in a folder next to the live one and renamed into its place. Inside: where the
live folder is a mount point, or its parent is not ours to write, the copy is made in a hidden folder of it
and its entries are moved; a marker tells how far a move was, so that it can always be finished.

They ask for GNU find, sort and mv, which every Linux image of Dolibarr has. Each text that renames or removes
begins with the guard (`sandbox.guard`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from sandbox import removal
from sandbox.guard import MARK, REFUSED, Guard
from sandbox.shell import lines

HIDDEN = ".dolibarr-sandbox-"
_OURS = f"! -path ./{MARK}"  # the mark is no part of what is copied and compared
_NICE = 10  # how far a copy steps back; 19 would starve beside a database that takes all


@dataclass(frozen=True)
class Look:
    """What a folder is."""

    path: str  # without symbolic links
    identities: tuple[str, ...]  # device:inode on which kernel: its own, then those of the folders it is in
    owner: str  # uid:gid
    mode: str
    user: str  # our own id
    groups: tuple[str, ...]  # ours
    beside: bool  # a folder can be made next to it, and renamed into its place
    mark: str = ""  # what a run of ours left in it; see `guard.Mark`

    @property
    def root(self) -> bool:
        """Whether we are root, who may give files to anybody."""
        return self.user == "0"

    @property
    def group(self) -> str:
        """Its group, to be given to what we copy; empty: we are root, or it is the one we have anyway."""
        own = self.owner == f"{self.user}:{self.groups[0]}" if self.groups else True
        return "" if self.root or own else self.owner.partition(":")[2]

    @property
    def kept_out(self) -> bool:
        """Whether the user that it belongs to could not write to what we put there."""
        owner, _, group = self.owner.partition(":")
        mode = int(self.mode, 8)
        by_group = group in self.groups and mode & removal.GROUP_WRITES
        return not (self.root or owner in {self.user, "0"} or by_group or mode & 0o002)

    def layout(self) -> Layout:
        """Where its copies go."""
        return Layout.of(self.path, beside=self.beside)


@dataclass(frozen=True)
class Layout:
    """The folders of one swap."""

    live: str
    next: str
    old: str
    incoming: str  # inside only: the copy is whole and the old entries are out of the way

    @classmethod
    def of(cls, live: str, *, beside: bool) -> Layout:
        """The names for a live folder."""
        if beside:
            return cls(live, f"{live}__next", f"{live}__old", "")
        return cls(live, *(f"{live}/{HIDDEN}{part}" for part in ("next", "old", "incoming")))

    @property
    def others(self) -> tuple[str, ...]:
        """All but the live one."""
        return tuple(filter(None, (self.next, self.old, self.incoming)))

    @property
    def left(self) -> str:
        """How the names of replaced folders begin that nobody could remove; a run's id follows."""
        return f"{self.live}/{HIDDEN}left-" if self.incoming else f"{self.live}__left_"


@dataclass(frozen=True)
class Manifest:
    """A folder's content in one line: the digest of every path, type, size, time and link target."""

    digest: str
    files: int
    bytes: int


def look(folder: Path) -> str:
    """Shell text that tells what a folder is; `parsed` reads it when it ended with 0."""
    return f"""cd -P -- {quote(str(folder))} 2>/dev/null || {{ echo missing; exit 0; }}
here=$(pwd -P && echo .)
here=${{here%??}}
case $here in *'
'*) echo "a folder's name must have no line break" >&2; exit 1 ;; esac
printf 'path %s\\n' "$here"
[ ! -f {MARK} ] || printf 'mark %s\\n' "$(head -c 4096 {MARK} | tr -d '\\n')"
stat -c 'owner %u:%g
mode %a' . || exit 1
user=$(id -u) && echo "user $user" || exit 1
groups=$(id -G) && echo "groups $groups" || exit 1
boot=
{{ read -r boot </proc/sys/kernel/random/boot_id; }} 2>/dev/null
at=$here
set -- "$here"
while [ "$at" != / ]; do
  at=${{at%/*}}
  at=${{at:-/}}
  set -- "$@" "$at"
done
stat -c "identity %d:%i $boot" -- "$@" || exit 1
parent=${{2:-/}}
devices=$(stat -c %d . ..) || exit 1
set -- $devices
held=  # in a folder such as /tmp nobody renames what is another's
[ ! -k "$parent" ] || [ "$user" = 0 ] || [ -O "$parent" ] || [ -O . ] || held=1
if [ -w "$parent" ] && [ -x "$parent" ] && [ -z "$held" ] && [ "$1" = "$2" ] && ! mountpoint -q . 2>/dev/null
then echo 'place beside'; else echo 'place inside'; fi
"""


def parsed(output: str) -> Look | None:
    """What `look` told; None when there is no such folder."""
    found = [line.partition(" ") for line in lines(output)]
    told = {key: value for key, _, value in found}
    if "path" not in told:
        return None
    return Look(
        path=told["path"],
        identities=tuple(value for key, _, value in found if key == "identity"),
        owner=told["owner"],
        mode=told["mode"],
        user=told["user"],
        groups=tuple(told["groups"].split()),
        beside=told["place"] == "beside",
        mark=told.get("mark", ""),
    )


def existing(*paths: str) -> str:
    """Shell text that prints those of the paths that are there, with a NUL after each."""
    words = " ".join(map(quote, paths))
    return f'for path in {words}; do [ ! -e "$path" ] || printf \'%s\\0\' "$path"; done\n'


def manifest(folder: str) -> str:
    """Shell text that prints the digest of a folder's listing, its files and their bytes."""
    return f"""cd -P -- {quote(folder)} || exit 1
find . -mindepth 1 {_OURS} \\( -type f -printf 'f %s %T@ %P\\0' -o -type d -printf 'd %P\\0' -o \\
  -type l -printf 'l %l %P\\0' -o -printf '%y %P\\0' \\) | LC_ALL=C sort -z | sha256sum
find . -type f {_OURS} -printf '%s\\n' | awk '{{ n++; s += $1 }} END {{ printf "%d %.0f\\n", n, s }}'
"""


def read_manifest(output: str) -> Manifest | None:
    """What `manifest` told; None when it could not."""
    found = re.fullmatch(r"([0-9a-f]{64})\s+-\n(\d+) (\d+)\n?", output)
    return Manifest(found[1], int(found[2]), int(found[3])) if found else None


def measure(folder: str) -> str:
    """Shell text that prints how many files a folder has, their bytes, and when the newest was written."""
    return f"""find {quote(folder)} -type f -printf '%s %T@\\n' 2>/dev/null | awk '
  {{ n++; s += $1; if ($2 > t) t = $2 }} END {{ printf "%d %.0f %d\\n", n, s, t }}'
"""


def measured(output: str) -> tuple[int, int, int] | None:
    """What `measure` told: files, bytes, seconds since 1970."""
    found = re.fullmatch(r"(\d+) (\d+) (\d+)\s*", output)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def begun(live: Look, guard: Guard) -> str:
    """Shell text that makes an empty folder for the next documents; it carries the mark from the start."""
    following = live.layout().next
    made = f"mkdir -m 700 -- {quote(following)} || exit 1\n"
    return removal.removed(following, guard) + made + guard.marked(following)


def copy(source: str, live: Look, guard: Guard, *, again: bool) -> str:
    """Shell text that copies a folder to beside or inside the live one; links stay links, times are kept.

    It steps back for whatever else wants the processor: the database takes longer, and others are at work.

    Args:
        source: the folder to copy; only read.
        live: the folder that the copy will replace; it gives owner and mode.
        guard: the sandbox's.
        again: bring an earlier copy up to date, since something moved meanwhile.
    """
    layout = live.layout()
    target = quote(layout.next)
    # as root, files would belong to prod's web server, which may not be the sandbox's
    owner = (
        f"chown -hR {live.owner} {target} || failed=1\n"
        if live.root
        else removal.given(live.layout().next, live.group, live.mode)
    )
    if again:
        begin = guard.before(layout.next) + removal.opened(layout.next)
        gone = '[ -e "$0/$path" ] || [ -L "$0/$path" ] || rm -rf -- "$path"'
        tidy = (
            f'(cd -- {target} && guard_same . "$judged" && find . -mindepth 1 -depth {_OURS} -exec sh -c '
            f"'for path; do {gone}; done' {quote(source)} {{}} +) || failed=1\n"
        )
    else:
        begin, tidy = begun(live, guard), ""
    flags = "-RpPu" if again else "-RpP"
    return (
        f"failed=0\n{begin}nice -n {_NICE} cp {flags} -- {quote(f'{source}/.')} {target}/ || failed=1\n"
        f"{tidy}{owner}chmod {live.mode} {target} || failed=1\nexit $failed\n"
    )


def adopt(live: Look, guard: Guard, identity: str) -> str:
    """Shell text that marks the live folder, as long as it is the one that a person adopted.

    Args:
        live: the live folder.
        guard: the sandbox's.
        identity: device:inode of the folder that was adopted.
    """
    mark = guard.marked(live.path, owner=live.owner if live.root else "")
    return guard.before(live.path, adopted=identity) + mark


def finish(layout: Layout, guard: Guard) -> str:
    """Shell text that puts the copy in the live folder's place, from wherever an earlier try stopped."""
    live, following, old, incoming = map(quote, (layout.live, layout.next, layout.old, layout.incoming))
    before = guard.before(layout.next) + guard.before(layout.live)
    if not layout.incoming:
        return f"""{before}if [ -e {following} ]; then
  if [ -e {live} ]; then
    [ ! -e {old} ] && mv -T -- {live} {old} || exit 1
    guard_same {old} "$judged" || {{ mv -T -- {old} {live}; exit {REFUSED}; }}
  fi
  mv -T -- {following} {live} || exit 1
fi
"""
    entries = "-mindepth 1 -maxdepth 1"
    # to move a folder into another one is to write to it, and to what is our own we may give that right
    closed = f'{entries} -type d -user "$(id -u)" ! -perm -200'
    carefully = """for at; do mode=$(stat -c %a -- "$at") && chmod u+w -- "$at" && mv -t "$0" -- "$at" &&
    chmod "$mode" -- "$0/${at##*/}" || exit 1; done"""
    # whoever finds a folder half moved is told by its mark whose it is
    return f"""{before}if [ -e {following} ]; then
  mkdir -p -- {old} || exit 1
  for at in {live} {old}; do [ -e "$at/{MARK}" ] || cp -p -- {following}/{MARK} "$at/" || exit 1; done
  mkdir -p -- {old} || exit 1
  find {live} {closed} ! -name '{HIDDEN}*' -exec chmod u+w {{}} + || exit 1
  find {live} {entries} ! -name '{HIDDEN}*' -exec mv -t {old} -- {{}} + || exit 1
  mv -- {following} {incoming} || exit 1
fi
if [ -e {incoming} ]; then
  find {incoming} {closed} -exec sh -c {quote(carefully)} {live} {{}} + || exit 1
  find {incoming} {entries} -exec mv -f -t {live} -- {{}} + || exit 1
  rmdir -- {incoming} || exit 1
fi
"""


def undo(layout: Layout, guard: Guard, run: str) -> str:
    """Shell text that drops the copy of a run; a live folder that was already set aside comes back.

    The mark that the run gave the live folder by adopting it goes, too.
    """
    live, old = map(quote, (layout.live, layout.old))
    back = "" if layout.incoming else f"[ -e {live} ] || [ ! -e {old} ] || mv -T -- {old} {live} || exit 1\n"
    # a run adopts a folder only once its copy is there
    unmarked = (
        f"[ ! -e {quote(layout.next)} ] || {{ {guard.unmarked(layout.live, run).rstrip()}; }} || exit 1\n"
    )
    return f"{back}{unmarked}{removal.removed(layout.next, guard)}"


def discard(layout: Layout, guard: Guard, run: str) -> str:
    """Shell text that removes the old folder after a swap; what cannot be removed is set aside, and told.

    Args:
        layout: the folders.
        guard: the sandbox's.
        run: whose work it is; what earlier runs set aside is tried again.
    """
    return removal.again(layout.left, guard) + removal.removed(layout.old, guard, f"{layout.left}{run}")


def has(folder: str, path: str) -> str:
    """Shell text that prints the path when the folder has such a file."""
    return existing(f"{folder}/{path}")
