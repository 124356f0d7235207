"""What is kept of a failed provision: the steps, the page's shape and a masked screenshot; never a secret.

Playwright's own trace is not kept: it records every filled value, cookie and form token on disk while it
runs. This trail records names of steps, paths without their query and the names of fields.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import redact
from sandbox.errors import Failed

if TYPE_CHECKING:
    from playwright.sync_api import Page

# anything that a machine made: API keys, generated passwords, form tokens
_MADE = r"(?=[A-Za-z0-9_+/=:.-]*[0-9])(?=[A-Za-z0-9_+/=:.-]*[A-Za-z])[A-Za-z0-9_+/=:.-]{12,}"
# whether the page may be shown: not when what it says, without its spaces, still holds a secret
_MASK = """([made, secrets]) => {
  const quoted = secrets.map(secret => secret.replace(/[.*+?^${}()|[\\]\\\\]/g, '\\\\$&'));
  const masked = [...quoted.map(secret => new RegExp(secret, 'gi')), new RegExp(made, 'g')];
  const clean = text => masked.reduce((left, pattern) => left.replace(pattern, '\u2022\u2022\u2022'), text);
  for (const field of document.querySelectorAll('input, textarea')) {
    const shown = ['submit', 'button', 'reset'].includes(field.type);
    if (field.type !== 'hidden') { field.value = shown ? clean(field.value) : ''; }
    field.placeholder = clean(field.placeholder);
  }
  for (const option of document.querySelectorAll('option, optgroup')) { option.label = clean(option.label); }
  const hide = element => {
    element.style.setProperty('visibility', 'hidden', 'important');
    element.removeAttribute('alt');  // its width tells of what it says
  };
  const unread = 'img, svg, canvas, video, iframe, frame, object, embed, .clipboardCP, .clipboardCPValue';
  for (const found of document.querySelectorAll('*')) {
    if (found.shadowRoot || found.matches(unread)) { hide(found); }
  }
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`*::before, *::after { content: none !important }
    * { background-image: none !important; list-style: none !important }`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) { walker.currentNode.data = clean(walker.currentNode.data); }
  const bare = text => text.replace(/\\s+/g, '').toLowerCase();
  const all = bare(document.documentElement.textContent);
  return !secrets.some(secret => all.includes(bare(secret)));
}"""
_SHAPE = """() => ({
  title: document.title,
  forms: [...document.forms].map(form => ({
    id: form.getAttribute('id'),
    name: form.getAttribute('name'),
    fields: [...form.elements].map(field => field.name || field.id).filter(Boolean),
  })),
})"""


class Trail:
    """The steps of one run, without any secret in what is kept or said.

    Args:
        spared: texts that look made by a machine and are no secret, such as the agent's login.
    """

    def __init__(self, *spared: str) -> None:
        self._spared = spared
        self._started = time.monotonic()
        self.steps: list[dict[str, Any]] = []

    def clean(self, text: str) -> str:
        """The text without any of the secrets, in one line of at most 300 characters."""
        text = redact.text(" ".join(text.split()))
        text = re.sub(r"([?&;]token=)[^&\s]+", rf"\1{redact.HIDDEN}", text)
        return text if len(text) <= 300 else text[:299] + "…"  # noqa: PLR2004  # a message, not a page

    def quote(self, text: str) -> str:
        """A page's own words, as `clean` leaves them and without anything that a machine seems to have made.

        A page may hold secrets that nobody told us: an old key, the session, a form's token.
        """
        words = re.sub(_MADE, lambda found: found[0] if found[0] in self._spared else redact.HIDDEN, text)
        return self.clean(words)

    def note(self, step: str, path: str = "", **facts: str | int | bool | None) -> None:
        """Remember one step; the path is kept without what follows its user number."""
        entry: dict[str, Any] = {"seconds": round(time.monotonic() - self._started, 3), "step": step}
        if path:
            entry["path"] = path
        self.steps.append({**entry, **facts})

    def keep(self, state: Path, page: Page | None, problem: str) -> Path:
        """Write what happened into a new folder of mode 700 below `state`; tell which one.

        Raises:
            Failed: the folder cannot be written.
        """
        try:
            folder = _new_folder(state)
            lines = [{"step": "failed", "problem": self.clean(problem)}, *self._shape(page), *self.steps]
            text = "".join(self.clean_json(line) + "\n" for line in lines)
            _write(folder / "trail.jsonl", text.encode())
            image = _screenshot(page)
            if image:
                _write(folder / "page.png", image)
        except OSError as error:
            raise Failed(f"{problem} (and {state} cannot be written: {error.strerror})") from None
        return folder

    def clean_json(self, line: dict[str, Any]) -> str:
        """One line of the trail, as JSON, with the secrets taken out of its texts."""
        return json.dumps(self._cleaned(line), ensure_ascii=False)

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._cleaned(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._cleaned(inner) for inner in value]
        return self.clean(value) if isinstance(value, str) else value

    def _shape(self, page: Page | None) -> list[dict[str, Any]]:
        from playwright.sync_api import Error  # noqa: PLC0415

        if page is None or page.is_closed():
            return []
        with contextlib.suppress(Error):
            page.context.new_cdp_session(page).send("Page.stopLoading")  # nothing can be asked before
            shape = page.evaluate(_SHAPE)
            return [{"step": "page", **shape, "title": self.quote(shape["title"])}]
        return []


def _screenshot(page: Page | None) -> bytes | None:
    from playwright.sync_api import Error  # noqa: PLC0415

    if page is None or page.is_closed():
        return None
    try:
        if not page.evaluate(_MASK, [_MADE, redact.known()]):
            return None
        return page.screenshot(animations="disabled", timeout=5000)
    except Error:
        return None  # the page went away, or could not be masked: then there is no picture


def _new_folder(state: Path) -> Path:
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for number in range(1, 100):
        folder = state / (f"provision-{stamp}" + (f"-{number}" if number > 1 else ""))
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)  # whatever the umask
            return folder
    raise FileExistsError(0, "a hundred failures in one second")


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
