"""A scratch home and its surroundings on a tmpfs, in a mount namespace where all else is read-only."""

from __future__ import annotations

import ctypes
import hashlib
import os
import stat
import subprocess
from pathlib import Path

from sandbox.guard import MARK, Mark
from tests.support import ops

_MOUNT_SETATTR, _AT_FDCWD, _RECURSIVE, _RDONLY = 442, -100, 0x8000, 1


class _Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def seal() -> None:
    """Make every mount of this namespace read-only."""
    libc, wanted = ctypes.CDLL(None, use_errno=True), _Attributes(_RDONLY, 0, 0, 0)
    if libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, b"/", _RECURSIVE, ctypes.byref(wanted), ctypes.sizeof(wanted)):
        raise OSError(ctypes.get_errno(), "mount_setattr")


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def volume(path: Path) -> None:
    path.mkdir(parents=True)
    mount("-t", "tmpfs", "tmpfs", str(path))
    write(path / "a.pdf")


def write(path: Path, text: str = "a.b") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def make(top: Path, settings: str, passwords: str, database: str) -> None:
    """Fill the scratch folder, and mount what has to be mounted.

    Args:
        top: the scratch folder; a tmpfs is mounted over it.
        settings: YAML.
        passwords: the content of a pgpass file.
        database: the sandbox's, by name.
    """
    seal()
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(top))
    for name in ("tmp", "home/me", "home/other", "prod", "empty", "links"):
        (top / name).mkdir(parents=True)
    users = Path("/etc/passwd").read_text(encoding="utf-8")
    write(top / "passwd", f"{users}other:x:54321:54321::{top}/home/other:/bin/sh\n")
    mount("--bind", str(top / "passwd"), "/etc/passwd")
    write(top / "keys" / "pgpass", passwords)
    (top / "keys" / "pgpass").chmod(0o600)
    _home(top / "home" / "me", settings)
    _folders(top, database)
    _links(top)


def bind(top: Path) -> None:
    """Show some folders by another name, too."""
    bound = {
        "bound-home": top / "home" / "me",
        "bound-inner": top / "prod" / "documents" / "inner",
        "bound-prod": top / "prod",
        "bound-base": top / "server" / "base",
        "bound-share": Path("/usr/share"),
        "bound-deep": Path("/usr/share/doc"),
    }
    for name, target in bound.items():
        (top / name).mkdir()
        mount("--bind", str(target), str(top / name))


def _home(home: Path, settings: str) -> None:
    project = ops(home / "project", settings)
    for name in (".ssh/id_ed25519", "project/test/.env.sandbox", "letter.txt"):
        write(home / name)
    write(project / "settings" / "more.yaml", "{}\n")
    for name in ("tracked/sub/file", "untracked/a.pdf", "dolibarr-sandbox-write/.env", ".sandbox/sandbox/x"):
        write(project / name)
    git(project, "init", "-q")
    git(project, "add", "tasks.py", "tracked")


def git(folder: Path, *words: str) -> None:
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *words], cwd=folder, env={**os.environ, **own}, check=True)


def _folders(top: Path, database: str) -> None:
    for name in ("with-env/sub/.env", "with-ssh/.ssh/id", "with-tasks/sub/tasks.py", "with-clone/clone/x"):
        write(top / name)
    git(top / "with-clone" / "clone", "init", "-q")
    for name in ("server", "servers/main"):
        write(top / name / "PG_VERSION", "18\n")
        write(top / name / "base" / "1" / "2601")
    for name in ("foreign", "forged", "another", "marked", "link-mark", "marked-over", "over"):
        write(top / name / "a.pdf")
    for name in ("new\nline", "bad\udcff", "a  'b' \"$(c)\" "):
        write(top / name / "a.pdf")
    for name in ("prod only.pdf", "inner/invoice.pdf", "mycompany/logos/logo.png"):
        write(top / "prod" / "documents" / name, "prod's")
    write(top / "file")
    ours = Mark(database, "r0").text()
    for name, text in {"marked": ours, "marked-over": ours, "forged": "yes", "mark": ours}.items():
        write(top / name / MARK, text)
    write(top / "another" / MARK, Mark("dolibarr_training", "r1").text())
    (top / "link-mark" / MARK).symlink_to(top / "mark" / MARK)
    for name in ("volume", "over/deep/volume", "marked-over/deep"):
        volume(top / name)


def _links(top: Path) -> None:
    targets: dict[str, str | Path] = {
        "home": "../home/me",
        "project": top / "home" / "me" / "project",
        "root": "/",
        "etc": "/etc",
        "prod": "../prod/documents",
        "inner": "prod/inner",
        "server": "../server",
        "keys": "../keys",
        "tracked": "../home/me/project/tracked",
        "nothing": "../nothing",
        "marked": "../marked",
    }
    for name, target in targets.items():
        (top / "links" / name).symlink_to(target)


def everything(top: Path) -> dict[str, tuple[object, ...]]:
    """All of the scratch folder but its temporary files: kind, mode, owner, identity and content."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(top):
        if folder == str(top):
            folders.remove("tmp")
        folders[:] = [name for name in folders if not name.startswith("bound-")]  # seen by their own names
        for path in (os.path.join(folder, name) for name in (*folders, *files)):  # noqa: PTH118
            told = os.lstat(path)
            content, written = "", 0
            if stat.S_ISREG(told.st_mode):
                content, written = hashlib.sha256(Path(path).read_bytes()).hexdigest(), told.st_mtime_ns
            elif stat.S_ISLNK(told.st_mode):
                content = str(Path(path).readlink())
            identity = told.st_dev, told.st_ino
            found[path] = (told.st_mode, told.st_uid, told.st_gid, *identity, written, content)
    return found
