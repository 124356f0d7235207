"""A real Dolibarr whose prod sends mail, calls webhooks and runs jobs: its sandbox reaches nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from sandbox.lab import access
from sandbox.lab.folder import Folder
from sandbox.lab.real import php
from tests.erp_client import call, settings
from tests.sinks import Sink, mail, web
from tests.support import document, ops, run

pytestmark = [pytest.mark.conformance, pytest.mark.real]
ADMINS_KEY = "a-plain-key-that-a-test-gave"
# Dolibarr calls no address of this machine: this one, of no network, is reached through a proxy, our sink
ELSEWHERE = "http://203.0.113.7"
SETTINGS = """
DELETE FROM llx_const WHERE name IN ('MAIN_DISABLE_ALL_MAILS', 'MAIN_MAIL_SMTPS_ID', 'MAIN_MAIL_SMTPS_PW')
  OR name ~ '^MAIN_(PROXY|MAIL_SMTP|MAIL_EMAIL_(TLS|STARTTLS)|MAIL_AUTOCOPY)';
INSERT INTO llx_const (name, entity, value, type) VALUES
  ('MAIN_MAIL_SMTP_SERVER', 1, 'localhost', 'chaine'), ('MAIN_MAIL_SMTP_PORT', 1, '{mail}', 'chaine'),
  ('MAIN_PROXY_USE', 1, '1', 'chaine'), ('MAIN_PROXY_HOST', 1, '127.0.0.1', 'chaine'),
  ('MAIN_PROXY_PORT', 1, '{web}', 'chaine');
DELETE FROM llx_cronjob;
INSERT INTO llx_cronjob (jobtype, label, module_name, libname, methodename, params, unitfrequency, frequency,
    status, entity, test, datestart, datenextrun, datec)
  VALUES ('function', 'Tell the world', 'core', 'geturl.lib.php', 'getURLContent', '{elsewhere}/cron', '60',
    1, 1, 1, '1', now() - interval '1 day', now() - interval '1 day', now());
UPDATE llx_webhook_target SET url = '{elsewhere}/webhook', trigger_codes = 'COMPANY_CREATE', status = 1;
"""
MAIL = """<?php
define('NOSESSION', 1);
chdir(getenv('LAB_HTDOCS'));
require getenv('LAB_HTDOCS').'/master.inc.php';
require_once DOL_DOCUMENT_ROOT.'/core/class/CMailFile.class.php';
require_once DOL_DOCUMENT_ROOT.'/compta/facture/class/facture.class.php';
$invoice = new Facture($db);
$invoice->fetch(100);
$subject = 'Invoice '.$invoice->ref;
$mail = new CMailFile($subject, 'customer@client.example', 'erp@arcodange.example', 'Please pay.');
print $mail->sendfile() ? 'sent' : 'not sent: '.$mail->error;
"""
CRON = "public/cron/cron_run_jobs_by_url.php"


@dataclass
class Outside:
    """A lab whose prod is connected to both sinks."""

    root: Path
    mails: Sink
    calls: Sink
    mailed: str = ""
    ran: str = ""

    def ask(self, role: str, query: str) -> list[tuple[object, ...]]:
        folder = Folder(self.root)
        with access.connected(folder.passwords, folder.state()["database_port"], role, role) as session:
            done = session.execute(query.encode())
            return done.fetchall() if done.description else []

    def php(self, text: str, **variables: str) -> str:
        folder = Folder(self.root)
        script = self.root / "script.php"
        script.write_text(text)
        htdocs = str(folder.dolibarr / "htdocs")
        return php.run(php.require(), folder, script, LAB_HTDOCS=htdocs, **variables)

    def act(self) -> int:
        """Mail an invoice, run the scheduled jobs with the sandbox's own key, and create a third party.

        Returns the status of the last: 23.0.0-beta on PostgreSQL answers 500 after it called a webhook,
        because it closes its own connection to the database.
        """
        self.mails.received.clear()
        self.calls.received.clear()
        self.mailed = self.php(MAIL)
        query = "SELECT value FROM llx_const WHERE name = 'CRON_KEY' ORDER BY entity DESC LIMIT 1"
        ((key,),) = self.ask(access.SANDBOX, query)
        asked = {"securitykey": str(key), "userlogin": "admin"}
        done = requests.get(f"{settings(self.root)['url']}/{CRON}", asked, timeout=60)
        assert done.ok, done.text
        assert "ecuritykey" not in done.text
        self.ran = done.text
        self.ask(access.SANDBOX, f"UPDATE llx_user SET api_key = '{ADMINS_KEY}' WHERE login = 'admin'")
        made = call(self.root, "POST", "/thirdparties", ADMINS_KEY, json={"name": "New", "client": "1"})
        return made.status_code


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory, dolibarr: Path) -> Iterator[Outside]:
    root = ops(tmp_path_factory.mktemp("outside"))
    done = run(root, "lab.up", "--dolibarr", str(dolibarr))
    assert done.returncode == 0, done.stderr
    with mail() as (mail_port, mails), web() as (web_port, calls):
        made = Outside(root, mails, calls)
        made.ask(access.PROD, SETTINGS.format(mail=mail_port, web=web_port, elsewhere=ELSEWHERE))
        yield made
    assert run(root, "lab.down").returncode == 0


def test_without_muting_the_sandbox_mails_runs_jobs_and_calls_webhooks(outside: Outside) -> None:
    done = run(outside.root, "refresh", "--yes", "--json", INVOKE_SANDBOX_REFRESH_NEUTRALIZE="false")
    assert done.returncode == 0, done.stderr
    outside.act()
    assert outside.mailed == "sent"
    assert any("Please pay." in text for text in outside.mails.received)
    assert [line for line in outside.calls.received if "/cron" in line], outside.ran
    assert [line for line in outside.calls.received if "/webhook" in line and "COMPANY_CREATE" in line]


def test_a_refreshed_sandbox_reaches_nobody(outside: Outside) -> None:
    done = run(outside.root, "refresh", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert {"mail", "cron", "webhooks", "payments"} <= {
        rule["rule"] for rule in document(done)["neutralized"] if rule["changed"]
    }
    assert outside.act() == 200
    assert outside.mails.received == []
    assert outside.calls.received == []
    keys = "SELECT name, value FROM llx_const WHERE name ~ '^STRIPE_LIVE' ORDER BY name"
    assert {value for name, value in outside.ask(access.SANDBOX, keys) if name != "STRIPE_LIVE"} == {""}
    assert {value for name, value in outside.ask(access.SANDBOX, keys) if name == "STRIPE_LIVE"} == {"0"}
