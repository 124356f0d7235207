"""Provision against an ERP (see desk.py): it arms the agent, and converges from any state."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from threading import Thread

import pytest

from sandbox import envfile
from sandbox.errors import Refused
from sandbox.lifecycle.provision import ProvisionReport
from tests.provision.desk import RIGHTS, Desk
from tests.provision.proxy import Answered, Asked, Proxy
from tests.support import slow_but

pytestmark = pytest.mark.usefixtures("one_browser")

INSERT_USER = """INSERT INTO llx_user (login, lastname, admin, employee, entity, statut, datec)
  VALUES (%s, %s, %s, 0, 1, 1, now())"""


def test_provision_arms_an_agent_that_was_not_there(desk: Desk, agent: str) -> None:
    report = desk.provision(agent)
    assert report == ProvisionReport(
        agent,
        report.user_id,
        str(desk.folder / "test/.ai_agent_sandbox.key"),
        created=True,
        rights_granted=RIGHTS,
        version=report.version,
        seconds=report.seconds,
        proven=report.proven,
        proven_why=report.proven_why,
    )
    assert desk.key is not None
    assert 40 <= len(desk.key) <= 66
    who = desk.erp.whoami(desk.key)
    assert (who.login, who.user_id, who.admin) == (agent, report.user_id, False)
    assert set(who.rights) == set(RIGHTS)
    assert stat.S_IMODE(Path(report.key_file).stat().st_mode) == 0o600
    assert desk.relinked == 1
    assert desk.key not in json.dumps(asdict(report)) + "".join(desk.said)
    assert desk.kept() == []


def test_provision_again_puts_a_changed_agent_right(desk: Desk, agent: str) -> None:
    number = desk.provision(agent).user_id
    old, execute = desk.key, desk.erp.execute
    execute("UPDATE llx_user SET statut = 0 WHERE rowid = %s", number)
    execute("DELETE FROM llx_user_rights WHERE fk_user = %s AND fk_id IN (111, 122)", number)
    execute("INSERT INTO llx_user_rights (entity, fk_user, fk_id) VALUES (1, %s, 32)", number)  # a person did
    group = f"group of {agent}"
    execute("INSERT INTO llx_usergroup (nom, entity, datec) VALUES (%s, 1, now())", group)
    for table, column, value in (("user", "fk_user", number), ("rights", "fk_id", 111)):
        execute(
            f"INSERT INTO llx_usergroup_{table} (entity, fk_usergroup, {column})"
            " SELECT 1, rowid, %s FROM llx_usergroup WHERE nom = %s",
            value,
            group,
        )
    report = desk.provision(agent)
    assert (report.created, report.enabled, report.user_id) == (False, True, number)
    assert report.rights_granted == ("societe.creer",)
    assert set(report.rights_present) == set(RIGHTS) - {"societe.creer"}
    assert desk.erp.whoami(old).login is None
    assert set(desk.erp.whoami(desk.key).rights) == {*RIGHTS, "produit.creer"}
    own = execute("SELECT fk_id FROM llx_user_rights WHERE fk_user = %s ORDER BY 1", number)
    assert 111 not in [row[0] for row in own]


def test_an_administrator_is_refused_as_agent(desk: Desk, agent: str) -> None:
    envfile.write_secret(desk.folder / "test/.ai_agent_sandbox.key", "old")
    desk.erp.execute(INSERT_USER, agent, agent, 1)
    with pytest.raises(Refused, match="is an administrator"):
        desk.provision(agent)
    with pytest.raises(Refused, match="administrator's own login"):
        desk.provision(desk.erp.login)
    assert desk.key == "old"
    assert desk.relinked == 0


def test_a_login_that_begins_alike_is_another_user(desk: Desk, agent: str) -> None:
    desk.erp.execute(INSERT_USER, f"{agent}_old", agent, 0)
    assert desk.provision(agent).created
    assert desk.erp.whoami(desk.key).login == agent


def test_any_language_will_do(desk: Desk, agent: str) -> None:
    with desk.erp.constant("MAIN_LANG_DEFAULT", "fr_FR"):
        assert desk.provision(agent).created


def test_a_dry_run_asks_and_writes_nothing(desk: Desk, proxy: Proxy, agent: str) -> None:
    files = sorted(desk.folder.rglob("*"))
    report = desk.provision(agent, dry=True, url=proxy.url, headless=False)
    assert report.dry
    assert any("would" in line for line in desk.said)
    assert proxy.asked == []
    assert sorted(desk.folder.rglob("*")) == files
    assert desk.relinked == 0


@pytest.mark.slow
def test_sessions_that_end_under_way_cost_a_login_each(desk: Desk, proxy: Proxy, agent: str) -> None:
    left = [
        ("GET", "/user/list.php", ""),
        ("POST", "/user/card.php", "add"),
        ("GET", "/user/perms.php", "addrights"),
        ("POST", "/user/card.php", "update"),
    ]

    def forget(asked: Asked) -> Asked | None:
        if not left or (asked.method, asked.path, asked.action) != left[0]:
            return None
        left.pop(0)
        headers = {name: value for name, value in asked.headers.items() if name != "Cookie"}
        # a new session has another token: what was posted is dropped, and the login form comes
        return Asked("GET", asked.path, {}, headers, b"")

    proxy.before = forget
    assert desk.provision(agent, url=proxy.url).user_id is not None
    assert left == []
    assert desk.erp.whoami(desk.key).login == agent


@pytest.mark.slow
def test_slow_pages_are_waited_for(desk: Desk, proxy: Proxy, agent: str) -> None:
    slow = {("GET", "/user/list.php"), ("POST", "/user/card.php")}

    def slowly(asked: Asked) -> None:
        if (asked.method, asked.path) in slow:
            slow.remove((asked.method, asked.path))
            time.sleep(2.5)

    proxy.before = slowly
    assert desk.provision(agent, url=proxy.url).created
    assert slow == set()


@pytest.mark.slow
def test_a_second_administrator_may_provision_another_agent_meanwhile(
    desk: Desk, agent: str, tmp_path: Path
) -> None:
    other = Desk(desk.erp, tmp_path / "other")
    other.folder.mkdir()
    other.write_credentials()
    thread = Thread(target=other.provision, args=(f"{agent}_2",))
    thread.start()
    desk.provision(agent)
    thread.join()
    assert [desk.erp.whoami(each.key).login for each in (desk, other)] == [agent, f"{agent}_2"]


@pytest.mark.parametrize("action", slow_but((), ["addrights", "update"]))
def test_a_killed_provision_leaves_a_state_from_which_the_next_one_arms(
    desk: Desk, proxy: Proxy, agent: str, action: str
) -> None:
    running: list[subprocess.Popen[bytes]] = []

    def kill(asked: Asked) -> Answered | None:
        if asked.action == action and running:
            running.pop().kill()
        return None

    desk.write_tasks(agent, proxy.url)
    words = [sys.executable, "-m", "invoke", "provision", "--headless"]
    process = subprocess.Popen(words, cwd=desk.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.append(process)
    proxy.before = kill
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert desk.key is None
    report = desk.provision(agent)
    assert set(report.rights_granted) | set(report.rights_present) == set(RIGHTS)
    assert desk.erp.whoami(desk.key).login == agent
