"""A task with parts runs each of them in every call of its own, however it is called."""

from __future__ import annotations

from typing import Any

import pytest
from invoke.collection import Collection
from invoke.config import Config
from invoke.context import Context
from invoke.program import Program
from invoke.tasks import call, task

from sandbox.errors import ExitCode, Refused
from sandbox.executor import EXECUTOR, inherits
from sandbox.flags import sandbox_task
from sandbox.session import Session, bind

RAN: list[str] = []


@sandbox_task()
def first(s: Session, yes: bool = False, other: bool = False) -> None:
    if not yes:
        raise Refused("without --yes nothing is done")
    RAN.append(f"{s.name} first{' other' if other else ''}")


@sandbox_task()
def second(s: Session) -> None:
    RAN.append(f"{s.name} second")


@sandbox_task(pre=[inherits(first, "yes"), inherits(second)])
def whole(s: Session, yes: bool = False, save: bool = True) -> None:  # noqa: ARG001
    RAN.append(f"{s.name} whole{'' if save else ' unsaved'}")


def box(name: str) -> Collection:
    made = Collection(name)
    for item in bind((first, second, whole), name, {}):
        made.add_task(item)
    return made


BOX, OTHER = box("sandbox"), box("training")
PARTS = ["sandbox first", "sandbox second"]


@task
def dirty(_: Context) -> None:
    RAN.append("dirty")


@task
def called(c: Context) -> None:
    BOX.tasks["whole"](c, yes=True)


@task
def called_in_order(c: Context) -> None:
    BOX.tasks["whole"](c, True)


@task
def called_without_consent(c: Context) -> None:
    BOX.tasks["whole"](c)


@task(pre=[call(BOX.tasks["whole"], yes=True)])
def before(_: Context) -> None:
    RAN.append("before")


@task(pre=[BOX.tasks["whole"]])
def before_without_consent(_: Context) -> None:
    RAN.append("never")


NAMESPACE = Collection(
    BOX, OTHER, dirty, called, called_in_order, called_without_consent, before, before_without_consent
)


def inv(*words: str, ours: bool = True) -> tuple[list[str], int]:
    """Run these words as `inv` does; what ran, and the exit code."""
    RAN.clear()
    tasks: dict[str, Any] = {"executor_class": EXECUTOR} if ours else {}
    config = type("Settings", (Config,), {"global_defaults": staticmethod(lambda: _defaults(tasks))})
    program = Program(namespace=NAMESPACE, config_class=config)
    try:
        program.run(["inv", *words])
    except SystemExit as error:
        return RAN.copy(), int(str(error.code))
    return RAN.copy(), 0


def _defaults(tasks: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = Config.global_defaults()
    return {**given, "tasks": {**given["tasks"], **tasks}}


@pytest.mark.parametrize(
    ("words", "ran"),
    [
        (["sandbox.whole", "--yes"], [*PARTS, "sandbox whole"]),
        (["called"], [*PARTS, "sandbox whole"]),
        (["called-in-order"], [*PARTS, "sandbox whole"]),
        (["before"], [*PARTS, "sandbox whole", "before"]),
        (["sandbox.whole", "--yes", "sandbox.whole", "--yes"], [*PARTS, "sandbox whole"] * 2),
        (
            ["sandbox.whole", "--yes", "dirty", "sandbox.whole", "--yes", "--no-save"],
            [*PARTS, "sandbox whole", "dirty", *PARTS, "sandbox whole unsaved"],
        ),
        (
            ["sandbox.first", "--yes", "dirty", "sandbox.whole", "--yes"],
            ["sandbox first", "dirty", *PARTS, "sandbox whole"],
        ),
        (["sandbox.second", "sandbox.whole", "--yes"], ["sandbox second", *PARTS, "sandbox whole"]),
        (
            ["sandbox.whole", "--yes", "training.whole", "--yes"],
            [*PARTS, "sandbox whole", "training first", "training second", "training whole"],
        ),
        (["sandbox.whole", "--yes", "called"], [*PARTS, "sandbox whole"] * 2),
    ],
)
def test_every_call_runs_its_parts_in_order_and_then_itself(words: list[str], ran: list[str]) -> None:
    assert inv(*words) == (ran, 0)


@pytest.mark.parametrize(
    ("words", "ran"),
    [
        (["sandbox.whole"], []),
        (["called-without-consent"], []),
        (["before-without-consent"], []),
        (["sandbox.first", "--yes", "sandbox.whole"], ["sandbox first"]),
        (["sandbox.whole", "--yes", "training.whole"], [*PARTS, "sandbox whole"]),
    ],
)
def test_consent_goes_to_the_parts_of_that_call_alone(words: list[str], ran: list[str]) -> None:
    assert inv(*words) == (ran, ExitCode.REFUSED)


@pytest.mark.parametrize(
    ("words", "ran", "code"),
    [
        (["sandbox.whole", "--yes"], [], ExitCode.REFUSED),
        (["sandbox.first", "--yes", "sandbox.whole", "--yes"], ["sandbox first"], ExitCode.REFUSED),
        (["called"], [*PARTS, "sandbox whole"], ExitCode.DONE),
    ],
)
def test_without_our_executor_it_refuses_or_runs_its_parts(
    words: list[str], ran: list[str], code: ExitCode
) -> None:
    assert inv(*words, ours=False) == (ran, code)
