"""End a browser that does not come back: what is asked of a page has no timeout of its own.

A page that never stops loading, or whose script never ends, would hold a task for as long as it likes.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class Watch:
    """Kills the browser when a time that it was given has passed; what waits for it fails at once."""

    def __init__(self, browser: Browser) -> None:
        found = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        self._process = next(int(each["id"]) for each in found if each["type"] == "browser")
        self._timer = threading.Timer(0, self._end)
        self.ended = False

    def give(self, seconds: float) -> None:
        """Let it take so long from now on."""
        self.stop()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._timer.cancel()

    def _end(self) -> None:
        self.ended = True
        with suppress(ProcessLookupError):
            os.kill(self._process, signal.SIGKILL)
