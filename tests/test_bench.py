"""What the benchmarks write: figures of one machine, ratios that cannot flatter, a plot that can be read."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from sandbox.lab.bench import report
from sandbox.lab.bench.memory import Peak
from sandbox.lab.bench.plot import svg
from sandbox.lab.bench.results import Kept, Measured, machine
from sandbox.lab.bench.ways import CHANGES, FULL, TODAY

HERE = {"cores": "2", "kernel": "one"}


def measured(megabytes: int, **seconds: list[float]) -> Measured:
    names = {"today": TODAY, "full": FULL, "changes": CHANGES}
    return Measured(
        megabytes,
        "2026-01-01",
        "abc",
        [0.5, 1.5],
        seconds={names.get(way, way): taken for way, taken in seconds.items()},
        memory={FULL: Peak(client=30, python=20, server=100, together=120)},
    )


def test_benchmarks_are_kept_by_size_and_never_mixed_with_another_machines(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.json"
    kept = Kept(path, HERE)
    for one in (measured(100, today=[9.0]), measured(50, today=[2.0]), measured(100, today=[4.0])):
        kept.add("refresh", one)
    kept.write()
    again = Kept(path, HERE).of("refresh")
    assert again == [measured(50, today=[2.0]), measured(100, today=[4.0])]
    assert Kept(path, {**HERE, "cores": "64"}).of("refresh") == []


def test_the_report_judges_medians_by_what_was_asked(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "benchmarks.json", HERE)
    kept.add("refresh", measured(50, today=[5.0], full=[4.0]))
    kept.add("refresh", measured(1000, today=[40, 42, 90], full=[20, 21, 60], changes=[7, 7, 1]))
    text = report.write(kept, tmp_path).read_text()
    assert f"{FULL}: 0.50 x {TODAY}, at most 0.5: kept." in text
    assert f"{CHANGES}: 0.17 x {TODAY}, at most 0.15: **missed**." in text
    assert f"| {FULL} | 21.00 s | 20.00 s | 60.00 s | 0.50 | 30 MB | 120 MB |" in text
    assert f"| {FULL} | 4.0 | 21.0 |" in text
    assert "load 0.5 to 1.5" in text
    assert (tmp_path / report.PICTURE).exists()


def test_the_plot_has_each_line_with_its_name_apart_from_the_others() -> None:
    lines = {"one & only": [(50.0, 1.0), (2000.0, 40.0)], "another": [(50.0, 1.0), (2000.0, 40.1)]}
    root = ET.fromstring(svg("A title", lines, ("another",)))
    space = {"s": "http://www.w3.org/2000/svg"}
    labels = {label.text: float(label.attrib["y"]) for label in root.findall("s:text[@style]", space)}
    assert set(labels) == {"one & only, 40.0 s", "another, 40.1 s"}
    one, other = labels.values()
    assert abs(one - other) >= 15
    assert len(root.findall("s:circle", space)) == 4


def test_the_machine_is_told_by_what_figures_depend_on(tmp_path: Path) -> None:
    told = machine(tmp_path)
    assert all(told[name] for name in ("cores", "memory", "disk", "kernel", "PostgreSQL", "Python"))
