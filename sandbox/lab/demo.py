"""The demo: the whole cycle on a lab of its own, each step with the command that a person would type."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from sandbox.errors import ExitCode

TASKS = '''"""Any ops repository: its own tasks, and the sandbox's."""
from sandbox import collection
from sandbox.tasks import lab_collection

ns = collection()
ns.add_collection(lab_collection())
'''
CONFIGURATION = "tasks: {executor_class: sandbox.executor.Executor}\n"
WIDTH = 110


@dataclass(frozen=True)
class Step:
    """One command of the demo: why, the command, the exit code it must end with, words it must say.

    `pictured` steps are in the picture for the README, which would be too tall with all of them.
    """

    why: str
    command: str
    code: ExitCode = ExitCode.DONE
    says: str = ""
    pictured: bool = False


BEFORE = (
    Step("A lab: PostgreSQL and a stand-in ERP on loopback, prod's data beside the sandbox's.", "inv lab.up"),
    Step("Alive, but its agent has no key yet (exit code 4).", "inv status", ExitCode.NOT_ARMED, "not armed"),
    Step(
        "Nothing destructive happens without --yes (exit code 3).",
        "inv reset --headless",
        ExitCode.REFUSED,
        "--yes",
    ),
    Step(
        "Refresh from prod, provision the agent, relink its key. Without --headless a window opens.",
        "inv reset --yes --headless",
        pictured=True,
    ),
    Step("Armed.", "inv status", says="armed"),
    Step(
        "A rehearsal: the agent writes through the REST API.",
        "python -m sandbox.lab.rehearsal",
        says="invoice",
        pictured=True,
    ),
)
AFTER = (
    Step(
        "What did it change, since the checkpoint that reset has saved?",
        "inv diff",
        says="llx_facture",
        pictured=True,
    ),
    Step("Undone in about a second; nobody logs in.", "inv rewind --yes", pictured=True),
    Step("Still armed.", "inv status", says="armed", pictured=True),
    Step("From prod again: every rehearsal is gone, and the agent with it.", "inv refresh --yes"),
    Step("The old key is refused.", "inv status", ExitCode.NOT_ARMED, "the key is refused"),
    Step("A new agent, a new key.", "inv provision --headless"),
)
LAST = Step("Armed again.", "inv status", says="armed")


class Demo:
    """Runs commands in a folder and shows what they print.

    Args:
        folder: an empty folder, used as an ops repository.
        console: where the transcript goes.
    """

    def __init__(self, folder: Path, console: Console) -> None:
        self.folder, self.console, self.recording = folder, console, console.record
        (folder / "tasks.py").write_text(TASKS, encoding="utf-8")
        (folder / "invoke.yaml").write_text(CONFIGURATION, encoding="utf-8")
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("ARCO_", "INVOKE_"))
        }
        self.environment = {**kept, "PYTHONUNBUFFERED": "1", "COLUMNS": str(WIDTH)}

    def run(self, step: Step) -> str | None:
        """Run one step; its output when it ended as it must, else None."""
        self.console.record = self.recording and step.pictured
        self.console.print()
        self.console.print(Text(f"# {step.why}", style="dim"))
        self.console.print(Text(f"$ {step.command}", style="bold green"))
        said, code = self._spawn(step.command)
        if code == step.code and step.says in said:
            if code:
                self.console.print(Text(f"(exit code {code})", style="dim"))
            return said
        self.console.print(Text(f"expected exit code {int(step.code)}, got {code}", style="bold red"))
        return None

    def _spawn(self, command: str) -> tuple[str, int]:
        words = shlex.split(command)
        program = {"inv": ["-m", "sandbox.lab.alone"], "python": []}[words[0]]
        child = subprocess.Popen(
            [sys.executable, *program, *words[1:]],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = []
        with child:
            assert child.stdout is not None  # noqa: S101  # a pipe was asked for
            for line in child.stdout:
                self.console.print(Text.from_ansi(line.rstrip()))
                lines.append(line)
        return "".join(lines), child.returncode

    def play(self) -> bool:
        """Play the whole cycle; whether every step ended as it must."""
        customer = ""
        for step in BEFORE:
            said = self.run(step)
            if said is None:
                return False
            customer = said.partition("customer ")[2].split("\n")[0] or customer
        gone = Step(
            "And the rehearsed customer does not exist.",
            f"python -m sandbox.lab.rehearsal --look {customer}",
            says="HTTP 404",
        )
        return all(self.run(step) is not None for step in (*AFTER, gone, LAST))

    def stop(self) -> bool:
        """Stop the lab; whether it stopped."""
        return self.run(Step("Nothing is left running.", "inv lab.down")) is not None


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder, removed afterwards unless something else has its name by then."""
    folder = Path(tempfile.mkdtemp(prefix="dolibarr-sandbox-demo-"))
    made = folder.lstat()
    try:
        yield folder
    finally:
        with suppress(FileNotFoundError):
            if os.path.samestat(folder.lstat(), made):
                shutil.rmtree(folder)


def would() -> tuple[str, ...]:
    """The commands that `demo` would run; runs none."""
    return tuple(f"would run: {step.command}" for step in (*BEFORE, *AFTER, LAST))


def demo(svg: Path | None = None) -> ExitCode:
    """Play the demo in a folder of its own, which is removed at the end.

    Args:
        svg: where to save the transcript as a picture.
    """
    console = Console(record=svg is not None, width=WIDTH, soft_wrap=svg is None, highlight=False)
    started = time.monotonic()
    previous = signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(int(ExitCode.FAILED))
    )  # so that the lab is stopped
    try:
        with own_folder() as folder:
            play = Demo(folder, console)
            try:
                done = play.play()
            finally:
                stopped = play.stop()
    finally:
        signal.signal(signal.SIGTERM, previous)
    if svg is not None:
        picture = console.export_svg(title="nox -s demo")
        # rich's picture asks another host for its font; every viewer has a monospaced one
        svg.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL), encoding="utf-8")
    if not (done and stopped):
        return ExitCode.FAILED
    console.print(Text(f"\nThe whole cycle, in {time.monotonic() - started:.0f} s.", style="bold"))
    return ExitCode.DONE
