"""The sessions that a newcomer, a developer and CI run."""

from __future__ import annotations

import argparse
import atexit
import functools
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.error_on_missing_interpreters = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
CLUSTER = "nox -s cluster"
PLENTY = 6 * 10**9  # bytes; the tests take up to 2 of them
DEBIAN = ("chromium", "libatomic1")  # the browser, and what Playwright's own driver needs
FIND_BROWSER = """
from playwright.sync_api import sync_playwright
from sandbox.dolibarr.browser import find

with sync_playwright() as playwright:
    print("browser:", find(playwright, None, headless=True))
"""


def gather() -> None:
    """Have the sessions and pytest write down what they do not test, and say it after all else."""
    handle, name = tempfile.mkstemp(prefix="not-tested-")
    os.close(handle)
    os.environ["NOT_TESTED"] = name

    def say() -> None:
        file = Path(name)
        if lines := file.read_text(encoding="utf-8"):
            print("\nNot tested, and how to test it:", lines, sep="\n", end="")  # noqa: T201
        file.unlink()

    atexit.register(say)


if "NOT_TESTED" not in os.environ:  # CI says it, after several runs of nox
    gather()


def skip(session: nox.Session, what: str, how: str) -> NoReturn:
    """Skip a session: what is not tested by that, and the command that does."""
    with Path(os.environ["NOT_TESTED"]).open("a", encoding="utf-8") as file:
        file.write(f"{what}: {how}\n")
    session.skip(f"not tested: {what}")


def interpreter() -> str | None:
    """The Python of the sessions: nox's own where it is new enough, else the newest on PATH."""
    if sys.version_info >= (3, 11):  # noqa: UP036  # nox itself may run on an older one
        return None
    found = (name for minor in range(20, 10, -1) if shutil.which(name := f"python3.{minor}"))
    name = next(found, None)
    if name is None:
        here = f"{sys.executable} is {sys.version.split()[0]}"
        sys.exit(f"Python 3.11 or newer is needed: {here}, and there is no newer one on PATH; install one")
    return name


session = functools.partial(nox.session, python=interpreter())


def module(name: str) -> tuple[str, ...]:
    """Words that run a program by its module: a script's first line cannot name every folder."""
    return ("python", "-m", name)


def group(name: str) -> list[str]:
    """The requirements of one dependency group."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def browser(session: nox.Session) -> None:
    """See to a browser: one that is there, else Playwright's own, else Debian's package."""
    if not missing(session):
        return
    session.log("no browser yet: asking Playwright for its own")
    session.run(*module("playwright"), "install", "chromium", silent=True, success_codes=range(256))
    if not missing(session):
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        session.log("Playwright's own cannot be had here: installing Debian's chromium")
        session.run("apt-get", "update", "-q", external=True, silent=True, success_codes=range(256))
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *DEBIAN]
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        session.run(*install, env=env, external=True, silent=True, success_codes=range(256))
    if why := missing(session):
        session.error(f"no browser: {why}\n  next: install one (Debian: apt-get install {' '.join(DEBIAN)})")


def missing(session: nox.Session) -> str:
    """Why provision would find no browser; empty when it would."""
    said = session.run("python", "-c", FIND_BROWSER, silent=True, log=False, success_codes=[0, 1])
    lines = str(said).strip().splitlines()
    if any(line.startswith("browser:") for line in lines):
        return ""
    return next((line for line in lines if "shared libraries" in line), lines[-1])


def memory() -> str | None:
    """Where to keep files in memory, if there is plenty: hundreds of databases are made and dropped there."""
    folder = Path("/dev/shm")  # noqa: S108
    if "TMPDIR" in os.environ or not os.access(folder, os.W_OK | os.X_OK):
        return None
    if os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return None
    known = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines())
    free = min(shutil.disk_usage(folder).free, 1024 * int(known["MemAvailable"].split()[0]))
    return str(folder) if free > PLENTY else None


@session
def demo(session: nox.Session) -> None:
    """Show the whole cycle on the lab, in about a minute."""
    session.install("-e", ".[lab]")
    browser(session)
    session.run(*module("invoke"), "lab.demo", *session.posargs)


def pytest(session: nox.Session, *words: str) -> None:
    """Install what the tests need, and run them on several processes."""
    session.install("-e", ".[lab]", *group("tests"))
    browser(session)
    # a file's tests share one lab; what they leave goes with the folder
    spread = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder")
    with tempfile.TemporaryDirectory(prefix="tests-", dir=memory()) as folder:
        Path(folder).chmod(0o711)  # some are about a plain user; pytest closes its own folder in it
        session.run(*module("pytest"), *spread, *words, *session.posargs, env={"TMPDIR": folder})


@session
def tests(session: nox.Session) -> None:
    """Run the tests: real PostgreSQL, real browser, real HTTP."""
    pytest(session)


@session
def slow(session: nox.Session) -> None:
    """Run the tests that take long: every moment of a kill, every kind of fault."""
    pytest(session, "-m", "slow")


@session
def conformance(session: nox.Session) -> None:
    """Run the shared tests on a real Dolibarr: nox -s conformance -- --dolibarr PATH."""
    options = argparse.ArgumentParser(prog="nox -s conformance --")
    options.add_argument("--dolibarr", required=True, help="a Dolibarr source folder")
    given, words = options.parse_known_args(session.posargs)
    session.install("-e", ".[lab]", *group("tests"))
    browser(session)
    # in one word: pytest takes a lone path for tests, and looks for its settings there
    session.run(*module("pytest"), "-m", "conformance", f"--dolibarr={given.dolibarr}", *words)


@session
def cluster(session: nox.Session) -> None:
    """Run the cycle and its faults on a Kubernetes node: KUBECONFIG=FILE nox -s cluster -- --size=1000."""
    if not os.environ.get("KUBECONFIG"):
        skip(session, "engine kubernetes", f"KUBECONFIG=FILE {CLUSTER}")
    if not shutil.which("kubectl") and shutil.which("apt-get") and os.geteuid() == 0:
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "kubernetes-client"]
        session.run("apt-get", "update", "-q", external=True, silent=True, success_codes=range(256))
        session.run(*install, external=True, silent=True, success_codes=range(256))
    if not shutil.which("kubectl"):
        skip(session, "engine kubernetes", f"put kubectl on PATH, then {CLUSTER}")
    session.install("-e", ".[lab]", *group("tests"))
    browser(session)
    session.run(*module("pytest"), "-m", "cluster", "tests/cluster", *session.posargs)


@session
def bench(session: nox.Session) -> None:
    """Time refreshes and checkpoints beside what others need: nox -s bench -- --sizes 200,1000."""
    session.install("-e", ".[lab]", *group("bench"))
    browser(session)
    session.run("python", "-m", "sandbox.lab.bench", *session.posargs)


@session
def faults(session: nox.Session) -> None:
    """Break refreshes at 200 random moments: nox -s faults -- --seed 1."""
    session.install("-e", ".[lab]")
    session.run("python", "-m", "sandbox.lab.faults", *session.posargs)


@session
def lint(session: nox.Session) -> None:
    """Check style and format with ruff."""
    session.install(*group("lint"))
    session.run(*module("ruff"), "check", ".")
    session.run(*module("ruff"), "format", "--check", ".")


@session
def types(session: nox.Session) -> None:
    """Check types with mypy, strictly."""
    session.install("-e", ".[lab]", *group("types"))
    session.run(*module("mypy"))
