"""Settings: every mistake is named together with the file or the variable that made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from invoke.config import Config

from sandbox import collection, settings
from sandbox.errors import UsageError


def load(
    folder: Path,
    name: str = "sandbox",
    yaml: str = "",
    runtime: str = "",
    **defaults: Any,
) -> settings.Settings:
    """Load as `inv` does: collection, project file, environment, `-f` file."""
    (folder / "invoke.yaml").write_text(yaml)
    config = Config(project_location=folder, lazy=True)
    if runtime:
        (folder / "run.yaml").write_text(runtime)
        config.set_runtime_path(folder / "run.yaml")
        config.load_runtime()
    config.load_project()
    config.load_shell_env()
    return settings.load(config, name, base=defaults)


def test_levels_override_each_other_in_invokes_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where: dict[str, Any] = {"yaml": "sandbox: {agent: {login: project}}", "agent": {"login": "collection"}}
    assert load(tmp_path, agent={"login": "collection"}).agent.login == "collection"
    assert load(tmp_path, **where).agent.login == "project"
    monkeypatch.setenv("INVOKE_SANDBOX_AGENT_LOGIN", "variable")
    assert load(tmp_path, **where).agent.login == "variable"
    assert load(tmp_path, runtime="sandbox: {agent: {login: file}}", **where).agent.login == "file"


def test_paths_start_at_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = load(tmp_path)
    assert found.files.key == tmp_path / "test/.ai_agent_sandbox.key"
    assert found.files.credentials == tmp_path / "test/.env.sandbox"
    assert found.files.env == tmp_path / "dolibarr-sandbox-write/.env"
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("ARCO_ROOT", str(other))
    assert load(tmp_path).files.key == other / "test/.ai_agent_sandbox.key"
    monkeypatch.setenv("ARCO_ROOT", str(tmp_path / "missing"))
    with pytest.raises(UsageError, match="ARCO_ROOT names no folder"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("sandbox: {enginee: local}", r"unknown setting sandbox\.enginee \(in .*invoke\.yaml\)"),
        ("sandbox: {agent: {lgoin: x}}", r"unknown setting sandbox\.agent\.lgoin .*did you mean"),
        ("sandbox: {engine: docker}", r"sandbox\.engine must be local or kubernetes; got 'docker' \(in "),
        ("sandbox: {url: erp.example}", r"sandbox\.url must be an http"),
        (
            "sandbox: {url: 'https://user:pw@erp.example'}",
            r"without user, password.*got a text with a password",
        ),
        ("sandbox: {url: 'https://erp.example:port'}", r"sandbox\.url must be an http"),
        (
            "sandbox: {database: {name: d, port: 99999}}",
            r"database\.port must be a whole number from 1 to 65535",
        ),
        ("sandbox: {database: {host: h}}", r"sandbox\.database\.name is not set, though database\.host is"),
        ("sandbox: {database: dolibarr}", r"sandbox\.database must hold host, port"),
        ("sandbox: {refresh: {neutralize: perhaps}}", r"refresh\.neutralize must be true or false"),
        ("sandbox: {agent: {rights: {a: 1}}}", r"sandbox\.agent\.rights must be a list of names"),
        ("sandbox: {timeouts: {read: -1}}", r"timeouts\.read must be a number of seconds above 0"),
        ("sandbox: {refresh: {script: ops/none.sh}}", r"refresh\.script is no file: .*ops/none\.sh \(in "),
        ("sandbox: {postgres: {passwords: none}}", r"postgres\.passwords is no file"),
        ("sandbox: 7", r"sandbox must hold settings"),
    ],
)
def test_a_mistake_in_a_file_is_named(tmp_path: Path, yaml: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, yaml=yaml)
    assert caught.match(f"(?s){message}")
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "INVOKE_SANDBOX_URLL",
            "x",
            r"unknown variable INVOKE_SANDBOX_URLL\n.*did you mean INVOKE_SANDBOX_URL",
        ),
        ("INVOKE_SANDBOX_REFRESH_JOBS", "many", r"refresh\.jobs .* \(variable INVOKE_SANDBOX_REFRESH_JOBS\)"),
    ],
)
def test_a_mistake_in_a_variable_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert caught.match(message)


def test_variables_and_collections_may_give_lists_numbers_and_flags(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = load(tmp_path, agent={"rights": ["societe.lire", "banque.lire"]})
    assert found.agent.rights == ("societe.lire", "banque.lire")
    monkeypatch.setenv("INVOKE_SANDBOX_AGENT_RIGHTS", "facture.lire, banque.lire")
    monkeypatch.setenv("INVOKE_SANDBOX_REFRESH_NEUTRALIZE", "0")
    monkeypatch.setenv("INVOKE_SANDBOX_DATABASE_NAME", "erp")
    monkeypatch.setenv("INVOKE_SANDBOX_DATABASE_PORT", "5433")
    found = load(tmp_path, agent={"rights": ["societe.lire"]})
    assert found.agent.rights == ("facture.lire", "banque.lire")
    assert found.refresh.neutralize is False
    assert found.sandbox.database == settings.Database("erp", port=5433)


def test_an_unknown_default_of_a_collection_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown setting sandbox\.engin \(collection\('sandbox', …\)\)"):
        load(tmp_path, engin="local")


def test_another_sandboxs_variables_are_not_unknown_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVOKE_SANDBOX_TWO_URL", "https://two.example")
    assert load(tmp_path, yaml="sandbox_two: {url: null}").sandbox.url is None


def test_a_name_that_cannot_be_a_key_is_refused() -> None:
    for name in ("Staging", "my-erp", "7", "_x", ""):
        with pytest.raises(UsageError, match="no name for a sandbox"):
            collection(name)
