"""The review page on paper, as Chromium prints it: whatever is closed, filtered or scrolled on the screen."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from sandbox.dolibarr import browser
from sandbox.errors import Failed
from sandbox.lifecycle.changes import RowDiff, TableDiff
from sandbox.lifecycle.diff_page import page, write
from sandbox.lifecycle.doc_changes import DocumentsDiff
from tests.test_diff_page import report

_LONG = "\n".join(f"line {number}" for number in range(200))
_UNSEEN = """[...document.querySelectorAll('.table *')].filter(one => {
  const scrolls = getComputedStyle(one).overflowY != 'visible' && one.scrollHeight > one.clientHeight + 1
  return !one.checkVisibility() || one.getBoundingClientRect().height == 0 || scrolls
}).map(one => one.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def screen() -> Iterator[Page]:
    with sync_playwright() as playwright:
        program = browser.find(playwright, None, headless=True)
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started.new_page()
        started.close()


def html() -> str:
    many = tuple(RowDiff("inserted", {"rowid": n}, f"no. {n}", None, {"rowid": n}) for n in range(60))
    long = RowDiff("changed", {"rowid": 1}, "long", {"note": None}, {"note": _LONG})
    tables = tuple(
        TableDiff(name, "kept", 60, 1, 0, columns_added=(), columns_dropped=(), rows=(*many, long))
        for name in ("llx_first", "llx_second")
    )
    files = DocumentsDiff({"a.pdf": 1}, {}, {})
    return page(report(tables=tables, documents=files, sequences={"llx_first_rowid_seq": (1, 60)}))


def pages(screen: Page, html: str) -> int:
    screen.set_content(html)
    screen.emulate_media(media="null")  # print, as long as nobody asks for another
    return len(re.findall(rb"/Type\s*/Page\b", screen.pdf()))


def test_paper_shows_all_that_the_screen_hides(screen: Page) -> None:
    screen.set_content(html())
    screen.check("#show-deleted")
    assert not screen.get_by_text("no. 59").last.is_visible()
    assert len(screen.evaluate(_UNSEEN)) > 100
    screen.emulate_media(media="print")
    assert screen.evaluate(_UNSEEN) == []
    assert screen.get_by_text("no. 59").last.is_visible()
    screen.emulate_media(media="null")


def test_paper_has_as_many_pages_with_sections_closed_as_open(screen: Page) -> None:
    closed = pages(screen, html())
    assert closed == pages(screen, html().replace("<details ", "<details open "))
    assert closed > 15


def test_what_would_deceive_the_reader_stands_there_as_its_code(screen: Page) -> None:
    row = {"na\u202eme": "a\u2066b\x1b[31m\x85\u2028\rc\ud800\udcff", "lines": "one\n\ttwo"}
    screen.set_content(page(report(RowDiff("inserted", {"na\u202eme": 1}, "\u200ex", None, row))))
    said = screen.inner_text("body")
    assert r"a\u2066b\x1b[31m\x85\u2028\rc\ud800\xff" in said
    assert r"na\u202eme 1" in said
    assert "one\n\ttwo" in said
    assert r"\u200ex" in said


def test_a_page_is_for_its_owner_from_its_birth_on(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        modes, over = set[int](), threading.Event()

        def watch() -> None:
            while not over.is_set():
                for path in tmp_path.iterdir():
                    try:
                        modes.add(stat.S_IMODE(path.stat().st_mode))
                    except FileNotFoundError:
                        continue

        thread = threading.Thread(target=watch)
        thread.start()
        for _ in range(30):
            write(report(), tmp_path / "diff.html", dry=False)
        over.set()
        thread.join()
    finally:
        os.umask(former)
    assert modes == {0o600}


def test_a_page_replaces_a_link_and_nothing_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "link.html").symlink_to(tmp_path / "theirs")
    write(report(), tmp_path / "link.html", dry=False)
    assert (tmp_path / "theirs").read_text() == "theirs"
    os.mkfifo(tmp_path / "pipe")
    for place in ("pipe", "folder"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        with pytest.raises(Failed, match="cannot write"):
            write(report(), tmp_path / place, dry=False)
