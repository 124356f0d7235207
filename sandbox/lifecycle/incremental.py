"""Bring a clone of a checkpoint up to one snapshot of prod: only the rows that differ travel.

What differs is decided by content alone, of both sides and in full: see `buckets`. So it does not matter who
changed what since, on either side, or what counters say of it. What was counted for that is at the same time
the verification of every table that nobody had to touch; the others are read again.
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.lifecycle import buckets, merge, verify
from sandbox.lifecycle.holder import held, here, seeing
from sandbox.lifecycle.parallel import Parallel
from sandbox.lifecycle.stream import EXPECTING, STOP

_HEAD = "^\\\\(un)?restrict |^-- Dumped (from|by) "  # of a dump: what two of the same schema do not share


class Incremental(Parallel):
    """The texts of one copy that starts from a clone.

    Args:
        engine: where both sides are.
        target: the clone; nobody uses it.
        role: who owns what is in it; empty when it is the role that connects.
        check: how the copy is verified.
    """

    @property
    def wanted(self) -> Mapping[str, int]:
        """How often each program of `beside` must say that it ended well."""
        counted = {"count": 1, "note": 1, "look": 1}
        return {"alike": 1, **counted, "read": 1, "write": 1, "take": 1, "set": 1, "verify": 1}

    def beside(self) -> str:
        """Shell text: bring the clone up to date, then verify it."""
        steps = (self._positions(), self._alike(), self._counted(), self._rows(), self._sequences())
        return held(self.engine, "".join(steps) + self._verified())

    def _alike(self) -> str:
        """Go on only when both schemas are dumped as the same text."""
        ours = self.there(self.target.dump("-Fp", "--schema-only"))
        bare = f"grep -E -v '{_HEAD}'"
        return f"""{{ {self.dump("-Fp", "--schema-only")}
echo "dumped $?"; }} | {{
ours=$(
{ours}
) && theirs=$(cat) || exit 1
case "$theirs" in *'dumped 0') ;; *) exit 1 ;; esac
[ "$(printf '%s\\n' "${{theirs%dumped 0}}" | {bare})" = "$(printf '%s\\n' "$ours" | {bare})" ] || {{
echo "ERROR:  prod's schema is not the checkpoint's" >&2
exit 1
}}
}}
{self.ended("alike")}"""

    def _counted(self) -> str:
        """Both sides count and hash their buckets at the same time."""
        version = self.check.version
        look = f"{{ {self._writer(buckets.LOOK)}\n}} >&2"
        take = self._written(buckets.TAKE, "printf '\\\\.\\n'\n")
        return (
            f"{{ {self._writer(buckets.prepare(version))}\n}} >&2 || exit 1\n"
            f"( {look}\n{self.ended('look')}) &\nlook=$!\n"
            f"{self.joined(('count', self.asked(verify.SESSION + buckets.ask(version))), ('note', take))}"
            f"wait $look || failed=look\n{STOP}"
        )

    def _rows(self) -> str:
        """The rows of the buckets that differ."""
        script = f"{{ {seeing()}{here(verify.SESSION)}printf '%s\\n' \"$differing\"\n}}"
        read = f"{script} | {{ {self.here(self.prod.psql())}\n}}"
        return (
            f"differing=$(\n{self._writer(buckets.COMPARE)}) || exit 1\n"
            f"{self.joined(('read', read), ('write', self._written()))}{STOP}"
        )

    def _compared(self) -> str:
        """SQL for the clone's session: merge the rows, read again what was touched, and compare.

        While the clone merges, prod tells its facts.
        """
        facts = f"{self.check.ask_facts()}COMMIT;\n"
        return (
            f"{here(self._begin + merge.MERGE)}echo 'dolibarr-sandbox stage verify' >&2\n"
            f"{self.answered(facts)}{here(self.check.look(merge.TOUCHED) + merge.OURS)}"
            f"{EXPECTING}{here(merge.PRODS + verify.COMPARE)}"
        )

    def _writer(self, script: str) -> str:
        """Shell text: a script on the clone."""
        return self.there(self.target.psql(self._begin + script))
