"""`inv` without the user's and the machine's settings, which may name a sandbox that somebody works on.

python -m sandbox.lab.alone WORDS...
"""

from __future__ import annotations

from invoke.config import Config
from invoke.main import program
from invoke.program import Program


class Alone(Config):
    """Invoke's settings from the project, the environment and the command line."""

    def load_system(self, merge: bool = True) -> None:
        """Leave out /etc/invoke.*."""

    def load_user(self, merge: bool = True) -> None:
        """Leave out ~/.invoke.*."""


def main() -> None:
    """Run Invoke, which ends this process."""
    Program(
        version=program.version,
        name=program.name,
        binary=program.binary,
        binary_names=program.binary_names,
        config_class=Alone,
    ).run()


if __name__ == "__main__":
    main()
