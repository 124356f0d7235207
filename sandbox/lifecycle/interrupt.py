"""Ctrl-C, a CI job's SIGTERM and a closed terminal end a run in order: what it started first, then itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from sandbox.errors import Failed

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """Whether the run was asked to end."""

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        """Go on only when nobody asked to end.

        Raises:
            Failed: somebody did.
        """
        if self.asked:
            raise Failed("interrupted; the sandbox is as it was", "run it again when you like")


@contextmanager
def interruptible(end: Callable[[], object]) -> Iterator[Interrupt]:
    """While inside, a signal calls `end` and is remembered, and raises nothing by itself.

    Invoke waits for a command's end whatever happens, so what runs has to be ended. A signal that is ignored,
    as `nohup` has it for SIGHUP and a script's shell for the SIGINT of what it runs behind it, stays ignored.
    """
    state = Interrupt()

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        state.asked = True
        end()

    if threading.current_thread() is not threading.main_thread():  # Python allows handlers only there
        yield state
        return
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def noticing() -> Iterator[Interrupt]:
    """While inside, Ctrl-C does what it did before, and is remembered.

    It reaches a program's children too: one that ends of it may tell of a failure before, or instead of, it.
    """
    state = Interrupt()
    before = signal.getsignal(signal.SIGINT)

    def handle(number: int, frame: FrameType | None) -> None:
        state.asked = True
        if callable(before):
            before(number, frame)

    # nobody may handle it elsewhere; and who ignores it, as under nohup, goes on to
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield state
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield state
    finally:
        signal.signal(signal.SIGINT, before)
