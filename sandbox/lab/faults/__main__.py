"""Break refreshes at random moments: the sandbox must be the old one or the new one after each, and mend.

    python -m sandbox.lab.faults [--runs 200] [--seed N] [--size MB] [--only N] [--kinds client,disk]

Makes a lab of its own, as root on a small disk of its own so that it can be filled, and removes it. Ends
with 1 when anything was not as it must be, and says how to repeat that trial.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sandbox.errors import ExitCode, SandboxError
from sandbox.lab.faults.breaks import KINDS
from sandbox.lab.faults.site import STRATEGIES, STRATEGY, Site, mounted
from sandbox.lab.faults.trial import CHANGES, NEW, OLD, Outcome, Trial, draw

_DISK = 700  # megabytes beside twelve times the data
_STALE = 20  # trials after which a clean refresh is timed again


def clean(site: Site) -> dict[str, float]:
    """What a refresh takes that nobody breaks, in seconds, by strategy; and one from a checkpoint."""
    taken = {strategy: _timed(site, strategy, "--full") for strategy in STRATEGIES}
    site.ops.inv("save", "--yes")
    return {**taken, CHANGES: _timed(site, "swap")}


def _timed(site: Site, strategy: str, *flags: str) -> float:
    begun = time.monotonic()
    site.ops.inv("refresh", "--yes", *flags, env={STRATEGY: strategy})
    return time.monotonic() - begun


def play(site: Site, given: argparse.Namespace, kinds: list[str], console: Console) -> list[Outcome]:
    """All trials, or the one that was asked for."""
    numbers = range(given.runs) if given.only is None else range(given.only, given.only + 1)
    outcomes = []
    for count, number in enumerate(numbers):
        if count % _STALE == 0:
            seconds = clean(site)
            told = ", ".join(f"{strategy} {value:.1f} s" for strategy, value in seconds.items())
            console.print(f"a clean refresh takes: {told}")
        outcome = Trial(site, draw(given.seed, number, kinds), seconds).run()
        outcomes.append(outcome)
        _tell(outcome, given, console)
    return outcomes


def _tell(outcome: Outcome, given: argparse.Namespace, console: Console) -> None:
    drawn = outcome.drawn
    when = f"at {drawn.moment:.3f}" + ("" if outcome.struck else ", too late")
    ended = f"ended {outcome.code}, {outcome.database}" + (", interrupted" if outcome.interrupted else "")
    well = "WRONG" if outcome.wrong else "converged"
    how = f"{drawn.kind:10} {drawn.strategy:8} {when:20} {ended:28} {drawn.mended_by[0]}"
    console.print(f"{drawn.number:4} {how}: {well}")
    for line in outcome.wrong:
        console.print(f"     {line}", markup=False)
    if outcome.wrong:
        kinds = f" --kinds {given.kinds}" if given.kinds else ""
        again = f"--seed {given.seed} --only {drawn.number} --size {given.size}{kinds}"
        console.print(f"     again: python -m sandbox.lab.faults {again}")


def show(outcomes: list[Outcome], console: Console) -> None:
    """The trials by kind."""
    heads = ("runs", "in time", "old", "new", "interrupted", "converged", "wrong")
    table = Table("kind", *heads, box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for kind in (*KINDS, "all"):
        some = [one for one in outcomes if kind in ("all", one.drawn.kind)]
        if not some:
            continue
        counts = (
            len(some),
            sum(one.struck for one in some),
            sum(one.database == OLD for one in some),
            sum(one.database == NEW for one in some),
            sum(one.interrupted for one in some),
            sum(not one.wrong for one in some),
            sum(bool(one.wrong) for one in some),
        )
        table.add_row(kind, *map(str, counts), style="bold" if kind == "all" else None)
    console.print(table)


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.lab.faults", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=20, help="megabytes of the lab's prod")
    parser.add_argument("--only", type=int, metavar="N", help="repeat the trial with this number")
    parser.add_argument("--kinds", default="", help=f"some of {','.join(KINDS)}")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns an exit code."""
    parser = options()
    given = parser.parse_args(arguments)
    kinds = given.kinds.split(",") if given.kinds else list(KINDS)
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    console = Console(highlight=False, soft_wrap=True, width=130)
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(ExitCode.FAILED)))
    try:
        with (
            tempfile.TemporaryDirectory(prefix="dolibarr-sandbox-faults-") as folder,
            mounted(Path(folder), _DISK + 12 * given.size) as small,
        ):
            if not small and "disk" in kinds:
                console.print(
                    "a full disk is left out: it takes root, and a machine that lets it mount tmpfs"
                )
                kinds.remove("disk")
            site = Site(Path(folder))
            try:
                console.print(f"making a lab of {given.size} MB; seed {given.seed}")
                site.make(given.size)
                outcomes = play(site, given, kinds, console)
            finally:
                site.stop()
    except SandboxError as error:
        console.print(str(error))
        return int(error.code)
    finally:
        signal.signal(signal.SIGTERM, previous)
    show(outcomes, console)
    return int(ExitCode.FAILED if any(one.wrong for one in outcomes) else ExitCode.DONE)


if __name__ == "__main__":
    sys.exit(main())
