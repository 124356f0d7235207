"""Documents folders that a person might write into the settings, and what a refresh makes of each.

`{}` stands for the scratch folder (see `tests/guard_scratch.py`), the home is `{}/home/me`, the project
`{}/home/me/project`.
"""

from __future__ import annotations

import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import sandbox

NEVER, ADOPTABLE, OURS = "never", "adoptable", "ours"


@dataclass(frozen=True)
class Case:
    """One value of `sandbox.documents`."""

    name: str
    value: str
    becomes: str  # NEVER: refused, adopted or not; ADOPTABLE: refused unless adopted; OURS: replaced
    rule: str = ""  # words of the refusal
    code: int = 3
    quick: bool = False  # also a part of the quick tests


def never(name: str, value: str, rule: str, code: int = 3, *, quick: bool = False) -> Case:
    return Case(name, value, NEVER, rule, code, quick)


AROUND = "the documents folders are one, or one is inside the other"  # prod's is there, too
SYSTEM, HOME, TRACKED = "a folder of the system's", "is or holds a home, {}/home/me", "holds what git tracks"
MISSING = "documents folder is not there"
_PROJECT, _PRODS = "{}/home/me/project", "lies in {}/prod/documents"

CASES = (
    # homes
    never("the home", "~", HOME, quick=True),
    never("the home, with a slash", "~/", HOME),
    never("the home, by name", "{}/home/me", HOME),
    never("the home, with slashes", "{}//home///me//", HOME),
    never("the home, over a detour", "{}/home/../home/me/project/..", HOME),
    never("the home, relatively", "..", HOME),
    never("the homes' folder", "../..", "is or holds a home"),
    never("the homes' folder's parent", "{}", AROUND),
    never("another user's home", "~/../other", "is or holds a home, {}/home/other"),
    never("another user's home, as ~other", "~other", "is or holds a home, {}/home/other"),
    never("root's home", "/root", SYSTEM),
    never("a variable, which nobody expands", "$HOME/../other", MISSING, 2),
    # the system
    never("the root", "/", AROUND),
    never("the root, twice", "//", AROUND),
    never("above the root", "/../..", AROUND),
    *(
        never(path, path, SYSTEM)
        for path in (
            "/etc",
            "/usr",
            "/usr/share",
            "/var",
            "/var/lib",
            "/var/tmp",
            "/home",
            "/tmp",
            "/dev/pts",
        )
    ),
    never("/srv/", "/srv/", SYSTEM),
    never("/proc", "/proc", SYSTEM),
    # the project
    never("the project", ".", "is or holds"),
    never("the project, by name", _PROJECT, "is or holds"),
    never("a folder with tracked files", "tracked", TRACKED, quick=True),
    never("a folder in one with tracked files", "tracked/sub", TRACKED),
    never("git's own folder", ".git", "git"),
    never("the settings' folder", "settings", "is or holds {}/home/me/project/settings"),
    Case("an untracked folder", "untracked", ADOPTABLE, "no mark"),
    # state, keys, programs
    never("the state's parent", ".sandbox", "is or holds"),
    never("the state", ".sandbox/sandbox", "is or holds"),
    never("the folder of the credentials", "test", "is or holds {}/home/me/project/test"),
    never("the folder of the agent's .env", "dolibarr-sandbox-write", "is or holds"),
    never("the folder of the passwords", "{}/keys", "is or holds {}/keys/pgpass"),
    never("keys", "~/.ssh", "is or holds"),
    never("a folder with an .env", "{}/with-env", "is or holds {}/with-env/sub/.env"),
    never("a folder with keys", "{}/with-ssh", "is or holds {}/with-ssh/.ssh"),
    never(
        "a folder with another project's settings", "{}/with-tasks", "is or holds {}/with-tasks/sub/tasks.py"
    ),
    never("a folder with a clone in it", "{}/with-clone", "is or holds {}/with-clone/clone/.git"),
    never("the interpreter's environment", sys.prefix, "is or holds"),
    never("the interpreter's programs", str(Path(sys.executable).parent), "lies in"),
    never("the interpreter's packages", f"{sysconfig.get_path('purelib')}/invoke", "lies in"),
    never("this program", str(Path(sandbox.__file__).parent), "lies in"),
    # PostgreSQL
    never("a server's data", "{}/server", "is or lies in the data of a PostgreSQL server, {}/server"),
    never("in a server's data", "{}/server/base/1", "is or lies in the data of a PostgreSQL server"),
    never("a folder with a server's data", "{}/servers", "is or holds {}/servers/main/PG_VERSION"),
    # prod's
    never("prod's", "{}/prod/documents", "is prod's"),
    never("prod's parent", "{}/prod", "one is inside the other"),
    never("in prod's", "{}/prod/documents/inner", "one is inside the other"),
    never("in prod's, by a bind mount", "{}/bound-inner", _PRODS, quick=True),
    never("prod's parent, by a bind mount", "{}/bound-prod", "prod"),
    # links and other names
    never("a link to the home", "{}/links/home", HOME),
    never("a link to the project", "{}/links/project", "is or holds"),
    never("a link to the root", "{}/links/root", AROUND),
    never("a link to /etc", "{}/links/etc", SYSTEM),
    never("a link to prod's", "{}/links/prod", "the documents folders are one"),
    never("a link to a link to in prod's", "{}/links/inner", "one is inside the other"),
    never("a link to a server's data", "{}/links/server", "PostgreSQL"),
    never("a link to the passwords' folder", "{}/links/keys", "is or holds {}/keys/pgpass"),
    never("a link to tracked files", "{}/links/tracked", TRACKED),
    never("a link to nothing", "{}/links/nothing", MISSING, 2),
    never("the home, by a bind mount", "{}/bound-home", "is or holds a home"),
    never("/usr/share, by a bind mount", "{}/bound-share", SYSTEM),
    never("deep in /usr, by a bind mount", "{}/bound-deep", SYSTEM),
    never("in a server's data, by a bind mount", "{}/bound-base", "PostgreSQL"),
    # mount points
    Case("a volume", "{}/volume", ADOPTABLE, "no mark"),
    never("a volume's parent", "{}/over", "holds a mount point, {}/over/deep/volume"),
    never("a marked folder with a volume in it", "{}/marked-over", "holds a mount point"),
    # odd names and things
    never("a file", "{}/file", MISSING, 2),
    never("a name with a line break", "{}/new\nline", "line break", 1),
    never("a path that is too long", "{}/" + "/".join(["long" * 50] * 25), MISSING, 2),
    Case("a name that is no UTF-8", "{}/bad\udcff", ADOPTABLE, "no mark"),
    Case("a name of blanks and quotes", "{}/a  'b' \"$(c)\" ", ADOPTABLE, "no mark"),
    never("another case", "{}/FOREIGN", MISSING, 2),
    never("an absent folder", "{}/absent", MISSING, 2),
    # no sandbox's yet
    Case("somebody's folder", "{}/foreign", ADOPTABLE, "1 of them, 3 bytes"),
    Case("a folder with a forged mark", "{}/forged", ADOPTABLE, "no documents folder's of this sandbox"),
    Case("a folder with a mark that is a link", "{}/link-mark", ADOPTABLE, "no mark"),
    Case("another sandbox's folder", "{}/another", ADOPTABLE, "of another database, dolibarr_training"),
    # the sandbox's
    Case("an empty folder", "{}/empty", OURS),
    Case("a marked folder", "{}/marked", OURS, quick=True),
    Case("a link to a marked folder", "{}/links/marked", OURS),
)
