"""Bring a clone of a checkpoint up to one snapshot of prod: only the rows that differ travel.

What differs is decided by content alone, of both sides and in full: see `buckets`. So it does not matter who
changed what since, on either side, or what counters say of it. All of prod is read for that, and of the
clone what no former refresh remembers (`remembered`). What was counted is at the same time the verification
of every table that nobody had to touch.

The clone is made while prod counts, when prod's answer is short.
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.engines import Engine
from sandbox.lifecycle import buckets, copying, merge, verify
from sandbox.lifecycle.holder import held, here, seeing
from sandbox.lifecycle.left import Left
from sandbox.lifecycle.parallel import Parallel, at_once
from sandbox.lifecycle.remembered import Remembered
from sandbox.lifecycle.stream import EXPECTING, SCHEMA, STOP
from sandbox.postgres import SCRIPT_FAILED, Access

_HEAD = "^\\\\(un)?restrict |^-- Dumped (from|by) "  # of a dump: what two of the same schema do not share


class Incremental(Parallel):
    """The texts of one copy that starts from a clone.

    Args:
        engine: where both sides are.
        target: the clone; nobody uses it.
        role: who owns what is in it; empty when it is the role that connects.
        check: how the copy is verified.
        left: what of prod does not travel.
        order: how the clone is made.
        known: what is remembered of the checkpoint that it is of.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # one copy's world
        self,
        engine: Engine,
        target: Access,
        role: str,
        check: verify.Verification,
        left: Left,
        order: copying.Copy,
        known: Remembered,
    ) -> None:
        super().__init__(engine, target, role, check, left)
        self.order, self.known = order, known

    @property
    def wanted(self) -> Mapping[str, int]:
        """How often each program of `beside` must say that it ended well."""
        counted = {"create": 1, "dump": 1, "alike": 1, "count": 1, "note": 1, "look": 1}
        settled = {"again": 1} if self.known.tables else {}
        return {**counted, "read": 1, "write": 1, **settled, "take": 1, "set": 1, "verify": 1}

    def beside(self) -> str:
        """Shell text: make the clone, bring it up to date, then verify it."""
        counted = self._counted_meanwhile() if self.known.tables else self._counted()
        again = self._again() if self.known.tables else ""
        rows = at_once(self._sequences(), self._changed(1) + again)
        return held(self.engine, f"{self._positions()}{counted}{rows}{self._verified()}")

    def _cloned(self) -> str:
        """The clone, by the first way that works; what is said of those that the server refused is left out.

        When psql itself was lost the server may still be making it: then no other way is tried.
        """
        maker, (ways, keeper) = self.target.maintenance.psql, copying.ways(self.engine.run, self.order)
        text = f"{{ {self.there(maker(keeper))}\n}} >/dev/null 2>&1 &\n{self.there(maker(ways[-1]))}"
        for way in reversed(ways):
            tried = f"said=$(\n{{ {self.there(maker(way))}\n}} 2>&1\n)"
            lost = "printf '%s\\n' \"$said\"; false"
            text = f"{tried} || if [ $? = {SCRIPT_FAILED} ]; then\n{text}\nelse {lost}; fi"
        made = self.schema(f"{{ {text}\n}} >&2\n{self.ended('create')}")
        prepared = self._writer(buckets.prepare(self.check.version, self.known))
        return f"{made}{self._alike()}{{ {prepared}\n}} >&2 || exit 1\n"

    def _looked(self) -> str:
        look = self._writer(buckets.look(self.known))
        return f"{{ {look}\n}} >&2\n{self.ended('look')}"

    def _told(self) -> str:
        """Prod's buckets."""
        return self.asked(self.check.session + buckets.ask(self.check.version, self.known))

    def _taken(self) -> str:
        """What flows into it, as prod's buckets."""
        return self._written(buckets.TAKE, "printf '\\\\.\\n'\n")

    def _counted(self) -> str:
        """Both sides count and hash their buckets at the same time."""
        both = self.joined(("count", self._told()), ("note", self._taken()))
        return self._cloned() + at_once(self._looked(), both + STOP)

    def _counted_meanwhile(self) -> str:
        """The same, while the clone is made: prod's answer waits in a variable, since most is one bucket."""
        return (
            f"(\n{self._cloned()}{self._looked()}) &\nlook=$!\ncounted=$(\n{self._told()}\n)\n"
            f"{self.ended('count')}wait $look || exit 1\n"
            f'{{ [ -z "$counted" ] || printf \'%s\\n\' "$counted"\n}} | {self._taken()}\n{self.ended("note")}'
        )

    def _alike(self) -> str:
        """Go on only when one program writes both schemas as the same text."""
        written, bare = self.target.script(), f"grep -E -v '{_HEAD}'"
        theirs = self._inner(self.left.travelling(self.target, self.run, written))
        dumped = self.there(self.target.dump(*SCHEMA))
        ours = f"{{ {dumped}\n}} | {{ {self._inner(Left().travelling(self.target, self.run, written))}\n}}"
        return f"""theirs=$(
printf '%s\\n' "$schema" | base64 -d | {{ {theirs}
}}
) && ours=$(
{ours}
) || exit 1
[ "$(printf '%s\\n' "$theirs" | {bare})" = "$(printf '%s\\n' "$ours" | {bare})" ] || {{
echo "ERROR:  prod's schema is not the checkpoint's" >&2
exit 1
}}
{self.ended("alike")}"""

    def _changed(self, turn: int) -> str:
        """The rows of what differs."""
        read = self._replied("differing")
        return (
            f"differing=$(\n{self._writer(buckets.compare(turn, self.known))}) || exit 1\n"
            f"{self.joined(('read', read), ('write', self._written(buckets.SEEK)))}{STOP}"
        )

    def _replied(self, variable: str) -> str:
        """Prod's answer to the script that a shell variable has."""
        script = f"{seeing()}{here(self.check.session)}printf '%s\\n' \"${variable}\"\n"
        return f"{{ {script}}} | {{ {self.here(self.prod.psql())}\n}}"

    def _again(self) -> str:
        """The tables in buckets that are not settled by what prod wrote since."""
        look = f"{{ {self._writer(buckets.LOOK_AGAIN)}\n}} >&2 || exit 1\n"
        text = (
            f'asking=$(\n{self._writer(buckets.ARRIVED)}) || exit 1\n[ -n "$asking" ] || exit 0\n'
            f"{self.joined(('count', self._replied('asking')), ('note', self._taken()))}{STOP}{look}"
            f"{self._changed(2)}"
        )
        return f"(\n{text}) 4>/dev/null\n{self.ended('again')}"

    def _compared(self) -> str:
        """SQL for the clone's session: merge the rows, read again what was touched, and compare.

        While the clone merges, prod tells its facts.
        """
        facts = f"{self.check.ask_facts()}COMMIT;\n"
        return (
            f"{here(self._begin + merge.MERGE)}echo 'dolibarr-sandbox stage verify' >&2\n"
            f"{self.answered(facts)}{here(self.check.look(merge.TOUCHED) + merge.OURS)}"
            f"{EXPECTING}{here(merge.PRODS + verify.COMPARE + verify.FORCED)}"
        )

    def _writer(self, script: str) -> str:
        """Shell text: a script on the clone."""
        return self.there(self.target.psql(self._begin + script))
