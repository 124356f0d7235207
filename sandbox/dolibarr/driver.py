"""Playwright's own driver, a program for Node.js that it brings along: started, or said why not."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandbox.errors import Failed
from sandbox.unexpected import first_line

if TYPE_CHECKING:
    from playwright.sync_api import Playwright

# variables by which Playwright, in Python and in Node.js, writes down all that it is told: passwords and keys
_TELLING = ("DEBUG", "DEBUG_FILE", "PWDEBUG", "NODE_DEBUG")


@contextmanager
def discreet() -> Iterator[None]:
    """Have none of these variables while Playwright is imported, and while its driver is started."""
    kept = {name: os.environ.pop(name) for name in _TELLING if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


@contextmanager
def driver() -> Iterator[Playwright]:
    """Have the driver run while inside.

    Raises:
        Failed: it does not start: its Node.js is not there, may not be run, or lacks a library.
    """
    try:
        with discreet():
            from playwright.sync_api import sync_playwright  # noqa: PLC0415

            manager = sync_playwright()
            playwright = manager.__enter__()
    except Exception as error:  # noqa: BLE001  # of no kind, where the driver ends at once
        logging.getLogger("asyncio").disabled = True  # it prints what nobody asked a failed start for
        raise Failed(
            f"Playwright's driver does not start: {first_line(error)}",
            "see why: python -m playwright --version  (on Debian it needs: apt install libatomic1)",
        ) from None
    try:
        yield playwright
    finally:
        manager.__exit__(None, None, None)
