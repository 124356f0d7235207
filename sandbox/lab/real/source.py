"""A Dolibarr folder of the user's: told from other folders, and copied; never written to."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import UsageError

_VERSION_FILES = ("version.inc.php", "filefunc.inc.php")
_DEFINED = re.compile(r"^\s*define\('(DOL_(?:MAJOR_|MINOR_)?VERSION)',\s*'([^']+)'\)", re.MULTILINE)
# another installation's settings and marks, and what is no part of the program
_LEFT_OUT = {"conf": ("conf*.php", "* conf.php", "*.old"), "install": ("install.lock", "install.forced.php")}


@dataclass(frozen=True)
class Source:
    """A Dolibarr source folder."""

    htdocs: Path
    version: str

    @classmethod
    def at(cls, path: Path) -> Source:
        """The Dolibarr in `path`, which holds `htdocs` or is it.

        Raises:
            UsageError: there is none.
        """
        place = path.expanduser().absolute()
        for htdocs in (place / "htdocs", place):
            if (htdocs / "filefunc.inc.php").is_file() and (htdocs / "install/step5.php").is_file():
                return cls(htdocs, _version(htdocs))
        raise UsageError(
            f"{place} is no Dolibarr: it lacks filefunc.inc.php or install/step5.php, and so does its htdocs",
            "give the folder of Dolibarr's sources: inv lab.up --dolibarr PATH",
        )

    def copy(self, into: Path) -> None:
        """Copy the program to `into`, without anybody's configuration.

        Links would not do: PHP resolves them, so that a page looks for `../main.inc.php` and that one for
        `conf/conf.php` beside the original, and the installer insists on writing there.
        """
        shutil.copytree(self.htdocs, into / "htdocs", symlinks=True, ignore=self._left_out)
        (into / "htdocs/conf").mkdir(exist_ok=True)
        scripts = self.htdocs.parent / "scripts"  # what cron jobs on a server's command line are run with
        if scripts.is_dir():
            shutil.copytree(scripts, into / "scripts", symlinks=True)

    def _left_out(self, folder: str, names: list[str]) -> set[str]:
        place = Path(folder)
        patterns = _LEFT_OUT.get(place.name, ()) if place.parent == self.htdocs else ()
        return {name for name in names for pattern in patterns if Path(name).match(pattern)} | {".git"}


def _version(htdocs: Path) -> str:
    found: dict[str, str] = {}
    for name in _VERSION_FILES:
        path = htdocs / name
        if path.is_file():
            found |= dict(_DEFINED.findall(path.read_text(encoding="utf-8", errors="replace")))
    parts = (found.get("DOL_MAJOR_VERSION"), found.get("DOL_MINOR_VERSION"))
    version = found.get("DOL_VERSION") or ".".join(part or "" for part in parts).strip(".")
    if not version:
        raise UsageError(
            f"{htdocs} does not tell its version in {' or '.join(_VERSION_FILES)}",
            "is the folder complete? get Dolibarr 16 or newer again",
        )
    return version
