"""Start a refresh that runs where the sandbox is, and tell how the newest such one does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sandbox.engines import Job, Jobs, jobs_for, ledger_for
from sandbox.errors import Busy, Refused, SandboxError, UsageError
from sandbox.lifecycle import checks, journal
from sandbox.lifecycle.adopt import Adopt, check_name
from sandbox.lifecycle.runs import new_run
from sandbox.settings import Settings
from sandbox.shell import Runner, is_dry, lines
from sandbox.unexpected import explaining

_VERB = "refresh"


@dataclass(frozen=True)
class DetachReport:
    """What was started; its fields are the JSON document's."""

    job: str
    namespace: str
    db_only: bool
    dry: bool
    follow: str  # the command that shows what it prints


@dataclass(frozen=True)
class Detached:
    """The newest refresh that was started so, as `status` shows it; times are ISO 8601, UTC."""

    job: str
    namespace: str
    state: str  # running, succeeded, failed; or unknown
    begun: str
    ended: str | None
    exit_code: int | None
    reason: str | None  # why it failed, or does not get on, or cannot be told
    next_step: str
    follow: str


def detach(  # noqa: PLR0913
    settings: Settings,
    runner: Runner,
    *,
    yes: bool,
    db_only: bool,
    full: bool = False,
    adopt: Adopt = "",
    hint: str = "",
) -> DetachReport:
    """Start a refresh in the cluster; nothing of it depends on us from then on.

    Args:
        settings: the sandbox's settings; the refresh itself reads those of the cluster.
        runner: what runs the commands.
        yes: consent to losing what the sandbox holds.
        db_only: leave the documents alone.
        full: carry all of prod.
        adopt: the name of the sandbox's database, handed on to the job: who starts it sees neither side.
        hint: what else the refusal's next step should say.

    Raises:
        Refused: without consent, or the sides are mixed up, or what is adopted is not named, or another.
        UsageError: the settings name nothing that could be started, or it is not there.
        Busy: another run holds the sandbox, or was started and has not ended.
    """
    if not yes:
        raise checks.consent(settings, db_only=db_only, hint=hint)
    check_name(settings, adopt)
    jobs = jobs_for(settings, runner)
    if settings.refresh.script is not None:
        raise UsageError(
            f"--detach would not run {settings.name}.refresh.script, which is on this machine",
            "leave --detach out, or unset refresh.script",
        )
    if adopt is True:
        raise Refused(
            "--detach shows neither side, so nobody can say which database this is by looking at it",
            "adopt it without --detach, or name it: --adopt NAME",
        )
    checks.refuse_mix_ups(settings, db_only=db_only)
    run, ledger = new_run(settings), ledger_for(settings, runner)
    flags = ("--db-only",) * db_only + ("--full",) * full
    flags += (f"--adopt={adopt}",) if adopt else ()
    draft = jobs.draft(run, verb=_VERB, flags=flags)
    _refuse_second(jobs)  # while nothing is held: a job that just begins would take us for another run
    if is_dry(runner):
        if journal.active(ledger):
            raise journal.busy(ledger)
        jobs.start(draft)
    else:
        with journal.held(ledger, run):  # of two at once, one starts its job and the other sees it
            _refuse_second(jobs)
            jobs.start(draft)
    made = draft["metadata"]
    return DetachReport(
        made["name"], made["namespace"], db_only, dry=is_dry(runner), follow=jobs.follow(made["name"])
    )


def _refuse_second(jobs: Jobs) -> None:
    last = jobs.newest()
    if last is not None and last.state == "running":
        raise Busy(
            f"a refresh that was started in the cluster has not ended: job {last.name} in namespace"
            f" {last.namespace}, since {last.begun}{f' ({last.said})' if last.said else ''}",
            f"wait until it ends (inv status), or look: {last.follow}",
        )


def newest(settings: Settings, runner: Runner, last: dict[str, Any] | None) -> Detached | None:
    """The newest refresh that was started in the cluster; None when none is known. Reads only.

    Args:
        settings: the sandbox's settings.
        runner: what runs the commands.
        last: what the ledger says of the last refresh that succeeded.
    """
    if settings.cluster is None or settings.cluster.cronjob is None:
        return None
    try:
        with explaining():
            found = jobs_for(settings, runner).newest()
    except SandboxError as error:
        place = settings.cluster.namespace
        return Detached("", place, "unknown", "?", None, None, error.what, error.next_step, "")
    return None if found is None else _told(found, str((last or {}).get("finished", "")))


def _told(job: Job, finished: str) -> Detached:
    reason, step = last_words(job.said)
    if job.state == "failed":
        reason = reason or "it does not say why"
        mended = job.ended is not None and finished > job.ended
        step = "" if mended else step or f"look: {job.follow}"
    return Detached(
        job.name,
        job.namespace,
        job.state,
        job.begun,
        job.ended,
        job.exit_code,
        reason or None,
        step,
        job.follow,
    )


def last_words(said: str) -> tuple[str, str]:
    """The failure that a program of ours told at the end of its output, and its next step."""
    begin = said.rfind('{\n  "error"')
    if begin >= 0:
        try:
            told, _ = json.JSONDecoder().raw_decode(said[begin:])
        except ValueError:  # only its end was kept
            pass
        else:
            return str(told["error"]), str(told.get("next_step", ""))
    told = [line.strip() for line in lines(said) if line.strip()]
    if len(told) > 1 and told[-1].startswith("next: "):
        return told[-2], told[-1].removeprefix("next: ")
    return (told[-1] if told else ""), ""
