"""What is no sandbox of ours yet: what would be lost, whether the sides look swapped, and its adoption.

Nothing is recorded: an adoption lets one refresh go on, and what that refresh makes carries our marks.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sandbox import documents
from sandbox.engines import Engine
from sandbox.errors import Refused
from sandbox.guard import Judgement, moment
from sandbox.lifecycle.observe import ask
from sandbox.lifecycle.programs import text
from sandbox.lifecycle.progress import Progress
from sandbox.settings import Settings, Side
from sandbox.shell import Runner, is_dry, observe

Adopt = str | bool  # the sandbox's database by name; True: the name is to be typed; empty: nothing is adopted
_FEWER = 2  # prod has less than the sandbox's part by this: the sides may be swapped


@dataclass(frozen=True)
class Unmarked:
    """What of the sandbox's no run of ours made."""

    database: bool
    folder: Judgement | None

    def __bool__(self) -> bool:
        """Whether there is anything to adopt."""
        return self.database or self.folder is not None


@dataclass(frozen=True)
class Seen:
    """A side, as a person would recognise it."""

    side: Side
    tables: int
    rows: int  # as the planner or the server's counters estimate them
    bytes: int  # of the tables
    writes: bool  # the role may
    written: str | None  # of the newest rows, the last; UTC or the server's own time
    login: str | None
    company: str | None = None
    files: tuple[int, int, int] | None = None  # of its documents: how many, bytes, the newest's time

    @property
    def lines(self) -> tuple[str, ...]:
        """What is shown of it."""
        database, place = self.side.database, self.side.pods
        assert database is not None  # noqa: S101  # it was asked
        pod = f" in {place.database}" if place.database else ""
        name = f"{self.side.name}: {database.name} on {database.host}:{database.port}{pod}"
        said = [f"company {self.company}" if self.company else "no company's name"]
        said += [f"{self.tables} tables, about {self.rows:,} rows, {self.bytes:,} bytes"]
        said += [f"last write {self.written or 'unknown'}, last login {self.login or 'unknown'}"]
        made = (f"{name}: {', '.join(said)}",)
        if self.files is None or self.side.documents is None:
            return made
        count, size, newest = self.files
        last = f", the last written {moment(newest)}" if count else ""
        return (*made, f"{self.side.name}: {self.side.documents}: {count:,} files, {size:,} bytes{last}")


def check_name(settings: Settings, adopt: Adopt) -> None:
    """Refuse a name that is not the sandbox's database's; asks nobody.

    Raises:
        Refused: it is another one.
    """
    database = settings.sandbox.database
    if isinstance(adopt, str) and adopt and database is not None and adopt != database.name:
        raise _another(settings, adopt)


def consent(  # noqa: PLR0913, PLR0917
    engine: Engine,
    runner: Runner,
    found: Unmarked,
    adopt: Adopt,
    progress: Progress,
    folders: tuple[str, str] | None,
) -> str:
    """Let a person adopt what no run of ours made; the device:inode of the folder that was, or nothing.

    Args:
        engine: where both sides are.
        runner: what runs the commands.
        found: what is not marked.
        adopt: what was said on the command line.
        progress: who is shown both sides, and asked.
        folders: prod's and the sandbox's documents; None: they are left alone.

    Raises:
        Refused: it is not adopted; the message says what would be lost.
    """
    if not found:
        return ""
    settings = engine.settings
    prod, sandbox = _look(engine, runner, folders)
    signs = swapped(prod, sandbox)
    if not adopt:
        raise _refused(settings, found, sandbox, signs)
    for line in (*sandbox.lines, *prod.lines, *(f"ARE THE SIDES SWAPPED? {sign}" for sign in signs)):
        progress.note(line)
    _hear(settings, adopt, progress, dry=is_dry(runner))
    return found.folder.identity if found.folder else ""


def _hear(settings: Settings, adopt: Adopt, progress: Progress, *, dry: bool) -> None:
    database = settings.sandbox.database
    name = database.name if database else ""
    if dry:
        progress.note(f"dry run: {name} would be adopted, by its name")
        return
    question = f"All that {name} holds will be lost. To say that it is the sandbox, type its name:"
    said = progress.ask(question) if adopt is True else adopt
    if said is None:
        raise Refused(
            f"{name} is not adopted: nobody is at a terminal to type its name",
            f"look at both sides above; if {name} may be lost, name it: inv refresh --yes --adopt NAME",
        )
    if said != name:
        raise _another(settings, str(said))


def _another(settings: Settings, said: str) -> Refused:
    database = settings.sandbox.database
    return Refused(
        f"nothing is adopted: {settings.name}.database is {database.name if database else 'not set'},"
        f" not {said!r}",
        f"check {settings.name}.database; look at both sides: inv --dry refresh --yes --adopt",
    )


def _refused(settings: Settings, found: Unmarked, sandbox: Seen, signs: tuple[str, ...]) -> Refused:
    what = []
    if found.database:
        what.append(f"no run of ours made the sandbox's database, which would be lost: {sandbox.lines[0]}")
    if found.folder is not None:
        what.append(str(found.folder.refused(settings.sandbox.written).what))
    what += [f"are the sides swapped? {sign}" for sign in signs]
    return Refused("; ".join(what), "if it is the sandbox and may be lost: inv refresh --yes --adopt")


def _look(engine: Engine, runner: Runner, folders: tuple[str, str] | None) -> tuple[Seen, Seen]:
    sides = (engine.settings.prod, engine.settings.sandbox)
    paths = folders or (None, None)
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(_seen, engine, runner, *one) for one in zip(sides, paths, strict=True)]
        prod, sandbox = (one.result() for one in asked)
    return prod, sandbox


def _seen(engine: Engine, runner: Runner, side: Side, path: str | None) -> Seen:
    told: dict[str, Any] = {
        "login": None,
        **ask(engine, runner, side, engine.access(side), text("adopt.sql")),
    }
    if path is None:
        return Seen(side, **told)
    measure = engine.documents_command(side, documents.measure(path))
    return Seen(side, **told, files=documents.measured(observe(runner, measure).stdout))


def swapped(prod: Seen, sandbox: Seen) -> tuple[str, ...]:
    """What makes prod look like the sandbox, and the sandbox like prod."""
    signs = []
    if prod.written and sandbox.written and prod.written < sandbox.written:
        signs.append(f"prod was last written {prod.written}, the sandbox {sandbox.written}")
    if (sandbox.login or "") > (prod.login or ""):
        signs.append(f"the last login to prod was {prod.login or 'never'}, to the sandbox {sandbox.login}")
    if prod.rows * _FEWER < sandbox.rows or prod.bytes * _FEWER < sandbox.bytes:
        signs.append(
            f"prod has about {prod.rows:,} rows in {prod.bytes:,} bytes,"
            f" the sandbox {sandbox.rows:,} in {sandbox.bytes:,}"
        )
    if prod.files and sandbox.files and prod.files[1] * _FEWER < sandbox.files[1]:
        signs.append(f"prod's documents have {prod.files[1]:,} bytes, the sandbox's {sandbox.files[1]:,}")
    if prod.writes and not sandbox.writes:
        signs.append("prod's role may write to prod, and the sandbox's role may not write to the sandbox")
    return tuple(signs)
