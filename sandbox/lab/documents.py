"""The documents folders of both sides: PDF files of invoices and the company's logo."""

from __future__ import annotations

import shutil
import struct
import zlib
from pathlib import Path

from sandbox.guard import MARK, Mark
from sandbox.lab.access import PROD, SANDBOX, connected

_LOGO = "arcodange"
_BLUE, _WHITE = b"\x1f\x4e\x79", b"\xff\xff\xff"


def make_prod(folder: Path, passwords: Path, port: int, megabytes: int) -> int:
    """Write prod's logo and the PDF files of its latest invoices; returns how many files that makes."""
    count = min(200 + megabytes, 1000)
    with connected(passwords, port, PROD, PROD) as session:
        rows = session.execute(
            "SELECT ref, datef, total_ttc FROM llx_facture WHERE fk_statut > 0 ORDER BY rowid DESC LIMIT %s",
            [count],
        ).fetchall()
    for ref, day, total in rows:
        place = folder / "facture" / ref
        place.mkdir(parents=True)
        (place / f"{ref}.pdf").write_bytes(_pdf(f"{ref}    {day}    {total:.2f} EUR"))
    return len(rows) + _write_logo(folder / "mycompany" / "logos")


def copy_to_sandbox(prod: Path, sandbox: Path) -> None:
    """Make the sandbox's folder an older copy of prod's, marked: one more file, one changed, one missing."""
    shutil.copytree(prod, sandbox)
    (sandbox / MARK).write_text(Mark(SANDBOX, "lab").text() + "\n", encoding="utf-8")
    stale = sandbox / "facture" / "STALE" / "STALE.pdf"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(_pdf("left by an old rehearsal"))
    first, *_, last = sorted((sandbox / "facture").glob("FA*/*.pdf"))
    first.write_bytes(_pdf("changed in the sandbox"))
    last.unlink()


def _write_logo(folder: Path) -> int:
    (folder / "thumbs").mkdir(parents=True)
    (folder / f"{_LOGO}.png").write_bytes(_png(256, 128))
    (folder / "thumbs" / f"{_LOGO}_small.png").write_bytes(_png(96, 48))
    (folder / "thumbs" / f"{_LOGO}_mini.png").write_bytes(_png(32, 16))
    return 3


def _png(width: int, height: int) -> bytes:
    """A white bar on blue."""
    bar = range(height * 2 // 5, height * 3 // 5)
    rows = (b"\0" + (_WHITE if y in bar else _BLUE) * width for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def _pdf(text: str) -> bytes:
    """One A4 page with one line of ASCII text."""
    shown = f"BT /F1 14 Tf 60 780 Td ({text}) Tj ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Font << /F1 5 0 R >> >>",
    )
    body, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    ending = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
    return f"{body}{ending}startxref\n{len(body)}\n%%EOF\n".encode("ascii")
