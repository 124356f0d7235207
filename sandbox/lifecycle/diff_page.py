"""A diff as one self-contained page: a summary, then each record as a card with its before and after.

Everything that comes from the sandbox is escaped, and the page may load and run nothing. What a person could
not see, or would read in another order, stands there as its code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

from sandbox import privatefile
from sandbox.errors import Failed
from sandbox.lifecycle.changes import RowDiff, TableDiff
from sandbox.lifecycle.diff import DiffReport
from sandbox.lifecycle.diff_style import STYLE
from sandbox.printable import UNSAFE, code, printable

_MOST = 500  # cards of one table; the JSON document has all
_KINDS = ("inserted", "changed", "deleted")
_FEW = 12  # tables with so few records are open at once
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write(report: DiffReport, path: Path, *, dry: bool) -> None:
    """Write the page, for its owner only, whole or not at all; a dry run writes nothing.

    Raises:
        Failed: the folder is not there, or cannot be written, or something is there that is no file.
    """
    if dry:
        return
    try:
        privatefile.replace(path, page(report))
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror}", "choose another place for --html") from None


def page(report: DiffReport) -> str:
    """The page's HTML."""
    title = f"{report.sandbox} since {report.checkpoint}"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{escape(printable(title))}</title><style>{STYLE}</style></head><body>",
            *_head(report),
            "<main>",
            *(line for number, table in enumerate(report.tables) for line in _table(number, table)),
            *_documents(report),
            *_sequences(report),
            "</main></body></html>",
            "",
        )
    )


def _text(value: Any, *, lines: bool = False) -> str:
    """A text as HTML; with `lines` it may have some, and tabs."""
    return UNSAFE.sub(lambda found: _code(found[0], lines=lines), escape(str(value), quote=True))


def _code(character: str, *, lines: bool) -> str:
    if lines and character in "\n\t":
        return character
    return f'<span class="code">{code(character)}</span>'


def _head(report: DiffReport) -> Iterator[str]:
    where = f' <span class="quiet">{_text(report.url)}</span>' if report.url else ""
    yield f"<header><h1>What changed in {_text(report.sandbox)}{where}</h1>"
    yield (
        f'<p class="quiet">since checkpoint <b>{_text(report.checkpoint)}</b>, saved {_text(report.saved)};'
        f" compared {_text(report.at)}</p>"
    )
    if not report.different:
        yield '<p class="same">Nothing: every row and every document is what it was.</p>'
    yield '<div class="tiles">'
    for kind, count in zip(_KINDS, (report.inserted, report.changed, report.deleted), strict=True):
        yield f'<div class="tile {kind}"><b>{count:,}</b> {_rows(count)} {kind}</div>'
    files = report.documents
    if files is not None:
        count = len(files.added) + len(files.changed) + len(files.removed)
        yield f'<div class="tile"><b>{count:,}</b> document{"" if count == 1 else "s"}</div>'
    yield "</div>"
    if report.tables:
        yield from _contents(report.tables)
    for note in report.notes:
        yield f'<p class="note">{_text(note)}</p>'
    yield "</header>"


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"


def _contents(tables: Iterable[TableDiff]) -> Iterator[str]:
    """The tables with their counts, and which cards to show."""
    yield '<table class="contents"><tbody>'
    for number, table in enumerate(tables):
        counts = "".join(
            f'<td class="{kind}">{f"{count:,} {kind}" if count else ""}</td>'
            for kind, count in _counts(table)
        )
        yield f'<tr><td><a href="#t{number}">{_text(table.table)}</a></td>{counts}</tr>'
    yield '</tbody></table><fieldset class="show"><legend>Show</legend>'
    for kind in ("all", *_KINDS):
        checked = " checked" if kind == "all" else ""
        yield f'<label><input type="radio" name="show" id="show-{kind}"{checked}> {kind}</label>'
    yield "</fieldset>"


def _counts(table: TableDiff) -> tuple[tuple[str, int], ...]:
    return ("inserted", table.inserted), ("changed", table.changed), ("deleted", table.deleted)


def _table(number: int, table: TableDiff) -> Iterator[str]:
    rows = table.rows or ()
    is_open = " open" if len(rows) <= _FEW or number == 0 else ""
    told = ", ".join(f"{count:,} {kind}" for kind, count in _counts(table) if count)
    yield f'<details class="table" id="t{number}"{is_open}><summary><h2>{_text(table.table)}</h2>'
    yield f'<span class="quiet">{told}</span></summary>'
    if table.state != "kept":
        words = "is new since the checkpoint" if table.state == "new" else "was dropped since the checkpoint"
        yield f'<p class="note">This table {words}.</p>'
    for words, names in (("added", table.columns_added), ("dropped", table.columns_dropped)):
        if names:
            yield f'<p class="note">Columns {words}: {_text(", ".join(names))}.</p>'
    for row in rows[:_MOST]:
        yield from _card(row)
    if len(rows) > _MOST:
        yield f'<p class="note">… and {len(rows) - _MOST:,} more; inv diff --rows --json has all.</p>'
    yield "</details>"


def _card(row: RowDiff) -> Iterator[str]:
    key = ", ".join(f"{name} {value}" for name, value in (row.key or {}).items())
    yield f'<article class="card {row.kind}"><h3><span class="kind">{row.kind}</span>'
    yield f'{_text(row.title)} <span class="quiet">{_text(key)}</span></h3><table><tbody>'
    if row.kind == "changed":
        before, after = row.before or {}, row.after or {}
        yield '<tr class="quiet"><th></th><td>before</td><td>after</td></tr>'
        for name in {**before, **after}:
            yield (
                f"<tr><th>{_text(name)}</th><td><del>{_value(before.get(name))}</del></td>"
                f"<td><ins>{_value(after.get(name))}</ins></td></tr>"
            )
        yield "</tbody></table></article>"
        return
    whole = row.after or row.before or {}
    told = {name: value for name, value in whole.items() if value not in (None, "")}
    mark = "ins" if row.kind == "inserted" else "del"
    for name, value in told.items():
        yield f"<tr><th>{_text(name)}</th><td><{mark}>{_value(value)}</{mark}></td></tr>"
    yield "</tbody></table>"
    if len(told) < len(whole):
        yield f'<p class="quiet">Empty columns left out: {len(whole) - len(told)}.</p>'
    yield "</article>"


def _value(value: Any) -> str:
    if value is None:
        return '<span class="null">null</span>'
    return _text(value, lines=True) if value != "" else '<span class="null">empty</span>'


def _documents(report: DiffReport) -> Iterator[str]:
    files = report.documents
    if files is None or not files.any:
        return
    yield '<details class="table" id="documents" open><summary><h2>documents</h2></summary><ul class="files">'
    for kind, mark, paths in (
        ("inserted", "added", files.added),
        ("changed", "changed", files.changed),
        ("deleted", "removed", files.removed),
    ):
        for path, size in paths.items():
            yield f'<li class="{kind}"><span class="kind">{mark}</span>{_text(path)}'
            yield f' <span class="quiet">{size:,} bytes</span></li>'
    yield "</ul></details>"


def _sequences(report: DiffReport) -> Iterator[str]:
    if not report.sequences:
        return
    yield '<details class="table"><summary><h2>numbers given out</h2></summary><table><tbody>'
    for name, (before, after) in report.sequences.items():
        yield f"<tr><th>{_text(name)}</th><td>{_value(before)}</td><td>{_value(after)}</td></tr>"
    yield "</tbody></table></details>"
