"""What `lab.up --dolibarr` asks of the machine and of the folder, and what it leaves alone."""

from __future__ import annotations

import stat
from pathlib import Path

import psutil
import pytest

from sandbox.errors import UsageError
from sandbox.lab.folder import Folder
from sandbox.lab.life import up
from sandbox.lab.real import php
from sandbox.lab.real.source import Source
from tests.support import ops, run


def dolibarr_like(folder: Path, **files: str) -> Path:
    """A folder that looks like Dolibarr's sources from the outside."""
    for name, text in {"install/step5.php": "", "filefunc.inc.php": "", **files}.items():
        path = folder / "htdocs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"filefunc.inc.php": "if (x) {\n\tdefine('DOL_VERSION', '16.0.3'); // a.b.c\n}"}, "16.0.3"),
        (
            {
                "filefunc.inc.php": "define('DOL_MINOR_VERSION', '0.0-beta');",
                "version.inc.php": "define('DOL_MAJOR_VERSION', '23');\ndefine('DOL_VERSION', X);",
            },
            "23.0.0-beta",
        ),
    ],
)
def test_version_is_read_from_the_folder_or_its_htdocs(
    tmp_path: Path, files: dict[str, str], version: str
) -> None:
    folder = dolibarr_like(tmp_path, **files)
    for path in (folder, folder / "htdocs"):
        assert Source.at(path) == Source(folder / "htdocs", version)


def test_copy_leaves_out_what_configures_another_installation(tmp_path: Path) -> None:
    files = {"filefunc.inc.php": "define('DOL_VERSION', '16.0.3');", "conf/conf.php": "<?php // a password"}
    files |= {
        "conf/conf.php.old": "",
        "conf/conf.php.example": "",
        "install/install.lock": "",
        "index.php": "",
    }
    Source.at(dolibarr_like(tmp_path / "theirs", **files)).copy(tmp_path / "ours")
    copied = {str(path.relative_to(tmp_path / "ours/htdocs")) for path in (tmp_path / "ours").rglob("*.*")}
    assert copied == {"filefunc.inc.php", "install/step5.php", "conf/conf.php.example", "index.php"}


def test_folder_that_is_no_dolibarr_is_a_usage_error_and_makes_nothing(tmp_path: Path) -> None:
    done = run(ops(tmp_path / "ops"), "lab.up", "--dolibarr", str(tmp_path))
    assert done.returncode == 2
    assert "is no Dolibarr" in done.stderr
    assert not (tmp_path / "ops/.lab").exists()


@pytest.mark.parametrize(
    ("modules", "said", "package"),
    [(None, "no program php", "php-cli"), ("Core\ncurl\ngd\nintl\nSimpleXML\nzip", "mbstring", "php-pgsql")],
)
def test_missing_php_is_one_line_with_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modules: str | None, said: str, package: str
) -> None:
    if modules is not None:
        program = tmp_path / "php"
        program.write_text(f"#!/bin/sh\nprintf '%s' '{modules}'\n")
        program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=said) as caught:
        php.require()
    assert package in caught.value.next_step
    assert "apt install" in caught.value.next_step


@pytest.mark.conformance
@pytest.mark.real
def test_nothing_is_written_into_the_folder_and_no_password_is_shown(lab_root: Path, dolibarr: Path) -> None:
    folder = Folder(lab_root)
    born = folder.passwords.stat().st_mtime
    places = (dolibarr / "htdocs", dolibarr) if (dolibarr / "htdocs").is_dir() else (dolibarr,)
    changed = [path for place in places for path in place.rglob("*") if path.lstat().st_ctime > born]
    assert changed == []
    conf = folder.dolibarr / "htdocs/conf/conf.php"
    assert stat.S_IMODE(conf.stat().st_mode) in (0o600, 0o400)  # 23 itself takes the writing away
    secrets = [line.rsplit(":", 1)[1] for line in folder.passwords.read_text().splitlines()]
    secrets.append(folder.credentials.read_text().rsplit("=", 1)[1].strip())
    seen = " ".join(" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    seen += folder.erp_log.read_text() if folder.erp_log.exists() else ""
    seen += (folder.dolibarr / "install.html").read_text()
    assert [secret for secret in secrets if secret in seen] == []


@pytest.mark.conformance
@pytest.mark.real
def test_killed_server_comes_back_at_its_port_and_no_worker_is_left(lab_root: Path, dolibarr: Path) -> None:
    folder = Folder(lab_root)
    before = folder.state()
    psutil.Process(before["erp"]["pid"]).kill()
    report = up(lab_root, dolibarr=dolibarr, say=print)
    assert (report.url, report.already_running) == (before["url"], False)
    mine = [
        p
        for p in psutil.process_iter(["cmdline"])
        if str(folder.dolibarr / "htdocs") in (p.info["cmdline"] or [])
    ]
    assert len(mine) == 5
    assert up(lab_root, say=print).already_running


@pytest.mark.standin
def test_lab_of_another_erp_is_refused_with_what_to_do(lab_root: Path, tmp_path: Path) -> None:
    files = {"filefunc.inc.php": "define('DOL_VERSION', '16.0.3');"}
    with pytest.raises(UsageError, match="the stand-in") as caught:
        up(lab_root, dolibarr=dolibarr_like(tmp_path, **files), say=print)
    assert "anew" in caught.value.next_step
