"""What a copy of prod must not do to the outside world, as rules and as the SQL that enforces them.

The SQL runs before the copy is visible: beside the live database, or inside the transaction that replaces
it. A table or column that this Dolibarr does not have is skipped and reported; anything else that fails
stops the refresh.
"""
# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal, or %I and %L

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.errors import Failed
from sandbox.lifecycle import mark, triggers
from sandbox.lifecycle.programs import sql
from sandbox.postgres import literal

MARK = mark.NAME  # this constant makes a database a sandbox; its value is the run that made it
BANNER = (
    "<style>/* dolibarr-sandbox */ body:before{content:'SANDBOX, not production';display:block;"
    "position:sticky;top:0;z-index:99999;padding:2px;text-align:center;font-weight:bold;"
    "background:#b30000;color:#fff}</style>"
)
_SIGN = "/* dolibarr-sandbox */"  # in the banner: it is there already
_CONST = "public.llx_const"
_CONST_COLUMNS = ("name", "entity", "value")


@dataclass(frozen=True)
class Rule:
    """One statement against one table, guarded by the columns that it needs."""

    name: str
    table: str
    columns: tuple[str, ...]
    statement: str


def switched(name: str, constant: str, value: str) -> tuple[Rule, Rule]:
    """Give a constant this value in every entity, and in entity 0, which all entities fall back to."""
    update = (
        f"UPDATE {_CONST} SET value = {literal(value)}"
        f" WHERE name = {literal(constant)} AND value IS DISTINCT FROM {literal(value)}"
    )
    return Rule(name, _CONST, _CONST_COLUMNS, update), _inserted(name, constant, literal(value))


def _inserted(name: str, constant: str, value: str) -> Rule:
    insert = (
        f"INSERT INTO {_CONST} (name, entity, value, type, visible)"
        f" SELECT {literal(constant)}, 0, {value}, 'chaine', 0"
        f" WHERE NOT EXISTS (SELECT FROM {_CONST} WHERE name = {literal(constant)} AND entity = 0)"
    )
    return Rule(name, _CONST, (*_CONST_COLUMNS, "type", "visible"), insert)


def _off(name: str, *constants: str) -> Rule:
    """Set constants that are there to 0, in every entity; one that is absent is off already."""
    names = ", ".join(map(literal, constants))
    update = f"UPDATE {_CONST} SET value = '0' WHERE name IN ({names}) AND value IS DISTINCT FROM '0'"
    return Rule(name, _CONST, _CONST_COLUMNS, update)


def _blank(name: str, pattern: str) -> Rule:
    """Empty every constant whose name matches, in every entity."""
    update = f"UPDATE {_CONST} SET value = '' WHERE name ~ {literal(pattern)} AND value <> ''"
    return Rule(name, _CONST, _CONST_COLUMNS, update)


def _emptied(name: str, *tables: str) -> tuple[Rule, ...]:
    return tuple(Rule(name, f"public.{table}", (), f"DELETE FROM public.{table}") for table in tables)


def _stopped(name: str, table: str, column: str) -> Rule:
    statement = f"UPDATE public.{table} SET {column} = 0 WHERE {column} IS DISTINCT FROM 0"
    return Rule(name, f"public.{table}", (column,), statement)


def _erased(name: str, table: str, *columns: str) -> tuple[Rule, ...]:
    """Empty columns one by one: versions differ in which they have."""
    return tuple(
        Rule(
            name,
            f"public.{table}",
            (column,),
            f"UPDATE public.{table} SET {column} = '' WHERE {column} <> ''",
        )
        for column in columns
    )


_RANDOM = "md5(random()::text || clock_timestamp()::text || random()::text)"
_TWINS = "(_EMAILING|_TICKET|_PASSWORDRESET)?"

RULES: tuple[Rule, ...] = (
    *switched("mail", "MAIN_DISABLE_ALL_MAILS", "1"),
    _blank("mail", f"^MAIN_MAIL_(SMTP_SERVER|SMTPS_ID|SMTPS_PW|SMTPS_OAUTH_SERVICE){_TWINS}$"),
    _blank("mail", "^MAIN_MAIL_AUTOCOPY_"),
    _stopped("mail", "llx_mailing", "statut"),
    *switched("SMS", "MAIN_DISABLE_ALL_SMS", "1"),
    _blank("SMS", "^MAIN_SMS_SENDMODE$"),
    _stopped("cron", "llx_cronjob", "status"),
    Rule("cron", _CONST, _CONST_COLUMNS, f"UPDATE {_CONST} SET value = {_RANDOM} WHERE name = 'CRON_KEY'"),
    _inserted("cron", "CRON_KEY", _RANDOM),
    *_emptied("webhooks", "llx_webhook_target", "llx_zapier_hook"),
    _off("webhooks", "MAIN_MODULE_WEBHOOK", "MAIN_MODULE_ZAPIER"),
    *_emptied("notifications", "llx_notify_def"),
    _blank("notifications", "^NOTIFICATION_FIXEDEMAIL_"),
    *switched("payments", "STRIPE_LIVE", "0"),
    _blank("payments", "^STRIPE_LIVE_"),
    *switched("payments", "PAYPAL_API_SANDBOX", "1"),  # empty or absent means live
    _blank("payments", "^PAYPAL_API_(?!SANDBOX$)"),
    _blank("payments", "^PAYBOX_"),
    # a platform's test account is reached, too, while its credentials stand
    _off("e-invoicing", "EINVOICING_LIVE", "EINVOICING_AUTO_SEND_ON_GENERATION"),
    _off("e-invoicing", "EINVOICING_SEND_APPROVED_ON_VALIDATION", "EINVOICING_SEND_PAYMENT_SENT_STATUS"),
    _off("e-invoicing", "EINVOICING_PRECHECK_DIRECTORY"),
    _blank(
        "e-invoicing", "^EINVOICING_(.*_)?(CLIENT_ID|USERNAME|PASSWORD|SECRET|API_KEY|TOKEN|REFRESH)(_|$)"
    ),
    _blank("e-invoicing", "^EINVOICING_AP_PRECHECK$"),
    *_emptied("OAuth", "llx_oauth_token", "llx_oauth_state"),
    _blank("OAuth", "^OAUTH_.*_(ID|SECRET)$"),
    _stopped("collectors", "llx_emailcollector_emailcollector", "status"),
    *_erased("collectors", "llx_emailcollector_emailcollector", "host", "login", "password"),
    _off("directories and lists", "LDAP_SYNCHRO_ACTIVE", "LDAP_CONTACT_ACTIVE", "LDAP_MEMBER_ACTIVE"),
    _off("directories and lists", "ADHERENT_USE_MAILMAN", "ADHERENT_USE_SPIP"),
    _off("public pages", "TICKET_ENABLE_PUBLIC_INTERFACE", "MEMBER_ENABLE_PUBLIC"),
    _off("public pages", "PARTNERSHIP_ENABLE_PUBLIC", "DONATION_ENABLE_PUBLIC"),
    _off("public pages", "RECRUITMENT_ENABLE_PUBLIC_INTERFACE", "PROJECT_ENABLE_PUBLIC"),
    _blank("other services", "^FTP_(SERVER|PASSWORD)_[0-9]+$"),
    _blank("other services", "^(CLICKTODIAL_URL|WEBSERVICES_KEY)$"),
    _blank("other services", "^(AI_API_|EXTERNAL_RSS_URLRSS_)"),
    _off("other services", "PRINTING_PRINTIPP"),
    *switched("telemetry", "MAIN_FIRST_PING_OK_ID", "disabled"),
    Rule(
        "telemetry",
        _CONST,
        _CONST_COLUMNS,
        f"UPDATE {_CONST} SET value = '20000101000000'"
        " WHERE name = 'MAIN_FIRST_PING_OK_DATE' AND coalesce(value, '') = ''",
    ),
    _inserted("telemetry", "MAIN_FIRST_PING_OK_DATE", "'20000101000000'"),
    Rule(
        "banner",
        _CONST,
        _CONST_COLUMNS,
        f"UPDATE {_CONST} SET value = concat(value, {literal(BANNER)})"
        f" WHERE name = 'MAIN_HTML_HEADER' AND coalesce(value, '') NOT LIKE '%{_SIGN}%'",
    ),
    _inserted("banner", "MAIN_HTML_HEADER", literal(BANNER)),
    *switched("banner", "MAIN_APPLICATION_TITLE", "SANDBOX"),
)

# these run whatever `refresh.neutralize` says
KEYS: tuple[Rule, ...] = (
    Rule(
        "API keys",
        "public.llx_user",
        ("api_key",),
        "UPDATE public.llx_user SET api_key = NULL WHERE api_key IS NOT NULL",
    ),
    # Dolibarr 23 keeps the keys there when API_IN_TOKEN_TABLE is set; to tell them from others is not safe
    Rule(
        "API keys",
        "public.llx_oauth_token",
        (),
        "DELETE FROM public.llx_oauth_token WHERE EXISTS (SELECT FROM public.llx_const"
        " WHERE name = 'API_IN_TOKEN_TABLE' AND coalesce(value, '') NOT IN ('', '0'))",
    ),
)

TABLES = tuple(sorted({rule.table for rule in (*KEYS, *RULES)}))  # all that may be changed

_UNDONE = "could not apply the rule "
_SETUP = f"""
SET search_path = pg_catalog;
SET client_encoding = 'UTF8';
CREATE TEMP TABLE dolibarr_sandbox_muted (place serial, rule text, changed bigint, skipped text);
CREATE FUNCTION pg_temp.dolibarr_sandbox_mute(rule text, relation text, needed text[], statement text)
RETURNS void LANGUAGE plpgsql AS $mute$
DECLARE
  missing text;
  changed bigint;
BEGIN
  IF to_regclass(relation) IS NULL THEN
    missing := relation;
  ELSE
    SELECT string_agg(format('%s.%s', relation, n), ', ') INTO missing FROM unnest(needed) n
     WHERE NOT EXISTS (SELECT FROM pg_attribute
                        WHERE attrelid = to_regclass(relation) AND attname = n AND NOT attisdropped);
  END IF;
  IF missing IS NULL THEN
    BEGIN
      EXECUTE statement;
      GET DIAGNOSTICS changed = ROW_COUNT;
    EXCEPTION WHEN others THEN
      RAISE EXCEPTION '{_UNDONE}% on %: %', rule, relation, SQLERRM;
    END;
  END IF;
  INSERT INTO pg_temp.dolibarr_sandbox_muted (rule, changed, skipped) VALUES (rule, changed, missing);
END
$mute$;
"""

_TELL = """
SELECT json_build_object('neutralized', json_agg(json_build_object(
         'rule', rule, 'changed', changed, 'skipped', skipped) ORDER BY first))
  FROM (SELECT rule, min(place) AS first, coalesce(sum(changed), 0) AS changed,
               coalesce(json_agg(DISTINCT skipped) FILTER (WHERE skipped IS NOT NULL), '[]') AS skipped
          FROM pg_temp.dolibarr_sandbox_muted GROUP BY rule) r;
"""


def script(run: str, *, everything: bool) -> str:
    """SQL for psql that mutes a copy, marks it as a sandbox and tells what it changed.

    It has no BEGIN and no COMMIT. Before the COMMIT must come `triggers.ON`: what prod's triggers and rules
    would do with old values, such as writing them into another table, must not be done here.

    Args:
        run: the run's id, which becomes the mark's value.
        everything: False leaves all but the API keys as they are in prod.
    """
    rules: Iterable[Rule] = (*KEYS, *(RULES if everything else ()))
    calls = "".join(_call(rule) for rule in rules)
    # unguarded: what carries no mark must never be taken for a finished sandbox
    return f"{triggers.off(TABLES)}{_SETUP}{calls}{mark.written(run)}{sql('renewed')}{_TELL}"


def refused(said: str) -> Failed | None:
    """Why a copy could not be muted, if that is what a program said; it names the rule and the table."""
    found = re.search(rf"{_UNDONE}(?P<rule>.+?) on (?P<table>public\.\w+): (?P<why>.*)", said)
    if found is None:
        return None
    return Failed(
        f"the copy could not be neutralized, and was thrown away: rule {found['rule']!r} on {found['table']}:"
        f" {found['why']}",
        f"let prod's table allow it (a constraint of its own? see psql's \\d {found['table']}), then:"
        " inv refresh --yes",
    )


def _call(rule: Rule) -> str:
    columns = literal(f"{{{','.join(json.dumps(name) for name in rule.columns)}}}")
    words = (literal(rule.name), literal(rule.table), columns, literal(rule.statement))
    return f"SELECT pg_temp.dolibarr_sandbox_mute({', '.join(words)});\n"
