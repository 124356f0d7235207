"""The ways to make a copy of prod: ours, and what people do without it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox.lab import HOST
from sandbox.lab.access import PROD, READER, SANDBOX, password_of
from sandbox.lab.ops import Ops
from sandbox.lab.server import programs

TODAY, FULL, CHANGES = "today's way", "inv refresh", "inv refresh, 1 % of 5 tables changed"
COPY, DSLR = "the server's own copy", "dslr"
CLONE, REPLACED = "pgcopydb clone", "pgcopydb clone, replacing"
THEIRS, KEPT, COPIED = "bench_theirs", "bench_kept", "bench_copied"  # databases; KEPT is prod for DSLR
MEANING = {
    TODAY: "`pg_dump -Fc` to a file, `DROP OWNED`, `pg_restore`",
    "pipe": "`DROP OWNED`, `pg_dump -Fc -Z0 | pg_restore`",
    "directory, 2 jobs": "`pg_dump -Fd -j2` to a folder, `DROP OWNED`, `pg_restore -j2`",
    CLONE: "`pgcopydb clone --table-jobs 2 --index-jobs 2` into an empty database",
    REPLACED: "the same, and before it `dropdb` and `createdb`: the others clear what they replace, too",
    DSLR: "`dslr snapshot` and `dslr restore`: within one server, and prod must have no sessions",
    COPY: "`CREATE DATABASE … TEMPLATE … STRATEGY FILE_COPY`: the same, without DSLR",
    FULL: "`inv refresh --yes --full`, all of it: documents, verification, neutralization, statistics, swap",
    CHANGES: "`inv refresh --yes` from a checkpoint of the last one: only what differs is carried",
}


@dataclass(frozen=True)
class Way:
    """One way.

    `script` is what is timed, for `sh`; `target` the database that it must have made the same as prod's.
    """

    name: str
    script: str
    target: str = THEIRS
    before: str = ""  # not timed
    muted: bool = False  # it is ours: the copy is neutralized

    @property
    def meaning(self) -> str:
        """What it does, in words."""
        return MEANING[self.name]


def found(program: str) -> str | None:
    """A program beside this Python, or on PATH."""
    beside = Path(sys.executable).with_name(program)
    return str(beside) if beside.exists() else shutil.which(program)


def absent() -> list[str]:
    """The others' programs that are not installed."""
    return [program for program in ("pgcopydb", "dslr") if not found(program)]


def environment(ops: Ops) -> dict[str, str]:
    """What every way runs in: the lab's programs first, and passwords in libpq's file."""
    path = f"{programs()}:{os.environ.get('PATH', '')}"
    key = f"postgresql://{SANDBOX}:{password_of(ops.lab.passwords, SANDBOX)}@{HOST}:{ops.port}/{KEPT}"
    more = {"PATH": path, "PGHOST": HOST, "PGPORT": str(ops.port), "PGPASSFILE": str(ops.lab.passwords)}
    return {**ops.environment, **more, "DATABASE_URL": key}


def ways(ops: Ops, place: Path) -> list[Way]:
    """All that this machine can do, in the order in which they take their turns.

    Args:
        ops: the lab.
        place: a folder for dumps.
    """
    dump, into = f"pg_dump -U {READER} -d {PROD}", f"pg_restore --no-owner --no-acl -U {SANDBOX} -d {THEIRS}"
    owned = f"psql -qX -U {SANDBOX} -d {THEIRS} -c 'DROP OWNED BY {SANDBOX}'"
    file, folder = shlex.quote(f"{place}/prod.dump"), shlex.quote(f"{place}/prod.d")
    inv = f"cd {shlex.quote(str(ops.root))} && {shlex.quote(sys.executable)} -m invoke"
    anew = f"dropdb --if-exists -U {SANDBOX} {THEIRS} && createdb -U {SANDBOX} {THEIRS}"
    some = [
        Way(TODAY, f"{dump} -Fc -f {file} && {owned} && {into} {file}", before=f"rm -f {file}"),
        Way("pipe", f"{owned} && {dump} -Fc -Z0 | {into}"),
        Way(
            "directory, 2 jobs",
            f"{dump} -Fd -j2 -f {folder} && {owned} && {into} -j2 {folder}",
            before=f"rm -rf {folder}",
        ),
    ]
    if pgcopydb := found("pgcopydb"):
        words = f"--dir {place}/pgcopydb --table-jobs 2 --index-jobs 2 --no-owner --no-acl --skip-extensions"
        sides = f"--source 'postgresql://{READER}@{HOST}/{PROD}' --target 'postgresql://{SANDBOX}@{HOST}/{THEIRS}'"
        clone, clean = f"{pgcopydb} clone {words} {sides}", f"rm -rf {place}/pgcopydb"
        some.append(Way(CLONE, clone, before=f"{clean} && {anew}"))
        some.append(Way(REPLACED, f"{anew} && {clone}", before=clean))
    if dslr := found("dslr"):
        clean = f"{dslr} delete bench || true"
        some.append(Way(DSLR, f"{dslr} snapshot bench && {dslr} restore bench", KEPT, before=clean))
    copy = (
        f'psql -qX -U {SANDBOX} -d postgres -c "CREATE DATABASE {COPIED} TEMPLATE {KEPT} STRATEGY FILE_COPY"'
    )
    some.append(Way(COPY, copy, COPIED, before=f"dropdb --if-exists -U {SANDBOX} {COPIED}"))
    some.append(Way(FULL, f"{inv} refresh --yes --full", SANDBOX, muted=True))
    some.append(Way(CHANGES, f"{inv} refresh --yes", SANDBOX, before=f"{inv} save --yes", muted=True))
    return some
