"""What the lab's databases and folders hold, and who may do what with them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from sandbox.lab import access
from sandbox.lab.access import PROD, READER, SANDBOX
from sandbox.lab.folder import Folder
from sandbox.lab.server import SUPERUSER
from tests.erp_client import settings

TABLES = (
    "llx_user",
    "llx_user_rights",
    "llx_rights_def",
    "llx_usergroup",
    "llx_usergroup_user",
    "llx_usergroup_rights",
    "llx_const",
    "llx_societe",
    "llx_socpeople",
    "llx_product",
    "llx_propal",
    "llx_propaldet",
    "llx_commande",
    "llx_commandedet",
    "llx_facture",
    "llx_facturedet",
    "llx_facture_fourn",
    "llx_facture_fourn_det",
    "llx_commande_fournisseur",
    "llx_bank_account",
    "llx_bank",
    "llx_paiement",
    "llx_actioncomm",
    "llx_ecm_files",
    "llx_cronjob",
    "llx_emailcollector_emailcollector",
    "llx_oauth_token",
    "llx_notify_def",
    "llx_mailing",
    "llx_zapier_hook",
)


@contextmanager
def session(root: Path, role: str, database: str) -> Iterator[psycopg.Connection]:
    folder = Folder(root)
    port = folder.state()["database_port"]
    with access.connected(folder.passwords, port, role, database) as connection:
        yield connection


def ask(root: Path, role: str, database: str, query: bytes) -> list[tuple[object, ...]]:
    with session(root, role, database) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("side", [PROD, SANDBOX])
def test_tables_of_dolibarr_hold_rows(fresh_sandbox: Path, side: str) -> None:
    for table in TABLES:
        found = ask(fresh_sandbox, side, side, f"SELECT count(*) FROM {table}".encode())
        assert int(str(found[0][0])) > 0, table


def test_schema_has_what_a_copy_can_lose(lab_root: Path) -> None:
    counted = ask(
        lab_root,
        PROD,
        PROD,
        b"""SELECT (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'llx%'),
                   (SELECT count(*) FROM pg_class WHERE relkind = 'S'),
                   (SELECT count(*) FROM pg_constraint WHERE contype = 'f'),
                   (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal),
                   (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
                   (SELECT count(*) FROM pg_class c WHERE relkind = 'r' AND relname LIKE 'llx%' AND NOT EXISTS
                     (SELECT 1 FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p'))""",
    )
    tables, sequences, foreign, triggers, functions, without_key = (int(str(n)) for n in counted[0])
    assert (tables, sequences) >= (40, 35)
    assert (foreign, triggers) >= (20, 20)
    assert (functions, without_key) == (2, 2)


def test_sequences_go_on_after_the_rows(lab_root: Path) -> None:
    found = ask(
        lab_root,
        PROD,
        PROD,
        b"SELECT last_value, (SELECT max(rowid) FROM llx_facture) FROM llx_facture_rowid_seq",
    )
    assert found[0][0] == found[0][1]


def test_prod_has_the_size_that_was_asked_for(lab_root: Path) -> None:
    found = ask(lab_root, PROD, PROD, b"SELECT pg_database_size('dolibarr_prod') / 2 ^ 20")
    assert float(str(found[0][0])) == pytest.approx(20, rel=0.15)


def test_prod_has_much_to_mute(lab_root: Path) -> None:
    found = ask(lab_root, PROD, PROD, b"SELECT name, value FROM llx_const WHERE value <> ''")
    constants = {str(name): str(value) for name, value in found}
    for name in ("MAIN_MAIL_SMTP_SERVER", "MAIN_MAIL_SMTPS_PW", "STRIPE_LIVE_SECRET_KEY", "CRON_KEY"):
        assert constants[name]
    hosts = [value for name, value in constants.items() if "SERVER" in name or value.startswith("http")]
    assert hosts
    assert all(".example" in host for host in hosts)
    active = ask(lab_root, PROD, PROD, b"SELECT count(*) FROM llx_cronjob WHERE status = 1")
    assert int(str(active[0][0])) > 1


def test_prod_users_have_keys_one_in_clear_and_one_encrypted_by_prods_instance(lab_root: Path) -> None:
    found = ask(lab_root, PROD, PROD, b"SELECT api_key FROM llx_user WHERE api_key IS NOT NULL ORDER BY 1")
    plain = [str(key) for (key,) in found if not str(key).startswith("dolcrypt:")]
    assert (len(found), len(plain)) == (2, 1)
    instances = Folder(lab_root).state()["instances"]
    assert instances["prod"] != instances["sandbox"]


def test_sandbox_is_older_and_has_no_agent(fresh_sandbox: Path) -> None:
    count = b"SELECT count(*) FROM llx_facture"
    newer, older = (int(str(ask(fresh_sandbox, side, side, count)[0][0])) for side in (PROD, SANDBOX))
    assert newer - older == 40
    agents = ask(fresh_sandbox, SANDBOX, SANDBOX, b"SELECT 1 FROM llx_user WHERE login LIKE 'ai_agent%'")
    assert agents == []


def test_documents_match_their_rows_and_the_sandbox_differs(fresh_sandbox: Path) -> None:
    prod, sandbox = (Folder(fresh_sandbox).documents(side) for side in ("prod", "sandbox"))
    known = ask(fresh_sandbox, PROD, PROD, b"SELECT filepath || '/' || filename FROM llx_ecm_files")
    files = {str(path.relative_to(prod)) for path in prod.rglob("*.pdf")}
    assert len(files) >= 200
    assert files <= {str(name) for (name,) in known}
    assert all(path.read_bytes().startswith(b"%PDF-1.4") for path in prod.rglob("*.pdf"))
    logo = ask(
        fresh_sandbox, PROD, PROD, b"SELECT value FROM llx_const WHERE name = 'MAIN_INFO_SOCIETE_LOGO'"
    )
    assert (prod / "mycompany" / "logos" / str(logo[0][0])).read_bytes().startswith(b"\x89PNG")
    assert len(list((prod / "mycompany" / "logos" / "thumbs").glob("*.png"))) == 2
    there = {str(path.relative_to(sandbox)) for path in sandbox.rglob("*.pdf")}
    assert there - files == {"facture/STALE/STALE.pdf"}
    assert len(files - there) == 1


def test_sandbox_role_cannot_reach_prod(lab_root: Path) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        ask(lab_root, SANDBOX, PROD, b"SELECT 1")


def test_reader_reads_everything_and_writes_nothing(lab_root: Path) -> None:
    with session(lab_root, PROD, PROD) as owner:
        owner.execute("CREATE TABLE llx_later AS SELECT 1 AS rowid")
    try:
        assert ask(lab_root, READER, PROD, b"SELECT rowid FROM llx_later") == [(1,)]
        assert ask(lab_root, READER, PROD, b"SELECT last_value > 0 FROM llx_user_rowid_seq") == [(True,)]
    finally:
        with session(lab_root, PROD, PROD) as owner:
            owner.execute("DROP TABLE llx_later")
    for statement in (
        b"UPDATE llx_user SET lang = 'de_DE'",
        b"DELETE FROM llx_const",
        b"CREATE TABLE x (a int)",
        b"SELECT nextval('llx_user_rowid_seq')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(lab_root, READER, PROD, statement)


def test_reader_dumps_prod_with_the_files_that_configuration_names(lab_root: Path) -> None:
    found = settings(lab_root)
    at, tools = found["prod"]["database"], found["postgres"]
    done = subprocess.run(
        [
            *(
                f"{tools['programs']}/pg_dump",
                "--schema-only",
                "--host",
                at["host"],
                "--port",
                str(at["port"]),
            ),
            *("--username", at["user"], at["name"]),
        ],
        env={
            **os.environ,
            "PGPASSFILE": tools["passwords"],
            "PGOPTIONS": "-c default_transaction_read_only=on",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "CREATE TABLE public.llx_facture" in done.stdout


def test_sandbox_role_owns_its_database_and_may_rename_another_into_its_place(fresh_sandbox: Path) -> None:
    foreign = ask(
        fresh_sandbox,
        SANDBOX,
        SANDBOX,
        b"""SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
              AND pg_get_userbyid(relowner) <> 'dolibarr_sandbox'
            UNION ALL SELECT defaclobjtype::text FROM pg_default_acl""",
    )
    assert foreign == []
    folder = Folder(fresh_sandbox)
    port = folder.state()["database_port"]
    with access.connected(folder.passwords, port, SANDBOX, "postgres", autocommit=True) as maintenance:
        maintenance.execute("CREATE DATABASE dolibarr_sandbox__next")
        maintenance.execute("ALTER DATABASE dolibarr_sandbox__next RENAME TO dolibarr_sandbox__old")
        maintenance.execute("DROP DATABASE dolibarr_sandbox__old")


def test_server_listens_on_loopback_alone_and_wants_passwords(lab_root: Path) -> None:
    shown = ask(
        lab_root,
        SUPERUSER,
        PROD,
        b"""SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories'),
                   current_setting('max_connections'), current_setting('shared_buffers'),
                   (SELECT datcollate || datlocale FROM pg_database WHERE datname = current_database())""",
    )
    assert shown == [("127.0.0.1", "", "50", "128MB", "CC.UTF-8")]
    port = settings(lab_root)["database"]["port"]
    for password in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=port, user=PROD, dbname=PROD, password=password)


def test_passwords_are_in_no_log_and_no_argument(lab_root: Path) -> None:
    folder = Folder(lab_root)
    secrets = [line.rsplit(":", 1)[1] for line in folder.passwords.read_text().splitlines()]
    secrets += [folder.credentials.read_text().rsplit("=", 1)[1].strip()]
    seen = folder.postgres_log.read_text(errors="replace") + folder.erp_log.read_text()
    seen += subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert len(secrets) == 5
    assert not [secret for secret in secrets if secret in seen]
