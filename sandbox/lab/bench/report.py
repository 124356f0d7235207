"""The figures for people: tables on the console, and docs/benchmarks.md with its plot."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sandbox.lab.bench.plot import svg
from sandbox.lab.bench.results import Kept, Measured
from sandbox.lab.bench.ways import CHANGES, FULL, MEANING, TODAY

PICTURE = "benchmarks.svg"
_HEADS = ("way", "median", "from", "to", "of today's way", "its processes", "with the server")
_CHECKPOINT_HEADS = ("what", "median", "from", "to", "")
_LEAST = 2  # sizes that make a line
_INTRO = """# Benchmarks

Written by `nox -s bench`; every figure is from the runs named below it, none is typed. All ways of one size
copied the same prod in turn. Before the rounds that are timed is one that is not: in it the copy of each
was compared with prod, row by row, and memory was looked at: the most at any moment, shared pages counted
once. The lab's server does not wait for the disk (`fsync=off`), which flatters whoever writes most; what is
left to write is written before each command, the copy before it is vacuumed by then, and time is from its
start to its end; `inv` has its modules compiled, as when it is installed. Load is the machine's own over a
minute, before and after: where it is above the cores, others used them too, and neither times nor ratios say
much.
"""


def _spread(taken: Sequence[float], digits: int) -> Iterator[str]:
    """The median, the least and the most."""
    return (f"{value:.{digits}f} s" for value in (statistics.median(taken), min(taken), max(taken)))


def _row(measured: Measured, way: str) -> tuple[str, ...]:
    taken = measured.seconds[way]
    median = statistics.median(taken)
    today = measured.seconds.get(TODAY)
    ratio = f"{median / statistics.median(today):.2f}" if today else ""
    peak = measured.memory.get(way)
    memory = (f"{peak.client:.0f} MB", f"{peak.together:.0f} MB") if peak else ("", "")
    return (way, *_spread(taken, 2), ratio, *memory)


def show(measured: Measured, console: Console) -> None:
    """One size on the console."""
    table = Table(*_HEADS, box=None, title=f"{measured.megabytes} MB, load {_load(measured)}")
    for column in table.columns[1:]:
        column.justify = "right"
    for way in measured.seconds:
        table.add_row(*_row(measured, way), style="bold" if way in (FULL, CHANGES) else None)
    console.print(table)


def show_checkpoints(measured: Measured, console: Console) -> None:
    """Checkpoints of one size on the console."""
    table = Table(*_CHECKPOINT_HEADS, box=None)
    for row in _checkpoint_rows(measured):
        table.add_row(*row)
    console.print(table)


def write(kept: Kept, folder: Path) -> Path:
    """Write benchmarks.md, and its plot when there are sizes enough; the path of the first."""
    refreshes, checkpoints = kept.of("refresh"), kept.of("checkpoints")
    lines = [_INTRO, "## Machine", ""]
    lines += [f"- {name}: {value}" for name, value in kept.machine.items()]
    if refreshes:
        lines += ["", "## Refreshes", *_refreshes(refreshes, folder)]
    for measured in checkpoints:
        lines += ["", f"## Checkpoints, {measured.megabytes} MB", *_checkpoints(measured)]
    path = folder / "benchmarks.md"
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return path


def _refreshes(refreshes: Sequence[Measured], folder: Path) -> Iterator[str]:
    named = list(dict.fromkeys(way for measured in refreshes for way in measured.seconds))
    if len(refreshes) >= _LEAST:
        lines = {way: _line(refreshes, way) for way in named}
        drawn = {way: line for way, line in lines.items() if len(line) >= _LEAST}
        (folder / PICTURE).write_text(
            svg("A refresh: time against the size of prod", drawn, (FULL, CHANGES)), encoding="utf-8"
        )
        yield from ("", f"![Time against size, medians]({PICTURE})")
    best = max(refreshes, key=lambda measured: (len(measured.seconds[TODAY]), measured.megabytes))
    yield from (
        "",
        f"### {best.megabytes} MB",
        "",
        *_table(_HEADS, (_row(best, way) for way in best.seconds)),
    )
    yield from ("", _when(best), "")
    yield from (f"- {way}: {MEANING[way]}." for way in best.seconds)
    yield from ("", *_asked(best))
    if len(refreshes) >= _LEAST:
        yield from ("", "### By size", "", "Medians in seconds.", "", *_sizes(refreshes, named), "")
        yield from (_when(measured) for measured in refreshes)
        python = ((f"{m.megabytes} MB", f"{m.memory[FULL].python:.0f} MB") for m in refreshes if m.memory)
        yield from ("", "The memory of `inv` itself, the one Python process of a full refresh:", "")
        yield from _table(("prod", "inv"), python)


def _line(refreshes: Sequence[Measured], way: str) -> list[tuple[float, float]]:
    some = (measured for measured in refreshes if way in measured.seconds)
    return [(measured.megabytes, statistics.median(measured.seconds[way])) for measured in some]


def _sizes(refreshes: Sequence[Measured], named: Sequence[str]) -> Iterator[str]:
    def shown(measured: Measured, way: str) -> str:
        taken = measured.seconds.get(way)
        return f"{statistics.median(taken):.1f}" if taken else ""

    rows = ((way, *(shown(measured, way) for measured in refreshes)) for way in named)
    return _table(("way", *(f"{measured.megabytes} MB" for measured in refreshes)), rows)


def _asked(measured: Measured) -> Iterator[str]:
    """What a refresh has to show, and what it showed."""
    median = {way: statistics.median(taken) for way, taken in measured.seconds.items()}
    yield f"What is asked of {measured.megabytes} MB, and what was measured:"
    yield ""
    rivals = [way for way in ("pgcopydb clone", "directory, 2 jobs") if way in median]
    asked = [(FULL, TODAY, 0.5), *((FULL, rival, 1.0) for rival in rivals), (CHANGES, TODAY, 0.15)]
    for way, other, limit in asked:
        if way in median and other in median:
            ratio = median[way] / median[other]
            verdict = "kept" if ratio <= limit else "**missed**"
            yield f"- {way}: {ratio:.2f} x {other}, at most {limit:g}: {verdict}."


def _checkpoint_rows(measured: Measured) -> Iterator[tuple[str, ...]]:
    for what, taken in measured.seconds.items():
        yield (what, *_spread(taken, 3), measured.notes.get(what, ""))


def _checkpoints(measured: Measured) -> Iterator[str]:
    yield ""
    yield from _table(_CHECKPOINT_HEADS, _checkpoint_rows(measured))
    yield from ("", _when(measured))


def _when(measured: Measured) -> str:
    rounds = len(next(iter(measured.seconds.values())))
    times = "one round" if rounds == 1 else f"{rounds} rounds"
    at = f" at {measured.commit}" if measured.commit else ""
    return f"{measured.megabytes} MB: {times} on {measured.when}{at}, load {_load(measured)}.  "


def _load(measured: Measured) -> str:
    return " to ".join(f"{value:.1f}" for value in measured.load)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"| --- |{' ---: |' * (len(heads) - 1)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
