"""The Invoke tasks: each reads its flags, calls one function, shows the result and ends.

What a task needs is imported when it runs: `inv --list` must not pay for a browser or an HTTP library.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from invoke.collection import Collection

from sandbox import checkpoint_views, views
from sandbox.checkpoint_tasks import checkpoints, diff, forget, rewind, save
from sandbox.errors import UsageError
from sandbox.executor import inherits
from sandbox.flags import (
    ADOPT,
    BASELINE,
    DB_ONLY,
    DETACH,
    FULL,
    HEADLESS,
    JSON,
    YES,
    sandbox_task,
    whole_number,
)
from sandbox.session import Session, bind, checked_name, exit_with
from sandbox.settings import Settings, project_root
from sandbox.startup import explain_settings, open_input


@sandbox_task(help={"json": JSON})
def status(s: Session, json: bool = False) -> None:  # noqa: ARG001  # the session reads it
    """Tell whether the sandbox is alive and its agent armed; changes nothing."""
    from sandbox.lifecycle.status import observe

    seen = observe(s.settings, s.context)
    s.console.show(seen, views.status(seen), f"{seen.sandbox}  {seen.url}")
    exit_with(seen.exit_code)


@sandbox_task(
    optional=["adopt"],
    help={"yes": YES, "db_only": DB_ONLY, "full": FULL, "adopt": ADOPT, "detach": DETACH, "json": JSON},
)
def refresh(  # noqa: PLR0913, PLR0917  # one argument a flag
    s: Session,
    yes: bool = False,
    db_only: bool = False,
    full: bool = False,
    adopt: str = "",
    detach: bool = False,
    json: bool = False,  # noqa: ARG001
) -> None:
    """Re-seed the sandbox from prod; wipes its rehearsals and the agent."""
    from sandbox.lifecycle.detach import detach as start
    from sandbox.lifecycle.refresh import refresh as run

    flags: dict[str, Any] = {"yes": yes, "db_only": db_only, "full": full, "adopt": adopt}
    if detach:
        begun = start(s.settings, s.context, **flags, hint=s.consent_hint)
        s.console.show(begun, views.detached(begun), s.title("started in the cluster"))
        return
    with s.console.progress() as progress:
        report = run(s.settings, s.context, **flags, progress=progress, hint=s.consent_hint)
    s.console.show(report, views.refresh(report), s.title("refreshed"))


@sandbox_task(help={"headless": HEADLESS, "json": JSON})
def provision(s: Session, headless: bool = False, json: bool = False) -> None:  # noqa: ARG001
    """Make the agent, its rights and its key in Dolibarr's own pages, then relink."""
    from sandbox.lifecycle.provision import provision as run
    from sandbox.lifecycle.relink import relink

    def then(settings: Settings) -> object:
        return relink(settings, s.context)

    report = run(s.settings, s.context, headless=headless, dry=s.dry, say=s.console.say, relink=then)
    s.console.show(report, views.provision(report), s.title("provisioned"))


@sandbox_task(name="relink-env", help={"json": JSON})
def relink_env(s: Session, json: bool = False) -> None:  # noqa: ARG001
    """Write the key file's key into the write skill's .env and prove that it works."""
    from sandbox.lifecycle.relink import relink

    report = relink(s.settings, s.context, dry=s.dry)
    s.console.show(report, views.relink(report), s.title("relinked"))


@sandbox_task(
    pre=[inherits(refresh, "yes", "db_only", "adopt"), inherits(provision, "headless"), inherits(relink_env)],
    optional=["adopt"],
    help={
        "yes": YES,
        "db_only": DB_ONLY,
        "adopt": ADOPT,
        "headless": HEADLESS,
        "save": "End by saving the checkpoint baseline, to rewind to.",
    },
)
def reset(  # noqa: PLR0913, PLR0917
    s: Session,
    yes: bool = False,  # noqa: ARG001
    db_only: bool = False,  # noqa: ARG001
    adopt: str = "",  # noqa: ARG001
    headless: bool = False,  # noqa: ARG001
    save: bool = True,
) -> None:
    """Refresh, provision, relink, save: a dirty sandbox in, a clean and armed one out."""
    from sandbox.lifecycle.status import observe

    if s.dry:
        then = f"; would save the checkpoint {BASELINE}" if save else ""
        s.console.say(f"dry run: nothing was changed{then}")
        return
    seen = observe(s.settings, s.context)
    s.console.show(seen, views.status(seen), f"{seen.sandbox}  {seen.url}")
    exit_with(seen.exit_code)
    if save:
        _save_baseline(s)


def _save_baseline(s: Session) -> None:
    """Save what was made, to rewind to; where that cannot be, the reset is none the less done."""
    from sandbox.lifecycle.checkpoint import save as run

    try:
        report = run(s.settings, s.context, BASELINE, yes=True)
    except UsageError as error:
        s.console.say(f"no checkpoint was saved: {error.what}")
        s.console.say(f"  next: {error.next_step}")
        return
    s.console.show(report, checkpoint_views.save(report), f"saved {BASELINE}")


@sandbox_task(help={"json": JSON})
def recover(s: Session, json: bool = False) -> None:  # noqa: ARG001
    """Put back what an interrupted run left; does nothing when there is nothing."""
    from sandbox.lifecycle.recover import recover as run

    report = run(s.settings, s.context)
    s.console.show(report, views.recover(report), s.title("recovered"))


@sandbox_task(help={"into": "A folder of skills to install it into."})
def skill(s: Session, into: str = "") -> None:
    """Print the SKILL.md from which an AI agent runs all this, or install it."""
    from sandbox.skill import install, text

    if into:
        path = install(Path(os.path.expanduser(into)), dry=s.dry)  # noqa: PTH111
        s.console.say(f"would install {path}" if s.dry else f"installed {path}")
    else:
        print(text(), end="")  # noqa: T201


TASKS = (
    status,
    refresh,
    provision,
    relink_env,
    reset,
    save,
    rewind,
    diff,
    checkpoints,
    forget,
    recover,
    skill,
)


def collection(name: str = "sandbox", **defaults: Any) -> Collection:
    """The tasks of one sandbox, to be added to any Invoke namespace.

    Args:
        name: the collection's name and its key in Invoke's configuration; give each sandbox its own.
        defaults: settings below every configuration file, as in the README's table.

    Raises:
        UsageError: the name cannot be a configuration key.
    """
    open_input()
    explain_settings()
    made = Collection(checked_name(name))
    for item in bind(TASKS, name, defaults):
        made.add_task(item)
    return made


@sandbox_task(
    name="up",
    help={
        "size": "About this many megabytes in prod; a new lab has 20.",
        "dolibarr": "A Dolibarr source folder to serve; it is copied.",
        "json": JSON,
    },
)
def lab_up(s: Session, size: str = "", dolibarr: str = "", json: bool = False) -> None:  # noqa: ARG001
    """Start the lab: PostgreSQL and an ERP on loopback, with both sides' data."""
    from sandbox.lab.life import up, would_up

    root, source = project_root(s.context.config), Path(dolibarr) if dolibarr else None
    megabytes = whole_number("--size", size) if size else None
    if s.dry:
        plan = would_up(root, size=megabytes, dolibarr=source)
        s.console.show(plan, views.would(plan.would), s.title(""))
        return
    report = up(root, size=megabytes, dolibarr=source, say=s.console.say)
    s.console.show(report, views.lab(report), "the lab is up")


@sandbox_task(name="down")
def lab_down(s: Session) -> None:
    """Stop the lab; its data stays in .lab/."""
    from sandbox.lab.life import down, would_down

    root = project_root(s.context.config)
    if s.dry:
        plan = would_down(root)
        s.console.show(plan, views.would(plan.would), s.title(""))
        return
    down(root, say=s.console.say)


@sandbox_task(name="demo", help={"svg": "Also save the transcript as a picture in this file."})
def lab_demo(s: Session, svg: str = "") -> None:
    """Show the whole cycle on a lab of its own, in about a minute."""
    from sandbox.lab.demo import demo, would

    if s.dry:
        for line in would():
            s.console.say(line)
        return
    exit_with(demo(Path(svg) if svg else None))


def lab_collection() -> Collection:
    """The lab's tasks, for the namespace of this repository and the `arcodange` program."""
    made = Collection("lab")
    for item in bind((lab_up, lab_down, lab_demo), "sandbox", {}):
        made.add_task(item)
    return made
