"""Whether git tracks a file that is to hold a secret: then it would be published.

What counts is the file that is really written, wherever links lead, and the repository that it lies in,
whoever owns that and whatever the environment says.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from sandbox.errors import Refused

_SECONDS = 10
_TRACKED, _UNTRACKED = 0, 1
_GIT = (
    "git",
    "--literal-pathspecs",
    # the repository may be anybody's: none of its programs is run
    *("-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("ls-files", "--error-unmatch", "--"),
)
# nothing is fetched for a partial clone; a repository may begin on another file system
_VARIABLES = {"GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1", "GIT_DISCOVERY_ACROSS_FILESYSTEM": "1"}


def refuse(path: Path) -> None:
    """Refuse a secret's place that git would publish.

    Args:
        path: the file, whether it is there or not.

    Raises:
        Refused: git tracks it, or whether it does cannot be told.
    """
    real = Path(os.path.realpath(path))
    if not any(os.path.lexists(folder / ".git") for folder in real.parents):
        return
    folder = next(folder for folder in real.parents if folder.is_dir())
    name = str(real.relative_to(folder))
    status, said = _asked(folder, name)
    if status == _UNTRACKED:
        return
    named = f"{path}" if real == path else f"{path}, which is {real},"
    if status == _TRACKED:
        remove = shlex.join(("git", "-C", str(folder), "--literal-pathspecs", "rm", "--cached", "--", name))
        raise Refused(
            f"{named} is tracked by git; a secret must not be",
            f"run: {remove}; add it to .gitignore; change the secret if it was committed",
        )
    raise Refused(
        f"{named} lies in a git repository, and whether that tracks it cannot be told: {said}",
        "mend that, or name a place outside of the repository in the settings (files)",
    )


def _asked(folder: Path, name: str) -> tuple[int, str]:
    """What git answers, and why it cannot."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            [*_GIT, name],
            cwd=folder,
            env={**kept, **_VARIABLES},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return -1, "git is not installed, or not on PATH"
    except subprocess.TimeoutExpired:
        return -1, f"git did not answer within {_SECONDS} s"
    except OSError as error:
        return -1, f"git cannot be run there: {error.strerror}"
    words = done.stderr.decode(errors="replace").strip() or f"git ended with {done.returncode}"
    return done.returncode, words.split("\n")[0]
