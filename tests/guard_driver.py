"""Refreshes with each of many documents folders, in a mount namespace of its own.

    unshare --mount python -m tests.guard_driver SPECIFICATION

The specification is JSON, see `tests/test_guard_table.py`. Prints, as JSON, what each run ended with, said,
and changed in the scratch folder.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from invoke.main import program

from tests.guard_cases import CASES, NEVER, OURS, Case
from tests.guard_scratch import bind, everything, make

PLAIN = 65534
# a plain user who may read what root installed, and write nothing of it
AS_PLAIN = (
    *("setpriv", f"--reuid={PLAIN}", f"--regid={PLAIN}", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)


def inv(documents: str, *words: str) -> tuple[int, str]:
    """Run Invoke in the project; its exit code, and what it said on standard error."""
    os.environ["INVOKE_SANDBOX_DOCUMENTS"] = documents
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            program.run(["inv", "-f", "settings/more.yaml", *words])
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return code, said.getvalue()


def played(top: Path, case: Case, database: str) -> list[dict[str, Any]]:
    """Refresh with one folder, without and with its adoption."""
    value = case.value.replace("{}", str(top))
    runs: tuple[tuple[str, ...], ...] = ((), ("--adopt", database))
    found, real = [], os.path.realpath(value)
    for words in runs[:1] if case.becomes == OURS else runs:
        before = everything(top)
        code, said = inv(value, "refresh", "--yes", *words)
        after = everything(top)
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        found.append({"adopt": bool(words), "code": code, "said": said, "changed": changed, "folder": real})
    return found


def main() -> None:
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    top = Path(given["top"])
    if "inside" not in sys.argv:
        make(top, given["settings"], given["passwords"], given["database"])
        words: tuple[str, ...] = (sys.executable, "-m", "tests.guard_driver", sys.argv[1], "inside")
        if given["plain"]:
            subprocess.run(["chown", "-hR", f"{PLAIN}:{PLAIN}", str(top)], check=True)
            words = (*AS_PLAIN, *words)
        bind(top)
        own = {"HOME": f"{top}/home/me", "TMPDIR": f"{top}/tmp", "PYTHONDONTWRITEBYTECODE": "1"}
        sys.exit(subprocess.run(words, env={**os.environ, **own}, check=False).returncode)
    os.chdir(top / "home" / "me" / "project")
    chosen = [case for case in CASES if case.name in given["cases"]]
    chosen.sort(key=lambda case: case.becomes != NEVER)  # the database stays what it is as long as it can
    print(json.dumps({case.name: played(top, case, given["database"]) for case in chosen}))  # noqa: T201


if __name__ == "__main__":
    main()
