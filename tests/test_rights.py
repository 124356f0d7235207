"""Rights by name: checked, found among what a page offers, and explained when they are not there."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.dolibarr import rights
from sandbox.dolibarr.rights import Right
from sandbox.errors import Failed, UsageError
from sandbox.schema import DEFAULT_RIGHTS

OFFERED = [
    Right("banque.lire", 111, granted=True),
    Right("banque.modifier", 112, granted=False),
    Right("facture.lire", 11, granted=False),
    Right("facture.creer", 12, granted=False),
    Right("fournisseur.facture.lire", 1231, granted=False),
]
part = st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True)
name = st.lists(part, min_size=2, max_size=3).map(".".join)


def test_the_default_rights_hold_nothing_administrative() -> None:
    assert rights.checked(DEFAULT_RIGHTS) == DEFAULT_RIGHTS


@given(st.text())
def test_a_name_is_taken_as_it_is_or_refused(text: str) -> None:
    with suppress(UsageError):
        assert rights.checked([text]) == (text,)


@given(st.lists(name, unique=True))
def test_every_offered_right_is_found_under_its_own_name(names: list[str]) -> None:
    offered = [Right(each, number, granted=False) for number, each in enumerate(names)]
    assert list(rights.resolved(names, offered).values()) == offered


def test_a_right_named_twice_is_granted_once() -> None:
    assert rights.checked(["banque.lire", "facture.lire", "banque.lire"]) == ("banque.lire", "facture.lire")


@pytest.mark.parametrize("text", ["banque", "banque->lire", "a.b.c.d", "banque lire", "", "banque.", "111"])
def test_what_has_not_the_form_of_a_right_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"module\.perm"):
        rights.checked([text])


@pytest.mark.parametrize(
    "administrative",
    [
        "user.user.creer",
        "user.user.supprimer",
        "user.user.password",
        "user.group_advance.write",
        "user.user_advance.write",
        "user.self_advance.writeperms",
        "api.apikey.generate",
        "modulebuilder.run",
        "cron.create",
    ],
)
def test_a_right_that_makes_an_administrator_is_refused(administrative: str) -> None:
    with pytest.raises(UsageError, match=administrative) as caught:
        rights.checked(["banque.lire", administrative])
    assert "agent.rights" in caught.value.next_step


@pytest.mark.parametrize("harmless", ["user.self.creer", "user.user.lire", "cron.read", "user.self.password"])
def test_a_right_that_only_reads_or_is_the_agents_own_is_taken(harmless: str) -> None:
    assert rights.checked([harmless]) == (harmless,)


def test_rights_that_are_not_there_are_all_named_in_one_error() -> None:
    wanted = [
        "banque.lier",
        "agenda.myactions.read",
        "projet.lire",
        "facture.lire",
        "factures.creer",
        "own.x",
    ]
    with pytest.raises(Failed) as caught:
        rights.resolved(wanted, OFFERED)
    said = caught.value.what
    assert "module Events/Agenda (agenda) is off, so agenda.myactions.read cannot be granted" in said
    assert "module Projects or Leads (projet) is off" in said
    assert "banque.lier (did you mean banque.lire" in said
    assert "factures.creer (did you mean facture.creer" in said
    assert "module own is off or does not exist" in said
    assert "facture.lire (" not in said
    assert "Home > Setup > Modules" in caught.value.next_step


def test_a_right_far_from_any_is_answered_with_its_modules_rights() -> None:
    with pytest.raises(Failed, match=r"banque\.xyzzy \(known there: banque\.lire, banque\.modifier\)"):
        rights.resolved(["banque.xyzzy"], OFFERED)


def test_an_advanced_right_names_the_setting_that_shows_it() -> None:
    with pytest.raises(Failed, match="MAIN_USE_ADVANCED_PERMS"):
        rights.resolved(["facture.invoice_advance.validate"], OFFERED)
