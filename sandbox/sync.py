"""The shell texts that bring a folder to what a folder in another place is; knows no engine.

`begun` makes the copy that is to be brought up to date. After it four are parts of one pipe, and start in any
order: `listed` (there) | `staged` (here) | `sent` (there) | `received` (here). Both listings are compared
first, and only what differs travels, as a tar stream. They ask for GNU find, sort, comm, sed and tar, which
every Linux image of Dolibarr has.
"""

from __future__ import annotations

from shlex import quote

from sandbox import documents
from sandbox.documents import HIDDEN, Look
from sandbox.guard import MARK, Guard
from sandbox.shell import temporary

# no path of find's has two slashes in a row: what follows them is not of the path
_LIST = rf"""find . -mindepth 1 ! -path ./{MARK} \( \
  -type d -printf '%P//d %T@ %m\0' -o -type f -printf '%P//f %s %T@ %m\0' \
  -o -type l -printf '%P//l %l\0' \)"""
_END = "//end"  # a listing that lacks it was cut off, and would delete all that it does not name
_SORT = "LC_ALL=C sort -z"
_PATHS = "sed -z 's,//.*,,'"
_KINDS = r"sed -z 's,\(//[df]\) .*,\1,'"  # path and type, of a link its target too


def listed(source: str) -> str:
    """Shell text that prints what is in a folder."""
    return f"cd -P -- {quote(source)} && {_LIST} && printf '{_END}\\0'\n"


def begun(live: Look, guard: Guard) -> str:
    """Shell text that makes a copy of the live folder, anew."""
    target = quote(live.layout().next)
    own = f"! -name '{HIDDEN}*'"
    begin = documents.begun(live, guard)
    return f"""{begin}(cd -P -- {quote(live.path)} && find . -mindepth 1 -maxdepth 1 {own} \\
  -exec cp -a --reflink=auto -t {target} -- {{}} +)
:  # what could not be copied travels
"""


def staged(live: Look, guard: Guard) -> str:
    """Shell text that removes from the copy what is not listed, and prints what it lacks.

    Args:
        live: the live folder.
        guard: the sandbox's; its run's lists these are, should it be killed.
    """
    target = quote(live.layout().next)
    return f"""{guard.before(live.layout().next)}lists={temporary(guard.run, folder=True)} || exit 1
trap 'rm -rf "$lists"' EXIT
{_SORT} >"$lists/all" || exit 1
grep -qzxF '{_END}' "$lists/all" || {{ echo "prod's listing was cut off" >&2; exit 1; }}
grep -vzxF '{_END}' "$lists/all" >"$lists/wanted"
cd -P -- {target} && guard_same . "$judged" || exit 1
{_LIST} | {_SORT} >"$lists/own" || exit 1
for list in wanted own; do {_KINDS} "$lists/$list" | {_SORT} >"$lists/$list.kinds"; done
comm -z -13 "$lists/wanted.kinds" "$lists/own.kinds" | {_PATHS} | xargs -0 -r rm -rf -- || exit 1
comm -z -23 "$lists/wanted" "$lists/own" | {_PATHS}
"""


def sent(source: str) -> str:
    """Shell text that reads paths and writes what they are as a tar stream, times to the nanosecond."""
    return f"""cd -P -- {quote(source)} && tar --create --file=- --format=posix \\
  --pax-option=delete=atime,delete=ctime --no-recursion --null --verbatim-files-from --files-from=-
"""


def received(live: Look) -> str:
    """Shell text that puts a tar stream into the copy; its files belong to the live folder's owner."""
    target = quote(live.layout().next)
    owner = f"chown -hR {live.owner} . || exit 1\n" if live.root else ""
    return f"""cd -P -- {target} || exit 1
tar --extract --file=- --preserve-permissions --no-same-owner --overwrite --delay-directory-restore || exit 1
{owner}chmod {live.mode} .
"""
