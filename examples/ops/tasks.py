"""An ops repository's own tasks, with two sandboxes side by side.

`inv staging.status`, `inv training.reset --yes --headless`: each sandbox has its own name, and under that
name its own settings in invoke.yaml and its own variables (INVOKE_STAGING_URL, INVOKE_TRAINING_URL).
"""

from pathlib import Path

from invoke import Collection, Context, task

from sandbox import collection

LOGS = Path("logs")


@task
def hosts(c: Context) -> None:
    """List the hosts that this repository looks after."""
    for name in ("staging", "training"):
        print(f"{name:10} {c.config[name].url or 'not configured'}")  # noqa: T201


@task(positional=[], help={"days": "Keep the logs of this many days."})
def prune(c: Context, days: int = 14) -> None:
    """Remove old logs of the nightly jobs."""
    LOGS.mkdir(exist_ok=True)
    c.run(f"find {LOGS} -name '*.log' -mtime +{int(days)} -delete")


# the rehearsals of the accounting agent
staging = collection("staging", agent={"login": "ai_agent_sandbox"})

# what new colleagues practise on: another agent, which may only read
training = collection(
    "training",
    agent={
        "login": "ai_trainer",
        "rights": ["user.self.creer", "societe.lire", "facture.lire", "banque.lire"],
    },
    files={"key": "test/.ai_trainer.key", "env": "training-skill/.env"},
)


@task(pre=[staging.tasks["status"], training.tasks["status"]])
def morning(c: Context) -> None:
    """Look at both sandboxes; the first that needs somebody ends the run with its exit code."""
    del c
    print("both sandboxes are armed")  # noqa: T201


ns = Collection(hosts, prune, morning, staging, training)
