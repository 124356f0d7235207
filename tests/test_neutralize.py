"""A copy is mute: every row of the table of what a copy does to the outside world, on every entity."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.errors import Failed
from sandbox.lifecycle.neutralize import BANNER
from tests.worlds import PRODS, SCHEMA, World

# constants that prod has, each in two entities, and what they must be afterwards
LOUD = {
    "MAIN_DISABLE_ALL_MAILS": ("0", "1"),
    "MAIN_MAIL_SMTP_SERVER": ("smtp.example", ""),
    "MAIN_MAIL_SMTP_SERVER_EMAILING": ("smtp.example", ""),
    "MAIN_MAIL_SMTPS_ID": ("user", ""),
    "MAIN_MAIL_SMTPS_PW": ("dolcrypt:AES-256-CTR:x", ""),
    "MAIN_MAIL_SMTPS_PW_TICKET": ("secret", ""),
    "MAIN_MAIL_SMTPS_ID_PASSWORDRESET": ("user", ""),
    "MAIN_MAIL_SMTPS_OAUTH_SERVICE": ("GOOGLE", ""),
    "MAIN_MAIL_AUTOCOPY_TO": ("boss@example", ""),
    "MAIN_MAIL_AUTOCOPY_INVOICE_TO": ("boss@example", ""),
    "MAIN_DISABLE_ALL_SMS": ("0", "1"),
    "MAIN_SMS_SENDMODE": ("ovh", ""),
    "MAIN_MODULE_WEBHOOK": ("1", "0"),
    "MAIN_MODULE_ZAPIER": ("1", "0"),
    "NOTIFICATION_FIXEDEMAIL_BILL_VALIDATE_THRESHOLD_HIGHER_0": ("boss@example", ""),
    "STRIPE_LIVE": ("1", "0"),
    "STRIPE_LIVE_SECRET_KEY": ("sk_live", ""),
    "STRIPE_LIVE_WEBHOOK_KEY": ("whsec", ""),
    "PAYPAL_API_SANDBOX": ("", "1"),
    "PAYPAL_API_USER": ("user", ""),
    "PAYPAL_API_SIGNATURE": ("signature", ""),
    "PAYBOX_PBX_SITE": ("1999888", ""),
    "OAUTH_GOOGLE-mail_ID": ("id", ""),
    "OAUTH_GOOGLE-mail_SECRET": ("secret", ""),
    "LDAP_SYNCHRO_ACTIVE": ("dolibarr2ldap", "0"),
    "LDAP_CONTACT_ACTIVE": ("1", "0"),
    "LDAP_MEMBER_ACTIVE": ("1", "0"),
    "ADHERENT_USE_MAILMAN": ("1", "0"),
    "ADHERENT_USE_SPIP": ("1", "0"),
    "TICKET_ENABLE_PUBLIC_INTERFACE": ("1", "0"),
    "MEMBER_ENABLE_PUBLIC": ("1", "0"),
    "PARTNERSHIP_ENABLE_PUBLIC": ("1", "0"),
    "DONATION_ENABLE_PUBLIC": ("1", "0"),
    "RECRUITMENT_ENABLE_PUBLIC_INTERFACE": ("1", "0"),
    "PROJECT_ENABLE_PUBLIC": ("1", "0"),
    "FTP_SERVER_1": ("ftp.example", ""),
    "FTP_PASSWORD_1": ("secret", ""),
    "CLICKTODIAL_URL": ("https://pbx.example", ""),
    "PRINTING_PRINTIPP": ("1", "0"),
    "AI_API_CHATGPT_KEY": ("sk", ""),
    "WEBSERVICES_KEY": ("secret", ""),
    "EXTERNAL_RSS_URLRSS_1": ("https://rss.example", ""),
    "EINVOICING_LIVE": ("1", "0"),
    "EINVOICING_AUTO_SEND_ON_GENERATION": ("1", "0"),
    "EINVOICING_SEND_APPROVED_ON_VALIDATION": ("1", "0"),
    "EINVOICING_SEND_PAYMENT_SENT_STATUS": ("1", "0"),
    "EINVOICING_PRECHECK_DIRECTORY": ("1", "0"),
    "EINVOICING_AP_PRECHECK": ("auto", ""),
    "EINVOICING_SUPERPDP_CLIENT_SECRET_PROD": ("s", ""),
    "EINVOICING_SUPERPDP_CLIENT_ID": ("id", ""),
    "EINVOICING_ESALINK_PASSWORD_PROD": ("s", ""),
    "EINVOICING_ESALINK_API_KEY": ("k", ""),
    "EINVOICING_SUPERPDP_PROD_TOKEN": ("t", ""),
    "EINVOICING_SUPERPDP_PROD_REFRESH": ("t", ""),
    "MAIN_FIRST_PING_OK_ID": ("9f86d08", "disabled"),
    "MAIN_FIRST_PING_OK_DATE": ("", "20000101000000"),
    "MAIN_APPLICATION_TITLE": ("Acme ERP", "SANDBOX"),
    # what must not be touched
    "MAIN_MAIL_EMAIL_FROM": ("erp@example", "erp@example"),
    "STRIPE_TEST_SECRET_KEY": ("sk_test", "sk_test"),
    "MAIN_MODULE_API": ("1", "1"),
    "EINVOICING_PDP": ("SUPERPDP", "SUPERPDP"),
    "EINVOICING_LAST_IMPORT_KEY": ("20260101", "20260101"),
    "MAIN_INFO_SOCIETE_NOM": ('Acme\'s \\ "shop"', 'Acme\'s \\ "shop"'),
}
ADDED = {  # at entity 0, where prod had none
    "MAIN_DISABLE_ALL_MAILS": "1",
    "MAIN_DISABLE_ALL_SMS": "1",
    "STRIPE_LIVE": "0",
    "PAYPAL_API_SANDBOX": "1",
    "MAIN_FIRST_PING_OK_ID": "disabled",
    "MAIN_FIRST_PING_OK_DATE": "20000101000000",
    "MAIN_APPLICATION_TITLE": "SANDBOX",
}
TABLES = """
CREATE TABLE llx_mailing (rowid serial PRIMARY KEY, statut smallint);
CREATE TABLE llx_cronjob (rowid serial PRIMARY KEY, status integer NOT NULL DEFAULT 0);
CREATE TABLE llx_webhook_target (rowid serial PRIMARY KEY, url text, status integer);
CREATE TABLE llx_zapier_hook (rowid serial PRIMARY KEY, url text);
CREATE TABLE llx_notify_def (rowid serial PRIMARY KEY, email text);
CREATE TABLE llx_oauth_token (rowid serial PRIMARY KEY, service varchar(36), tokenstring text);
CREATE TABLE llx_oauth_state (rowid serial PRIMARY KEY, state text);
CREATE TABLE llx_emailcollector_emailcollector (rowid serial PRIMARY KEY, host varchar(255),
  login varchar(128), status integer NOT NULL);
INSERT INTO llx_mailing (statut) VALUES (0), (2), (NULL);
INSERT INTO llx_cronjob (status) VALUES (1), (0);
INSERT INTO llx_webhook_target (url, status) VALUES ('https://hook.example', 1), ('https://hook.example', 0);
INSERT INTO llx_zapier_hook (url) VALUES ('https://hook.example');
INSERT INTO llx_notify_def (email) VALUES ('boss@example');
INSERT INTO llx_oauth_token (service, tokenstring) VALUES ('GOOGLE', 'ya29');
INSERT INTO llx_oauth_state (state) VALUES ('x');
INSERT INTO llx_emailcollector_emailcollector (host, login, status) VALUES ('imap.example', 'erp', 1);
"""


@pytest.fixture(scope="module")
def shared(lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(lab_root, tmp_path_factory.mktemp("loud")).make(prods=SCHEMA + PRODS + TABLES)
    with made.session(made.prod) as session:
        for name, (loud, _) in LOUD.items():
            for entity in (1, 2):
                session.execute(
                    "INSERT INTO llx_const (name, entity, value) VALUES (%s, %s, %s)", [name, entity, loud]
                )
        session.execute(
            "INSERT INTO llx_const (name, entity, value) VALUES ('CRON_KEY', 1, 'prods-cron-key')"
        )
        session.execute(
            "INSERT INTO llx_const (name, value) VALUES ('MAIN_HTML_HEADER', '<meta name=\"mine\">')"
        )
    yield made
    made.drop()


@pytest.fixture
def world(shared: World) -> World:
    shared.overlay = {}
    return shared


def constants(world: World) -> dict[tuple[str, int], str]:
    rows = world.rows(world.sandbox, "SELECT name, entity, value FROM llx_const")
    return {(name, entity): value for name, entity, value in rows}


@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_every_rule_holds_on_every_entity(world: World, strategy: str) -> None:
    world.overlay = {"refresh": {"strategy": strategy}}
    report = world.refresh(db_only=True)
    found = constants(world)
    wrong = {
        (name, e): found[name, e]
        for name, (_, mute) in LOUD.items()
        for e in (1, 2)
        if found[name, e] != mute
    }
    assert wrong == {}
    assert {name: found[name, 0] for name in ADDED} == ADDED
    mark = f'<meta name="dolibarr-sandbox" content="{report.run}">'
    assert found["MAIN_HTML_HEADER", 0] == f"{mark}{BANNER}"
    assert found["MAIN_HTML_HEADER", 1] == f'{mark}<meta name="mine">{BANNER}'
    assert found["DOLIBARR_SANDBOX", 0] == report.run
    keys = {found["CRON_KEY", 0], found["CRON_KEY", 1], "prods-cron-key"}
    assert len(keys) == 3
    for table in ("webhook_target", "zapier_hook", "notify_def", "oauth_token", "oauth_state"):
        assert world.rows(world.sandbox, f"SELECT count(*) FROM llx_{table}") == [(0,)]
    assert world.rows(world.sandbox, "SELECT DISTINCT statut FROM llx_mailing") == [(0,)]
    assert world.rows(world.sandbox, "SELECT DISTINCT status FROM llx_cronjob") == [(0,)]
    collector = "SELECT host, login, status FROM llx_emailcollector_emailcollector"
    assert world.rows(world.sandbox, collector) == [("", "", 0)]
    assert world.rows(world.sandbox, "SELECT count(*) FROM llx_user WHERE api_key IS NOT NULL") == [(0,)]
    counts = {item["rule"]: item["changed"] for item in report.neutralized}
    assert counts["API keys"] == 1
    assert counts["webhooks"] == 7  # two targets, one Zap, two modules in two entities
    # this Dolibarr's collectors have no password column
    assert report.skipped == ("public.llx_emailcollector_emailcollector.password",)


def test_muting_twice_changes_nothing_more(world: World) -> None:
    world.refresh(db_only=True)
    first = constants(world)
    world.refresh(db_only=True)
    moving = {("DOLIBARR_SANDBOX", 0), ("CRON_KEY", 0), ("CRON_KEY", 1)}
    second = constants(world)
    old, new = (of["DOLIBARR_SANDBOX", 0] for of in (first, second))
    assert {key: second[key] for key in second if key not in moving} == {
        key: first[key].replace(old, new) for key in first if key not in moving
    }
    assert second["MAIN_HTML_HEADER", 1].count(new) == 1


def test_keys_go_even_when_nothing_else_is_muted(world: World) -> None:
    world.overlay = {"refresh": {"neutralize": False}}
    report = world.refresh(db_only=True)
    assert [item["rule"] for item in report.neutralized] == ["API keys"]
    assert world.rows(world.sandbox, "SELECT count(*) FROM llx_user WHERE api_key IS NOT NULL") == [(0,)]
    assert constants(world)["STRIPE_LIVE_SECRET_KEY", 1] == "sk_live"
    assert constants(world)["DOLIBARR_SANDBOX", 0] == report.run
    mark = f'<meta name="dolibarr-sandbox" content="{report.run}">'
    headers = {
        entity: value for (name, entity), value in constants(world).items() if name == "MAIN_HTML_HEADER"
    }
    assert headers == {0: mark, 1: f'{mark}<meta name="mine">'}
    # Dolibarr 23 can keep the keys among the tokens
    assert world.rows(world.sandbox, "SELECT count(*) FROM llx_oauth_token") == [(1,)]
    world.rows(world.prod, "INSERT INTO llx_const (name, value) VALUES ('API_IN_TOKEN_TABLE', '1')")
    world.refresh(db_only=True)
    assert world.rows(world.sandbox, "SELECT count(*) FROM llx_oauth_token") == [(0,)]
    world.rows(world.prod, "DELETE FROM llx_const WHERE name = 'API_IN_TOKEN_TABLE'")


@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_a_rule_that_fails_stops_the_refresh_before_the_copy_is_visible(world: World, strategy: str) -> None:
    world.overlay = {"refresh": {"strategy": strategy}}
    forbid = "ALTER TABLE llx_cronjob ADD CONSTRAINT loud CHECK (status <> 0) NOT VALID"
    world.rows(world.prod, forbid)
    before = world.dump(world.sandbox)
    with pytest.raises(Failed, match=r"rule 'cron' on public.llx_cronjob: .*\"loud\"") as raised:
        world.refresh()
    assert "public.llx_cronjob" in raised.value.next_step
    assert world.dump(world.sandbox) == before
    assert world.leftovers() == []
    world.rows(world.prod, "ALTER TABLE llx_cronjob DROP CONSTRAINT loud")
