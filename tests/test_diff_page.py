"""What a reviewer reads: escaped, masked, whole; a page that loads and runs nothing."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import checkpoint_views
from sandbox.errors import Failed
from sandbox.lifecycle.changes import RowDiff, TableDiff
from sandbox.lifecycle.diff import DiffReport
from sandbox.lifecycle.diff_page import page, write
from sandbox.lifecycle.doc_changes import DocumentsDiff
from sandbox.lifecycle.mask import MASKED, MASKED_NEW, Mask

KEY = "sandbox-agent-key-0123456789"
EVIL = """<script>alert("x")</script>'"&<img src=x onerror=alert(1)>"""


def report(*rows: RowDiff, table: str = "llx_societe", **changes: Any) -> DiffReport:
    kinds = [row.kind for row in rows]
    counts = {kind: kinds.count(kind) for kind in ("inserted", "changed", "deleted")}
    one = TableDiff(table, "kept", **counts, columns_added=(), columns_dropped=(), rows=rows)
    made = DiffReport(
        checkpoint="baseline",
        saved="2026-01-01T00:00:00Z",
        sandbox="sandbox",
        url="http://127.0.0.1:9",
        at="2026-01-01T01:00:00Z",
        different=True,
        **counts,
        tables=(one,),
        documents=DocumentsDiff({}, {}, {}),
        sequences={},
        compared={"tables": 1, "read": 1, "note": ""},
        notes=(),
        seconds=0.1,
    )
    return replace(made, **changes)


class Reader(HTMLParser):
    """The tags, and the text in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "action"}]
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def test_what_comes_from_the_sandbox_is_text_and_nothing_else() -> None:
    changed = RowDiff("changed", {EVIL: EVIL}, EVIL, {"nom": EVIL, EVIL: None}, {"nom": "", EVIL: 1})
    inserted = RowDiff("inserted", None, EVIL, None, {EVIL: EVIL, "empty": None})
    made = report(
        changed,
        inserted,
        table=EVIL,
        sandbox=EVIL,
        url=EVIL,
        notes=(EVIL,),
        documents=DocumentsDiff({EVIL: 1}, {EVIL: 2}, {EVIL: 3}),
        sequences={EVIL: (1, None)},
    )
    seen = read(page(made))
    assert set(seen.tags).isdisjoint({"script", "img", "iframe", "link", "object", "form", "base"})
    assert all(link.startswith("#") for link in seen.links)
    assert seen.text.count(EVIL) >= 15
    assert "default-src 'none'" in page(made)


@settings(max_examples=40)
@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.none(), min_size=1))
def test_any_text_stays_text(row: dict[str, Any]) -> None:
    seen = read(page(report(RowDiff("inserted", None, "", None, row))))
    assert set(seen.tags) <= {
        *("html", "head", "meta", "title", "style", "body", "header", "h1", "p", "b", "span", "div", "table"),
        *(
            "tbody",
            "tr",
            "td",
            "th",
            "a",
            "fieldset",
            "legend",
            "label",
            "input",
            "main",
            "details",
            "summary",
        ),
        *("h2", "h3", "article", "ins", "del"),
    }


def test_a_card_has_before_and_after_and_leaves_out_what_is_empty() -> None:
    changed = RowDiff("changed", {"rowid": 5}, "ACME", {"town": "Lyon"}, {"town": None})
    inserted = RowDiff("inserted", {"rowid": 6}, "New", None, {"rowid": 6, "nom": "New", "fax": None})
    html = page(report(changed, inserted))
    assert re.search(r"<th>town</th><td><del>Lyon</del></td>\s*<td><ins><span[^>]*>null</span>", html)
    assert "fax" not in html
    assert "Empty columns left out: 1" in html


def test_a_very_long_table_says_how_many_cards_are_left_out() -> None:
    rows = [RowDiff("deleted", {"rowid": n}, "", {"rowid": n}, None) for n in range(700)]
    html = page(report(*rows))
    assert html.count("<article") == 500
    assert "and 200 more" in html


def test_the_page_replaces_a_file_whole_and_a_dry_run_writes_none(tmp_path: Path) -> None:
    target = tmp_path / "diff.html"
    write(report(), target, dry=True)
    assert list(tmp_path.iterdir()) == []
    write(report(), target, dry=False)
    assert target.read_text().endswith("</html>\n")
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(Failed, match="cannot write"):
        write(report(), tmp_path / "no" / "diff.html", dry=False)


@pytest.mark.parametrize(
    "row",
    [
        {"login": "agent", "api_key": "secret-one"},
        {"pass_crypted": "$2y$10$secret-one"},
        {"login": "x", "ldap_pass": "secret-one", "pass": "secret-one", "pass_temp": "secret-one"},
        {"name": "STRIPE_LIVE_SECRET_KEY", "value": "secret-one"},
        {"name": "MAIN_MAIL_SMTPS_PW", "value": "secret-one"},
        {"param": "OAUTH_X_TOKEN", "value": "secret-one"},
        {"token": "secret-one", "tokenstring": "secret-one", "tokenstring_refresh": "secret-one"},
        {"password": "secret-one", "login": "collector"},
        {"name": "WHATEVER", "value": "dolcrypt:AES-256-CTR:secret-one"},
        {"filename": "a.pdf", "share": "secret-one"},
        {"note": f"the key is {KEY}, use it"},
        {"extra": {"deep": [f"{KEY}"], "password": "secret-one"}},
    ],
    ids=str,
)  # fmt: skip
def test_a_secret_is_in_no_form_of_a_report(row: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    mask = Mask(KEY)
    other = {
        name: value.replace("one", "two") if isinstance(value, str) else value for name, value in row.items()
    }
    before, after = mask.change(row, other)
    rows = (
        RowDiff("changed", mask.row(row), mask.text(str(row.get("note", ""))), before, after),
        RowDiff("inserted", None, "", None, mask.row(row)),
    )
    made = report(*rows)
    shown = "\n".join(value for _, value in checkpoint_views.diff(made, rows=True))
    for text in (page(made), json.dumps(asdict(made)), shown):
        assert "secret-" not in text
        assert KEY not in text
    assert capsys.readouterr() == ("", "")


def test_a_masked_value_shows_that_it_changed_and_null_is_no_secret() -> None:
    mask = Mask(None)
    assert mask.change({"api_key": "aaaa"}, {"api_key": "bbbb"}) == (
        {"api_key": MASKED},
        {"api_key": MASKED_NEW},
    )
    assert mask.change({"api_key": None}, {"api_key": "bbbb"}) == ({"api_key": None}, {"api_key": MASKED})
    assert mask.row({"import_key": "2026", "passage": "free", "keyword": "x", "tokens_used": 3}) == {
        "import_key": "2026",
        "passage": "free",
        "keyword": "x",
        "tokens_used": MASKED,
    }
    assert mask.row({"name": "MAIN_INFO_SOCIETE_NOM", "value": "ACME"})["value"] == "ACME"


def test_nothing_different_says_so() -> None:
    made = report(different=False, tables=())
    assert "every row and every document is what it was" in page(made)
    assert [value for label, value in checkpoint_views.diff(made, rows=False) if label == "same"]
