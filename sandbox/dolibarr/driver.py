"""Playwright's own driver, a program for Node.js that it brings along: started, or said why not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandbox.errors import Failed
from sandbox.unexpected import first_line

if TYPE_CHECKING:
    from playwright.sync_api import Playwright


@contextmanager
def driver() -> Iterator[Playwright]:
    """Have the driver run while inside.

    Raises:
        Failed: it does not start: its Node.js is not there, may not be run, or lacks a library.
    """
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    manager = sync_playwright()
    try:
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
