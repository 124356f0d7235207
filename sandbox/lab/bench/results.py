"""What was measured, on which machine, and the file that keeps it from one run to the next."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from sandbox.lab.bench.memory import Peak
from sandbox.lab.server import programs

_HERE = Path(__file__).parent


@dataclass
class Measured:
    """One lab's figures."""

    megabytes: int
    when: str
    commit: str
    load: list[float]  # the machine's, over a minute, before and after
    seconds: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, Peak] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def begun(cls, megabytes: int) -> Measured:
        """Nothing measured yet."""
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return cls(megabytes, when, commit(), [_load()])

    def ended(self) -> Measured:
        """With the load at the end."""
        self.load.append(_load())
        return self


def _load() -> float:
    return round(os.getloadavg()[0], 1)


def commit() -> str:
    """The commit of these sources; empty when git does not know, with a plus when they were changed since."""
    words = ("git", "-C", str(_HERE), "describe", "--always", "--dirty=+", "--abbrev=9", "--exclude=*")
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def machine(folder: Path) -> dict[str, str]:
    """What figures depend on."""
    words = [str(programs() / "postgres"), "--version"]
    version = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return {
        "cores": f"{os.cpu_count()} ({_processor()})",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GB",
        "disk": _disk(folder),
        "kernel": f"{platform.system()} {platform.release()}",
        "PostgreSQL": version.strip().rpartition(" ")[2],
        "Python": platform.python_version(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _disk(folder: Path) -> str:
    """The file system that a folder is on."""
    inside = [p for p in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(p.mountpoint)]
    if not inside:
        return "unknown"
    nearest = max(inside, key=lambda partition: len(partition.mountpoint))
    size = psutil.disk_usage(nearest.mountpoint).total / 2**30
    return f"{nearest.fstype} on {nearest.device}, {size:.0f} GB"


class Kept:
    """The figures of one machine, by subject and size, in a JSON file.

    Args:
        path: the file.
        here: this machine; figures of another one are not mixed with its own, they are dropped.
    """

    def __init__(self, path: Path, here: dict[str, str]) -> None:
        self.path, self.machine = path, here
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        same = found.get("machine") == here
        self.subjects: dict[str, dict[int, Measured]] = {
            subject: {int(size): _measured(one) for size, one in sizes.items()}
            for subject, sizes in (found.get("subjects", {}) if same else {}).items()
        }

    def add(self, subject: str, measured: Measured) -> None:
        """Take the place of what was measured at this size before."""
        self.subjects.setdefault(subject, {})[measured.megabytes] = measured

    def of(self, subject: str) -> list[Measured]:
        """By size."""
        return [one for _, one in sorted(self.subjects.get(subject, {}).items())]

    def write(self) -> None:
        """Write the file."""
        told = {
            subject: {size: asdict(one) for size, one in sorted(sizes.items())}
            for subject, sizes in self.subjects.items()
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"machine": self.machine, "subjects": told}, indent=1)
        self.path.write_text(text + "\n", encoding="utf-8")


def _measured(told: dict[str, Any]) -> Measured:
    return Measured(**{**told, "memory": {way: Peak(**peak) for way, peak in told["memory"].items()}})
