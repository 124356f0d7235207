"""The `arcodange` command: the same tasks as ``arcodange sandbox checkpoint <verb>``, from any folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from sandbox.errors import ExitCode, UsageError
from sandbox.executor import EXECUTOR
from sandbox.output import steady
from sandbox.startup import explaining
from sandbox.tasks import collection, lab_collection
from sandbox.version import __version__

BINARY = "arcodange sandbox checkpoint"
USAGE = f"""Usage: {BINARY} <verb> [flags]

  {BINARY}                      the verbs
  {BINARY} --help <verb>        a verb's flags
  arcodange --version

The root is $ARCO_ROOT, else the first folder with a tasks.py or an invoke.yaml above this program."""


def root() -> Path | None:
    """`ARCO_ROOT`, else the nearest folder above the program's own file that holds tasks or settings."""
    given = os.environ.get("ARCO_ROOT")
    if given:
        return Path(given).expanduser().resolve()
    start = Path(sys.argv[0]).absolute()
    for program in (start, start.resolve()):  # a link to the program may live in the root itself
        for folder in program.parents:
            if (folder / "tasks.py").is_file() or (folder / "invoke.yaml").is_file():
                return folder.resolve()
    return None


class Checkpoint(Program):
    """Invoke's program with our tasks, the root's configuration, and exit code 2 for bad usage."""

    def parse_collection(self) -> None:
        """Take the project configuration from the root, wherever the command was run from."""
        folder = root()
        if folder is not None:
            self.config.set_project_location(folder)
            self.config.load_project()
        super().parse_collection()

    def update_config(self, merge: bool = True) -> None:
        """See Invoke; the executor that hands `--yes` on needs no setting here."""
        super().update_config(merge=merge)
        self.config.tasks.executor_class = EXECUTOR

    def parse_core_args(self) -> None:
        """See Invoke; a flag that does not exist is bad usage."""
        with _usage():
            super().parse_core_args()

    def parse_tasks(self) -> None:
        """See Invoke; a verb or flag that does not exist is bad usage."""
        with _usage():
            super().parse_tasks()

    def execute(self) -> None:
        """See Invoke; a task needs a root."""
        if root() is None:
            raise Exit(
                "no root: no folder above this program holds a tasks.py or an invoke.yaml\n"
                "  next: export ARCO_ROOT=/path/to/your/repository",
                code=int(ExitCode.USAGE),
            )
        super().execute()


class _usage:  # noqa: N801  # reads as a statement
    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ParseError):
            raise Exit(f"{error}\n  next: {BINARY} --list", code=int(ExitCode.USAGE)) from None


def program() -> Checkpoint:
    """The program that stands behind ``arcodange sandbox checkpoint``."""
    namespace = collection()
    namespace.add_collection(lab_collection())
    return Checkpoint(
        version=__version__,
        namespace=namespace,
        name="dolibarr-sandbox",
        binary=BINARY,
    )


def main() -> None:
    """Run ``arcodange``; the exit codes are those of the tasks."""
    try:
        with steady():
            _main()
    except Exit as error:  # the output's
        print(error.message, file=sys.stderr)  # noqa: T201
        sys.exit(error.code)


def _main() -> None:
    arguments = sys.argv[1:]
    if arguments[:2] == ["sandbox", "checkpoint"]:
        with explaining():
            program().run([BINARY, *arguments[2:]])
        return
    if arguments in (["--version"], ["-V"]):
        print(f"arcodange, dolibarr-sandbox {__version__}")  # noqa: T201  # a program prints
        return
    asked = not arguments or arguments[0] in ("-h", "--help") or arguments == ["sandbox"]
    print(USAGE, file=sys.stdout if asked else sys.stderr)
    sys.exit(int(ExitCode.DONE if asked else UsageError.code))


if __name__ == "__main__":
    main()
