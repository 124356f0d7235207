"""Dolibarr's conf.php for one side of the lab."""

from __future__ import annotations

from pathlib import Path

from sandbox.lab import HOST
from sandbox.lab.access import password_of
from sandbox.privatefile import replace as write_private


def write_conf(  # noqa: PLR0913  # each is one thing that Dolibarr asks for
    htdocs: Path, *, url: str, documents: Path, passwords: Path, port: int, role: str, instance: str
) -> None:
    """Write conf/conf.php, mode 600: it holds the password of `role`, whose database has its name."""
    values = {
        "dolibarr_main_url_root": url,
        "dolibarr_main_document_root": str(htdocs),
        "dolibarr_main_url_root_alt": "/custom",
        "dolibarr_main_document_root_alt": str(htdocs / "custom"),
        "dolibarr_main_data_root": str(documents),
        "dolibarr_main_db_type": "pgsql",
        "dolibarr_main_db_host": HOST,
        "dolibarr_main_db_port": str(port),
        "dolibarr_main_db_name": role,
        "dolibarr_main_db_user": role,
        "dolibarr_main_db_pass": password_of(passwords, role),
        "dolibarr_main_db_prefix": "llx_",
        "dolibarr_main_db_character_set": "utf8",
        "dolibarr_main_db_collation": "utf8_unicode_ci",
        "dolibarr_main_authentication": "dolibarr",
        "dolibarr_main_instance_unique_id": instance,
        "dolibarr_main_prod": "1",  # no SQL and no paths in error pages
        "dolibarr_main_force_https": "0",
        "dolibarr_main_restrict_os_commands": "pg_dump, pg_restore",
        "dolibarr_nocsrfcheck": "0",
        "dolibarr_mailing_limit_sendbyweb": "0",
        "dolibarr_mailing_limit_sendbycli": "0",
    }
    lines = (f"${name} = {_quoted(value)};\n" for name, value in values.items())
    write_private(htdocs / "conf/conf.php", "<?php\n" + "".join(lines))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
