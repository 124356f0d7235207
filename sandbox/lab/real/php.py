"""The PHP of this machine: what Dolibarr needs of it, and how the lab runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from sandbox.errors import Failed, UsageError
from sandbox.lab.folder import Folder

# extension -> Debian's package; without these Dolibarr 16 or 23 refuses to install or breaks on a page
_NEEDED = {
    "pgsql": "php-pgsql",
    "mbstring": "php-mbstring",
    "curl": "php-curl",
    "gd": "php-gd",
    "intl": "php-intl",
    "simplexml": "php-xml",
    "zip": "php-zip",
}
_SETTINGS = {
    "date.timezone": "UTC",
    "display_errors": "Off",
    "html_errors": "Off",
    "log_errors": "On",
    "memory_limit": "512M",
    "opcache.enable": "1",
    "opcache.enable_cli": "1",
    "opcache.max_accelerated_files": "20000",
    "opcache.memory_consumption": "192",
    "post_max_size": "25M",
    "upload_max_filesize": "20M",
}


def require() -> Path:
    """The `php` program, with every extension that Dolibarr needs.

    Raises:
        UsageError: PHP or an extension is missing.
    """
    found = shutil.which("php")
    if found is None:
        packages = ["php-cli", *_NEEDED.values()]
        raise UsageError("no program php on PATH", f"on Debian: apt install {' '.join(packages)}")
    listed = subprocess.run([found, "-m"], capture_output=True, text=True, check=False).stdout
    loaded = {line.strip().lower() for line in listed.splitlines()}
    missing = {name: package for name, package in _NEEDED.items() if name not in loaded}
    if missing:
        raise UsageError(
            f"{found} lacks the extension{'s' if len(missing) > 1 else ''} {', '.join(missing)}",
            f"on Debian: apt install {' '.join(missing.values())}",
        )
    return Path(found)


def words(program: Path, folder: Folder) -> list[str]:
    """The program with the lab's settings; sessions and errors go to the lab's own folder."""
    own = {"error_log": str(folder.erp_log), "session.save_path": str(folder.dolibarr / "sessions")}
    given = (f"{name}={value}" for name, value in (_SETTINGS | own).items())
    return [str(program), *(word for setting in given for word in ("-d", setting))]


def environment(**more: str) -> dict[str, str]:
    """This process's variables without libpq's, and more."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | more


def run(program: Path, folder: Folder, script: Path, **variables: str) -> str:
    """Run a script to its end and return what it printed; what it needs comes by environment, not by argv.

    Raises:
        Failed: its exit code is not 0.
    """
    done = subprocess.run(
        [*words(program, folder), str(script)],
        env=environment(**variables),
        cwd=folder.dolibarr,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise Failed(f"{script.name} ended with {done.returncode} under {program}", f"read {folder.erp_log}")
    return done.stdout
