"""Time refreshes and checkpoints beside what others need for the same database on the same machine.

    python -m sandbox.lab.bench [--subject refresh|checkpoints] [--sizes 50,200,1000] [--rounds N]

Makes labs of its own and removes them. Every number is a median; all ways take their turns in one run, so
that what else the machine does falls on all of them alike. Writes docs/benchmarks.md, together with the
figures of earlier runs on this machine for other sizes.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from sandbox.errors import ExitCode, SandboxError
from sandbox.lab.bench import report
from sandbox.lab.bench.checkpoints import Checkpoints
from sandbox.lab.bench.refreshes import Refreshes
from sandbox.lab.bench.results import Kept, machine
from sandbox.lab.bench.ways import absent
from sandbox.lab.ops import Ops

SUBJECTS = ("refresh", "checkpoints")


def measure(subject: str, size: int, given: argparse.Namespace, kept: Kept, console: Console) -> None:
    """One subject at one size, in a lab of its own."""
    with tempfile.TemporaryDirectory(prefix="dolibarr-sandbox-bench-", dir=given.folder) as folder:
        ops = Ops(Path(folder), variables=_compiled(Path(folder)))
        try:
            if subject == "refresh":
                measured = Refreshes(ops, console).measure(size, given.rounds)
                report.show(measured, console)
            else:
                measured = Checkpoints(ops, console).measure(size, given.rounds, given.cycles)
        finally:
            ops.inv("lab.down", codes=(0, 1))
    kept.add(subject, measured)


def _compiled(folder: Path) -> dict[str, str]:
    """Variables by which Python keeps the modules that it compiled, wherever the package is."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "compiled")}


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.lab.bench", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--subject", choices=SUBJECTS, help="only one of them")
    parser.add_argument("--sizes", default="100", help="megabytes of the lab's prod, with commas between")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cycles", type=int, default=0, help="also play the loop of checkpoints so often")
    parser.add_argument(
        "--folder", type=Path, help="where to make the labs, such as a disk that clones files"
    )
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="where to write benchmarks.md")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns an exit code."""
    parser = options()
    given = parser.parse_args(arguments)
    try:
        sizes = [int(size) for size in given.sizes.split(",")]
    except ValueError:
        parser.error("--sizes takes numbers with commas between")
    console = Console(highlight=False, soft_wrap=True, width=150)
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(ExitCode.FAILED)))
    for program in absent():
        console.print(f"{program} is not installed: it takes no part")
    kept = Kept(given.docs / "benchmarks.json", machine(given.folder or Path(tempfile.gettempdir())))
    try:
        for subject in (given.subject,) if given.subject else SUBJECTS:
            for size in sizes:
                measure(subject, size, given, kept, console)
                kept.write()
                console.print(f"wrote {report.write(kept, given.docs)}")
    except SandboxError as error:
        console.print(str(error))
        return int(error.code)
    finally:
        signal.signal(signal.SIGTERM, previous)
    return int(ExitCode.DONE)


if __name__ == "__main__":
    sys.exit(main())
