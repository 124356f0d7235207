"""Carry one snapshot of prod into a database of the sandbox's server, from program to program.

The schema comes first, by itself and whole: what of it does not travel is left out of its table of contents.
The rows follow in a stream of their own, and what is built on them comes last. Nothing of prod's is stored on
the way but the schema. An exit status of 0 alone proves nothing here: success is a sentinel line with status
0 from each program, and the verification's own answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.engines import Engine
from sandbox.lifecycle import verify
from sandbox.lifecycle.arrival import Copied, checked, sentinel
from sandbox.lifecycle.holder import LOCKS, SNAPSHOT, held, here, seeing
from sandbox.lifecycle.left import Left
from sandbox.lifecycle.progress import Watcher
from sandbox.postgres import Access, as_role, hidden
from sandbox.shell import Command, Result, Runner, change

SCHEMA = ("--section=pre-data", "--section=post-data")  # of a dump without rows


class Stream:
    """The texts of one copy, whose rows go through one pg_dump and one pg_restore.

    Args:
        engine: where both sides are.
        target: the database that is written.
        role: who owns what is restored; empty when it is the role that connects.
        check: how the copy is verified.
        left: what of prod does not travel.
        create: SQL for the maintenance database that makes the target; empty when it is there.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # one copy's world
        self,
        engine: Engine,
        target: Access,
        role: str,
        check: verify.Verification,
        left: Left,
        create: str = "",
    ) -> None:
        self.engine, self.target, self.check, self.create = engine, target, check, create
        self.left = left
        self.prod = engine.access(engine.settings.prod)
        self.run = engine.run
        self.role = role
        self._as_owner = (f"--role={role}",) if role else ()

    @property
    def wanted(self) -> Mapping[str, int]:
        """How often each program of `beside` must say that it ended well."""
        return {"create": 1, **self._steps, "verify": 1}

    @property
    def wanted_within(self) -> Mapping[str, int]:
        """The same, of `within`."""
        return {**self._steps, "load": 1}

    @property
    def _steps(self) -> Mapping[str, int]:
        return {"dump": 1, "restore": 1, "read": 1, "write": 1, "build": 1}

    def beside(self) -> str:
        """Shell text: make a database that nobody uses, restore into it, then verify it."""
        filled = f"{self.schema(self._created())}{self._restored(self.restore)}"
        removed = f"{{ {self.there(self.target.psql(self._begin + self.left.removed()))}\n}} >&2 || exit 1\n"
        return held(self.engine, f"{self._positions()}{filled}{removed}{self._verified()}")

    def within(self, before: str, after: str) -> str:
        """Shell text: restore in one transaction, which is committed only when all went well.

        The COMMIT is written only after both programs ended well and the comparison was sent; a stream that
        ends early, for whatever reason, leaves psql without one.

        Args:
            before: SQL that opens the transaction and makes room.
            after: SQL between the comparison and the COMMIT.
        """
        restored = f"{self._restored(self.script, '>&5')}{here(self._begin + self.left.removed())}"
        return held(
            self.engine,
            f"{self._positions()}{self.schema()}{{ exec 5>&1\n{here(before)}{restored}"
            f"{self._compared()}{_stage('neutralize')}{here(after)}{here(_COMMIT)}"
            f"}} | {{ {self.there(self.target.psql())}\n}} >&4\n{sentinel(self.run, 'load', '$?')}",
        )

    def carry(self, runner: Runner, text: str, watcher: Watcher) -> Result:
        """Run one of the texts, telling `watcher` what its programs say."""
        return change(runner, text, err_stream=watcher.stream)

    def checked(self, result: Result, wanted: Mapping[str, int]) -> Copied:
        """What the copy told; see `arrival.checked`."""
        if why := hidden(self.target, result.stderr):
            raise why  # of prod this was asked before
        return checked(self.run, self.prod, result, wanted)

    def restore(self, *options: str) -> Command:
        """A pg_restore into the target, as its owner."""
        return self.target.restore("--verbose", *self._as_owner, *options)

    def script(self, *options: str) -> Command:
        """A pg_restore that writes SQL, for the target and as its owner."""
        return self.target.script("--verbose", *self._as_owner, *options)

    def here(self, command: Command) -> str:
        """A command next to prod's database, from within the pipeline."""
        return self.engine.inner_command(self.engine.settings.prod, command.text())

    def there(self, command: Command) -> str:
        """A command next to the sandbox's database, from within the pipeline."""
        return self.engine.inner_command(self.engine.settings.sandbox, command.text())

    def asked(self, script: str) -> str:
        """Shell text: run a script on prod in a transaction that sees the snapshot."""
        return f"{{ {seeing()}{here(script)}}} | {{ {self.here(self.prod.psql())}\n}}"

    def dump(self, *options: str) -> str:
        """Shell text: a pg_dump of the snapshot, whose id reaches it through its standard input.

        It lifts a session's limits but for this one, which is for all its locks together.
        """
        waiting = ("--snapshot=@", "--lock-wait-timeout=@locks")
        command = self.prod.dump(*waiting, *self.left.options, *options).text()
        command = command.replace("--snapshot=@", '--snapshot="$snapshot"').replace("=@locks", '="$locks"')
        text = f"read -r snapshot locks\n{command}"
        inner = self.engine.inner_command(self.engine.settings.prod, text)
        return f'echo "${SNAPSHOT} ${LOCKS}" | {{ {inner}\n}}'

    def _created(self) -> str:
        """The target, empty; goes on only when it is there."""
        maker = self.there(self.target.maintenance.psql(self.create))
        return f"{{ {maker}\n}} >&2\n{self.ended('create')}"

    def _positions(self) -> str:
        """Sequences obey no snapshot: their positions are taken before the dump, and again after it."""
        return f"before=$(\n{self.here(self.prod.psql(verify.ask_positions()))}) || exit 1\n"

    def schema(self, meanwhile: str = "") -> str:
        """Shell text: prod's schema without its rows, as the variable `schema`: it is wanted twice.

        Args:
            meanwhile: shell text that runs at the same time; goes on only when it ended well, too.
        """
        begin, end = (f"(\n{meanwhile}) &\nother=$!\n", "wait $other || exit 1\n") if meanwhile else ("", "")
        return (
            f"{begin}schema=$(\nexec 5>&1\n"
            f"code=$( {{ {{ {self.dump(*SCHEMA)}\necho $? >&3; }} | base64 >&5; }} 3>&1 )\n"
            f'{sentinel(self.run, "dump", "$code")}echo "code $code"\n)\n{end}'
            'case "$schema" in *"code 0") schema=${schema%code 0} ;; *) exit 1 ;; esac\n'
        )

    def given(self, what: str, command: Command, where: str = ">&4") -> str:
        """Shell text: restore what travels of the schema, and tell its end; goes on only when it ended well.

        Args:
            what: the name by which the end is told.
            command: a pg_restore.
            where: what the shell does with what it writes.
        """
        consumer = self._inner(self.left.travelling(self.target, self.run, command))
        # in braces: where a text ends in a newline, what it writes would go elsewhere
        return f"printf '%s\\n' \"$schema\" | base64 -d | {{ {consumer}\n}} {where}\n{self.ended(what)}"

    def _restored(self, program: Callable[..., Command], where: str = ">&4") -> str:
        """Shell text: the schema, the rows, and what is built on them; goes on only when all ended well."""
        rows = f"{{ {self.there(program('--section=data'))}\n}} {where}"
        moved = self.joined(("read", self.dump("--section=data")), ("write", rows)) + STOP
        begun = self.given("restore", program("--section=pre-data"), where)
        return f"{begun}{moved}{self.given('build', program('--section=post-data'), where)}"

    def _inner(self, text: str) -> str:
        """A shell text next to the sandbox's database, from within the pipeline."""
        return self.engine.inner_command(self.engine.settings.sandbox, text)

    @property
    def _begin(self) -> str:
        """What a session that writes begins with."""
        return as_role(self.role) + self.check.session

    def joined(self, source: tuple[str, str], sink: tuple[str, str]) -> str:
        """Two texts, each with a name, as a pipe; tells how both ended, and sets `failed` if one did not."""
        (giver, give), (taker, take) = source, sink
        return (
            f"status=$( {{ {{ {give}\necho {giver} $? >&3; }} | {{ {take}\necho {taker} $? >&3; }} >&4"
            "; } 3>&1 )\n"
            f'echo "$status" | while read -r what code; do\n{sentinel(self.run, "$what", "$code")}done\n'
            "failed=\n"
            f'case "$status" in *"{giver} 0"*) ;; *) failed={giver} ;; esac\n'
            f'case "$status" in *"{taker} 0"*) ;; *) failed={taker} ;; esac\n'
        )

    def ended(self, what: str) -> str:
        """Shell text: tell how the last command ended, by a name; goes on only when it ended well."""
        return f'code=$?\n{sentinel(self.run, what, "$code")}[ "$code" = 0 ] || exit 1\n'

    def answered(self, script: str) -> str:
        """Shell text: prod's answer to a script, after its sequences' positions, as the variable `prods`.

        It waits there while the target's session is busy: the pipe would be full before prod has told all.
        """
        again = self.here(self.prod.psql(verify.ask_positions()))
        return f"prods=$(\n{{ {again}}} && {self.asked(script)}\n) || exit 1\n"

    def _verified(self) -> str:
        """Compare the copy with prod's facts, in a session of its own; goes on only when they are alike."""
        session = self.there(self.target.psql())
        script = f"{self._compared()}{self._remembering()}"
        return f"{{ {script}}} | {{ {session}\n}} >&4\n{self.ended('verify')}"

    def _remembering(self) -> str:
        """SQL for the same session: tell what the next refresh may know of this copy."""
        return ""

    def _compared(self) -> str:
        """SQL for the target's session: its own facts, prod's as a COPY, and the comparison.

        While the server looks at the copy, prod's is asked already.
        """
        look, ask = here(self.check.look()), self.answered(self.check.ask())
        unforced, forced = here(verify.UNFORCED), here(verify.FORCED)
        return f"{_stage('verify')}{unforced}{look}{ask}{EXPECTING}{here(verify.COMPARE)}{forced}"


STOP = '[ -z "$failed" ] || exit 1\n'  # after `joined`
# for the target's session: prod's sequences from before, and its answer, are what is expected
EXPECTING = f"""{here(verify.EXPECT)}[ -z "$before" ] || printf '%s\\n' "$before"
printf '%s\\n\\\\.\\n' "$prods"
"""
# temporary objects go before: of a server that dies after the commit they would stay in the catalogs
_COMMIT = """DISCARD TEMP;
COMMIT;
SELECT json_build_object('committed', extract(epoch FROM clock_timestamp()));
"""


def _stage(name: str) -> str:
    return f"echo 'dolibarr-sandbox stage {name}' >&2\n"
