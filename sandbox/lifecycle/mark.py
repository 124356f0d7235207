"""The mark of a sandbox: the id of the refresh that made it, in its database and on every page it serves.

By it a database is known to be a sandbox's, and a URL to lead to that database. A run's id is when it began
and 24 random bits: two refreshes have the same one only if they began in one second, and then once in 16
million times. A copy of the database has it too; to tell a copy from the sandbox, `shown_with` writes a word
beside it that was made up a moment ago.
"""

from __future__ import annotations

from sandbox.lifecycle import triggers
from sandbox.lifecycle.programs import text

NAME = "DOLIBARR_SANDBOX"  # the constant in llx_const
_BETWEEN = "/"  # the run and the word


def with_word(run: str, word: str) -> str:
    """What pages show after `shown_with`."""
    return f"{run}{_BETWEEN}{word}" if word else run


def run_of(shown: str) -> str:
    """The run's id of what a page shows."""
    return shown.partition(_BETWEEN)[0]


def written(run: str) -> str:
    """SQL for psql: mark a Dolibarr database as made by `run`; has no BEGIN and no COMMIT."""
    return f"\\set run '{run}'\n\\set shown '{run}'\n{text('mark.sql')}"


def written_if_dolibarr(run: str) -> str:
    """SQL for psql: mark a database in which somebody else's script may have made anything."""
    return f"{text('marked.sql')}\\if :dolibarr\n{_alone(written(run))}\\endif\n"


def shown_with(word: str) -> str:
    """SQL for psql: have a marked database's pages show `word`; tells the mark, null when there is none.

    Args:
        word: empty: none, as a refresh leaves it.
    """
    shown = f"\\set run :found\n\\set shown :found '{_BETWEEN if word else ''}{word}'\n"
    return f"{text('marked.sql')}\\if :marked\n{_alone(shown + text('mark.sql'))}\\endif\n"


def _alone(script: str) -> str:
    """SQL for psql: one transaction, in which nothing of the database's own is started."""
    off = triggers.off(["public.llx_const"], triggers.INSERT | triggers.DELETE)
    return f"BEGIN;\n{off}{script}{triggers.ON}COMMIT;\n"
