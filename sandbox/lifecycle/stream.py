"""Carry one snapshot of prod into a database of the sandbox's server, from program to program.

One psql on prod exports a snapshot and holds it while a child of its own runs the pipeline; every prod
session of the pipeline sees that snapshot. Nothing is stored on the way. An exit status of 0 alone proves
nothing here: success is a sentinel line with status 0 from each program, and the verification's own answer.
"""

# ruff: noqa: S608  # no value from outside reaches this SQL

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.engines import Engine
from sandbox.errors import Failed, SandboxError
from sandbox.lifecycle import verify
from sandbox.lifecycle.progress import Watcher
from sandbox.postgres import Access, complaint, failure, together
from sandbox.shell import Command, Result, Runner, change

_PIPELINE = "DOLIBARR_SANDBOX_PIPELINE"
_SNAPSHOT = "DOLIBARR_SANDBOX_SNAPSHOT"

# sessions that only wait must not be ended by a server's own time limits, whichever it knows
_HOLD = f"""
SELECT count(set_config(name, '0', false)) FROM pg_settings
 WHERE name IN ('transaction_timeout', 'idle_session_timeout');
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SELECT pg_export_snapshot() AS snapshot \\gset
\\setenv {_SNAPSHOT} :snapshot
\\! eval "${_PIPELINE}"
COMMIT;
"""


@dataclass(frozen=True)
class Copied:
    """What a copy told about itself."""

    tables: int
    rows: int
    sequences: int
    indexes: int
    constraints: int
    told: Mapping[str, Any]  # everything that the scripts printed


class Stream:
    """The texts of one copy.

    Args:
        engine: where both sides are.
        target: the database that is written.
        role: who owns what is restored; empty when it is the role that connects.
    """

    def __init__(self, engine: Engine, target: Access, role: str) -> None:
        self.engine, self.target = engine, target
        self.prod = engine.access(engine.settings.prod)
        self.run = engine.run
        self._role = (f"--role={role}",) if role else ()

    def beside(self) -> str:
        """Shell text: restore into a database that nobody uses, then verify it."""
        restore = self._there(self.target.restore("--verbose", *self._role))
        return self._held(
            f"{self._positions()}{self._dumped(restore)}"
            f"{{ {self._expected()}{here(verify.COMPARE)}}} | {{ {self._there(self.target.psql())}\n}}\n"
            f"{self._sentinel('verify', '$?')}"
        )

    def within(self, before: str, after: str) -> str:
        """Shell text: restore in one transaction, which is committed only when all went well.

        The COMMIT is written only after both programs ended well and the comparison was sent; a stream that
        ends early, for whatever reason, leaves psql without one.

        Args:
            before: SQL that opens the transaction and makes room.
            after: SQL between the comparison and the COMMIT.
        """
        script = self._there(self.target.script("--verbose", *self._role))
        return self._held(
            f"{self._positions()}{{ exec 5>&1\n{here(before)}{self._dumped(f'{script} >&5')}"
            f"{self._expected()}{here(verify.COMPARE)}"
            f"{_stage('neutralize')}{here(after)}{here('COMMIT;')}{here(_COMMITTED)}"
            f"}} | {{ {self._there(self.target.psql())}\n}}\n"
            f"{self._sentinel('load', '$?')}"
        )

    def carry(self, runner: Runner, text: str, watcher: Watcher) -> Result:
        """Run one of the texts, telling `watcher` what its programs say."""
        return change(runner, text, err_stream=watcher.stream)

    def _held(self, pipeline: str) -> str:
        holder = self.prod.psql(_HOLD).with_env(**{_PIPELINE: f"exec 4>&1 </dev/null\n{pipeline}"})
        return self.engine.pipeline_command(holder.text())

    def _here(self, command: Command) -> str:
        return self.engine.inner_command(self.engine.settings.prod, command.text())

    def _there(self, command: Command) -> str:
        return self.engine.inner_command(self.engine.settings.sandbox, command.text())

    def _positions(self) -> str:
        """Sequences obey no snapshot: their positions are taken before the dump, and again after it."""
        return f"before=$(\n{self._here(self.prod.psql(verify.ask_positions()))}) || exit 1\n"

    def _dumped(self, consumer: str) -> str:
        """pg_dump into `consumer`, both exit statuses reported; goes on only when both are 0."""
        dump = self._here(self.prod.dump(f"--snapshot=@{_SNAPSHOT}@"))
        # the snapshot's id is known only when this runs
        dump = dump.replace(f"--snapshot=@{_SNAPSHOT}@", f'--snapshot="${_SNAPSHOT}"')
        return (
            f"status=$( {{ {{ {dump}\necho dump $? >&3\n}} |"
            f" {{ {consumer}\necho restore $? >&3\n}} >&4; }} 3>&1 )\n"
            f'echo "$status" | while read -r what code; do {self._sentinel("$what", "$code")}done\n'
            'case "$status" in *"dump 0"*) ;; *) exit 1 ;; esac\n'
            'case "$status" in *"restore 0"*) ;; *) exit 1 ;; esac\n'
        )

    def _expected(self) -> str:
        """The facts of prod as a COPY into the sandbox's session."""
        again = self._here(self.prod.psql(verify.ask_positions()))
        facts = self._here(self.prod.psql(verify.ask_facts(), snapshot=f"@{_SNAPSHOT}@"))
        facts = facts.replace(f"snapshot=@{_SNAPSHOT}@", f'snapshot="${_SNAPSHOT}"')
        return (
            f"{_stage('verify')}{here(verify.EXPECT)}"
            '[ -z "$before" ] || printf \'%s\\n\' "$before"\n'
            f"{{ {again}}} || exit 1\n{{ {facts}}} || exit 1\nprintf '\\\\.\\n'\n"
        )

    def _sentinel(self, what: str, code: str) -> str:
        return f'echo "dolibarr-sandbox {self.run} {what} {code}" >&4\n'


_COMMITTED = """SELECT json_build_object('committed', extract(epoch FROM clock_timestamp()));"""


def here(text: str) -> str:
    """A shell command that writes this text."""
    return Command(("cat",), stdin=text).text()


def _stage(name: str) -> str:
    return f"echo 'dolibarr-sandbox stage {name}' >&2\n"


def checked(stream: Stream, result: Result, *, last: str) -> Copied:
    """What the copy told, when every proof of success is there.

    Args:
        stream: the copy.
        result: what its run left.
        last: the sentinel of the pipeline's end, `verify` or `load`.

    Raises:
        SandboxError: a program failed, or a proof is missing.
    """
    told = together(result.stdout)
    statuses = dict(re.findall(rf"^dolibarr-sandbox {stream.run} (\w+) (\d+)$", result.stdout, re.MULTILINE))
    proofs = result.exited == 0 and all(statuses.get(name) == "0" for name in ("dump", "restore", last))
    if not proofs or "verified" not in told or (last == "load" and "committed" not in told):
        raise _why(stream, result, statuses)
    return Copied(**told["verified"], told=told)


def _why(stream: Stream, result: Result, statuses: Mapping[str, str]) -> SandboxError:
    said = complaint(result.stderr)
    if result.exited != 0 and not statuses:
        return failure(stream.prod, result, f"reading {stream.prod.label}")
    ended = ", ".join(f"{name} {code}" for name, code in statuses.items() if code != "0")
    if "the copy is not what prod holds" in said:
        return Failed(said.partition("ERROR:")[2].strip() or said, "run it again; if it stays so, report it")
    step = ""
    if "out of shared memory" in said:  # each object that is dropped or made takes a lock until the end
        step = "raise max_locks_per_transaction on the sandbox's server, or set refresh.strategy: swap"
    return Failed(
        f"the copy did not arrive ({ended or 'it was cut off'}): {said or 'no program said why'}", step
    )
