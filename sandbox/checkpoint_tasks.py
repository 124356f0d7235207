"""The tasks about checkpoints; `sandbox.tasks` puts them into the collection."""
# ruff: noqa: PLC0415  # what a task needs is imported when it runs

from __future__ import annotations

from pathlib import Path

from sandbox import checkpoint_views as views
from sandbox.errors import ExitCode
from sandbox.flags import BASELINE, JSON, NAME, sandbox_task
from sandbox.session import Session, exit_with


@sandbox_task(help={"name": NAME, "yes": "Consent to replacing the checkpoint of that name.", "json": JSON})
def save(s: Session, name: str = BASELINE, yes: bool = False, json: bool = False) -> None:  # noqa: ARG001
    """Save database and documents as a checkpoint to rewind to."""
    from sandbox.lifecycle.checkpoint import save as run

    with s.console.progress() as progress:
        report = run(s.settings, s.context, name, yes=yes, progress=progress)
    s.console.show(report, views.save(report), s.title(f"saved {name}"))


@sandbox_task(help={"name": NAME, "yes": "Consent to losing all that happened since then.", "json": JSON})
def rewind(s: Session, name: str = BASELINE, yes: bool = False, json: bool = False) -> None:  # noqa: ARG001
    """Put the sandbox back to a checkpoint; the key stays as it was then."""
    from sandbox.lifecycle.rewind import rewind as run

    with s.console.progress() as progress:
        report = run(s.settings, s.context, name, yes=yes, progress=progress)
    s.console.show(report, views.rewind(report), s.title(f"rewound to {name}"))
    exit_with(report.exit_code)


@sandbox_task(
    help={
        "name": NAME,
        "rows": "Tell each row by its key, with before and after of the columns that changed.",
        "html": "Also write a page for a reviewer into this file.",
        "check": "Exit with 8 when something changed.",
        "json": JSON,
    }
)
def diff(  # noqa: PLR0913, PLR0917
    s: Session,
    name: str = BASELINE,
    rows: bool = False,
    html: str = "",
    check: bool = False,
    json: bool = False,  # noqa: ARG001
) -> None:
    """Show what changed since a checkpoint, row by row; changes nothing."""
    from sandbox.lifecycle.diff import diff as run

    report = run(s.settings, s.context, name, rows=rows or bool(html))
    s.console.show(report, views.diff(report, rows=rows), f"{report.sandbox} since {name}")
    if html:
        from sandbox.lifecycle.diff_page import write

        write(report, Path(html).expanduser(), dry=s.dry)
    exit_with(ExitCode.DIFFERENT if check and report.different else ExitCode.DONE)


@sandbox_task(help={"json": JSON})
def checkpoints(s: Session, json: bool = False) -> None:  # noqa: ARG001
    """List the checkpoints with their sizes and ages; changes nothing."""
    from sandbox.lifecycle.checkpoints import listed

    report = listed(s.settings, s.context)
    s.console.show(report, views.checkpoints(report), f"checkpoints of {report.sandbox}")


@sandbox_task(help={"name": NAME, "yes": "Consent to losing that checkpoint.", "json": JSON})
def forget(s: Session, name: str = "", yes: bool = False, json: bool = False) -> None:  # noqa: ARG001
    """Remove a checkpoint; the sandbox itself is not touched."""
    from sandbox.lifecycle.checkpoints import forget as run

    report = run(s.settings, s.context, name, yes=yes)
    s.console.show(report, views.forget(report), s.title(f"forgot {name}"))
