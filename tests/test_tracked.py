"""Whether git tracks the file that a secret is really written into, whatever repository that lies in."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox import envfile
from sandbox.errors import Refused

SECRET = "KEY=new\n"
ODD = (":(exclude).env", ":!.env", "*", "[x]", "-n", "two words", "é", 'a"b', "a\nb", "\\")


def git(folder: Path, *words: str) -> None:
    mine = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", *mine, *words], cwd=folder, env=kept, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that tracks .env and not key."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    for name in (".env", "key"):
        (folder / name).write_text("KEY=old\n")
    git(folder, "add", ".env")
    git(folder, "commit", "-qm", "one")
    return folder


def refused(path: Path) -> str:
    """The refusal to write there, by which nothing changes."""
    before = path.read_text() if path.exists() else None
    with pytest.raises(Refused) as caught:
        envfile.write_secret(path, SECRET)
    assert (path.read_text() if path.exists() else None) == before
    assert caught.value.next_step
    return caught.value.what


def accepted(path: Path) -> None:
    envfile.write_secret(path, SECRET)
    assert path.read_text() == SECRET


def judged(repository: Path, tracked: str = ".env", untracked: str = "key") -> None:
    assert "is tracked by git" in refused(repository / tracked)
    accepted(repository / untracked)


def test_the_file_that_a_link_leads_to_counts(repository: Path, tmp_path: Path) -> None:
    link = tmp_path / ".env"
    link.symlink_to("repository/.env")
    assert f"{link}, which is {repository / '.env'}, is tracked" in refused(link)
    folder = tmp_path / "folder"
    folder.symlink_to(repository)
    assert "is tracked" in refused(folder / ".env")
    # the other way round, a link that git tracks leads to a file that it does not
    (tmp_path / "outside").touch()
    (repository / "link").symlink_to("../outside")
    git(repository, "add", "link")
    accepted(repository / "link")


def test_the_next_step_of_a_tracked_file_works_as_it_is_written(repository: Path) -> None:
    with pytest.raises(Refused) as caught:
        envfile.write_secret(repository / ".env", SECRET)
    command = caught.value.next_step.removeprefix("run: ").partition(";")[0]
    subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True)
    accepted(repository / ".env")


def test_what_the_index_has_counts_when_the_folder_is_gone(repository: Path) -> None:
    (repository / "write").mkdir()
    (repository / "write/.env").touch()
    git(repository, "add", "write/.env")
    shutil.rmtree(repository / "write")
    assert "is tracked" in refused(repository / "write/.env")
    accepted(repository / "other/.env")


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's repository: run the tests as root")
def test_a_repository_of_another_user_is_asked_too(repository: Path) -> None:
    for path in (repository, *repository.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    judged(repository)


def test_git_s_own_variables_do_not_count(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    for name, value in {
        "GIT_DIR": empty / ".git",
        "GIT_WORK_TREE": empty,
        "GIT_INDEX_FILE": empty / "no-index",
        "GIT_CEILING_DIRECTORIES": tmp_path,
        "GIT_CONFIG_COUNT": "not a number",
    }.items():
        monkeypatch.setenv(name, str(value))
        judged(repository)
    judged(repository)


def test_without_git_only_what_lies_in_no_repository_is_accepted(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in (".env", "key"):
        assert "git is not installed" in refused(repository / name)
    accepted(tmp_path / "elsewhere")
    (tmp_path / "git").write_text("#!/bin/sh\necho no such luck >&2; exit 3\n")
    (tmp_path / "git").chmod(0o755)
    assert refused(repository / "key").endswith("no such luck")


@pytest.mark.parametrize("broken", ["empty folder", "file of nothing", "link to nowhere", "no HEAD", "index"])
def test_a_repository_that_git_cannot_read_is_refused_with_the_reason(repository: Path, broken: str) -> None:
    inside = repository / ".git"
    if broken == "index":
        (inside / "index").write_bytes(b"not an index")
    elif broken == "no HEAD":
        (inside / "HEAD").unlink()
    else:
        shutil.rmtree(inside)
        if broken == "empty folder":
            inside.mkdir()
        elif broken == "file of nothing":
            inside.touch()
        else:
            inside.symlink_to("gone")
    for name in (".env", "key"):
        assert "cannot be told: " in refused(repository / name)


def test_worktrees_and_submodules_are_repositories(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", "../worktree")
    judged(tmp_path / "worktree")
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "submodule", "add", "-q", str(repository), "inner")
    assert (outer / "inner/.git").is_file()
    judged(outer / "inner")


@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_is_that_name_and_no_pattern(repository: Path, name: str) -> None:
    accepted(repository / name)
    git(repository, "--literal-pathspecs", "add", "--", name)
    assert "is tracked by git" in refused(repository / name)


def test_no_program_of_the_repository_is_run(repository: Path, tmp_path: Path) -> None:
    ran, program = tmp_path / "ran", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{ran}'\n")
    program.chmod(0o755)
    for sample in (repository / ".git/hooks").iterdir():
        shutil.copy(program, sample.with_suffix(""))
    shutil.copy(program, repository / ".git/hooks/post-index-change")
    for name in ("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass"):
        git(repository, "config", name, str(program))
    git(repository, "config", "alias.ls-files", f"!{program}")
    ran.unlink(missing_ok=True)
    judged(repository)
    assert not ran.exists()
