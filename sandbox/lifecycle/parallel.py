"""Carry one snapshot of prod by several workers at once: the schema, the rows, then what is built on them.

The planner's statistics come with it where PostgreSQL can carry them, instead of reading all tables for them.

A worker is a psql on prod that writes SQL with rows into a psql on the sandbox's server. All workers of a
run read the same list of tables, largest first; a table belongs to the worker that gets its advisory lock on
prod's server, so that who is done early takes more. Each table is emptied and filled in one transaction: so
the server can write rows that need no second look (FREEZE). That is why no table is cut into ranges.

Large tables travel in PostgreSQL's binary format where both servers read it in one way, each into a psql of
its own, since psql reads such a stream to its end. A stream that is cut off between two rows would pass for
whole: it is the verification that tells.
"""

# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal, or %I and %L

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace

from sandbox.engines import Engine
from sandbox.lifecycle import remembered, swap, verify
from sandbox.lifecycle.content import BATCH
from sandbox.lifecycle.holder import PATIENT, held, here, seeing
from sandbox.lifecycle.left import Left
from sandbox.lifecycle.shape import RELATIONS
from sandbox.lifecycle.stream import STOP, Stream
from sandbox.postgres import APPLICATION, Access, as_role, literal

TABLE = "dolibarr-sandbox table"  # what a worker says of a table that is there
# of one session; what builds an index takes it once, and its helpers share it
_BUILDING = "-c maintenance_work_mem=128MB -c synchronous_commit=off -c effective_io_concurrency=0"
_UNHELPED = "-c max_parallel_maintenance_workers=0"  # several sessions build: helpers would only push them
_LARGE = 8 * 2**20  # bytes of a table that is worth a psql of its own
# variables of a worker's children: a table, the same with its columns, and the shell text that fills it
_TABLE, _LISTED, _TAKE = "DOLIBARR_SANDBOX_TABLE", "DOLIBARR_SANDBOX_LISTED", "DOLIBARR_SANDBOX_TAKE"
_ROLE = "DOLIBARR_SANDBOX_ROLE"
_LONGEST = 8000  # characters of a table's name and columns that such a variable takes
# what every server of one major version sends and reads in the same bytes
_BINARY = (
    "bool,int2,int4,int8,float4,float8,numeric,text,varchar,bpchar,bytea,uuid,date,time,timetz,timestamp,"
    "timestamptz,interval,json,jsonb"
)


class Parallel(Stream):
    """The texts of one copy by several workers.

    Args:
        engine: where both sides are.
        target: the database that is written; nobody uses it.
        role: who owns what is restored; empty when it is the role that connects.
        check: how the copy is verified.
        left: what of prod does not travel.
        create: SQL for the maintenance database that makes the target.
        statistics: the planner's travel too; both programs and the target's server know how.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # one copy's world
        self,
        engine: Engine,
        target: Access,
        role: str,
        check: verify.Verification,
        left: Left,
        create: str = "",
        *,
        statistics: bool = False,
    ) -> None:
        self.jobs = engine.settings.refresh.jobs
        options = (target.env.get("PGOPTIONS", ""), _BUILDING, _UNHELPED if self.jobs > 1 else "")
        env = {**target.env, "PGOPTIONS": " ".join(filter(None, options))}
        super().__init__(engine, replace(target, env=env), role, check, left, create)
        self.statistics = statistics

    @property
    def wanted(self) -> Mapping[str, int]:
        """How often each program of `beside` must say that it ended well."""
        both = {"read": self.jobs, "write": self.jobs}
        guess = {"estimate": 1, "assume": 1} if self.statistics else {}
        begun = {"create": 1, "dump": 1, "restore": 1}
        return {**begun, **both, "take": 1, "set": 1, "build": 1, "verify": 1, **guess}

    def beside(self) -> str:
        """Shell text: make a database that nobody uses, fill it, then verify it."""
        schema = f"{self.schema(self._created())}{self.given('restore', self.restore('--section=pre-data'))}"
        begun = (self._positions(), schema, self._left_alone(), self._rows())
        build = self.restore("--section=post-data", f"--jobs={self.jobs}")
        built = at_once(self._sequences(), self.given("build", build))
        proven = self._verified()
        if self.statistics:
            proven = at_once(self._estimates(), proven)
        return held(self.engine, "".join(begun) + built + proven)

    def _remembering(self) -> str:
        return here(remembered.TELL)

    def _left_alone(self) -> str:
        """Keep autovacuum off what is being filled; the variable `noticed` has the SQL that ends this."""
        alone = self.there(self.target.psql(self._begin + _ALONE))
        return f"noticed=$(\n{alone}) || exit 1\n"

    def _compared(self) -> str:
        """Without what kept autovacuum off: that is not prod's."""
        return f"{here(as_role(self.role))}printf '%s\\n' \"$noticed\"\n{super()._compared()}"

    def _estimates(self) -> str:
        """The planner's statistics, when all is there that they are about."""
        told, known = self.dump("--statistics-only"), f"{{ {self.there(self.restore())}\n}} >&4"
        return self.joined(("estimate", told), ("assume", known)) + STOP

    def _rows(self) -> str:
        """All workers at once; the first that fails ends the others."""
        begin = f"{here(PATIENT)}{seeing()}{here(verify.SESSION)}"
        script = f"{{ {begin}{self._running()}printf '%s\\n' \"$items\"\n{self._waiting()}}}"
        read = f"{script} | {{ {self.here(self.prod.psql().with_env(**self._taking()))}\n}}"
        ours = literal(f"{APPLICATION}/{self.run}"), literal(self.target.database.name)
        others = "application_name = {} AND datname = {}".format(*ours)
        end = self.there(self.target.maintenance.psql(swap.end_sessions(others, 1.0)))
        return (
            f"items=$(\n{self.asked(verify.SESSION + self._items())}\n) || exit 1\n"
            f"for worker in {' '.join(map(str, range(1, self.jobs + 1)))}; do\n(\n"
            f"{self.joined(('read', read), ('write', self._written()))}"
            f'[ -n "$failed" ] || exit 0\n{{ {end}}} >/dev/null 2>&1\nexit 1\n) &\n'
            'workers="$workers $!"\ndone\nfailed=\n'
            'for worker in $workers; do wait "$worker" || failed=1; done\n[ -z "$failed" ] || exit 1\n'
        )

    def _written(self, before: str = "", after: str = "") -> str:
        """Shell text: what flows into it, to the target, after some SQL and before what shell text writes."""
        return f"{{ {here(self._begin + before)}cat\n{after}}} | {{ {self.there(self.target.psql())}\n}} >&2"

    def _items(self) -> str:
        binary = self.check.exact and self.engine.databases_together
        return _items(self._key, _LARGE if binary else None)

    def _taking(self) -> dict[str, str]:
        """What a worker's psql hands to the one that it starts for a large table."""
        if not self.engine.databases_together:
            return {}
        take = self.target.statements(
            f"${_ROLE}\nBEGIN;\nTRUNCATE ONLY ${_TABLE};\n"
            f"\\\\copy ${_LISTED} FROM pstdin WITH (FORMAT binary, FREEZE)\nCOMMIT;"
        )
        return {_TAKE: f"{{ {take}}} >&2", _ROLE: as_role(self.role).strip()}

    @property
    def _key(self) -> int:
        """The run's own class of advisory locks: 32 bits with a sign."""
        return zlib.crc32(self.run.encode()) - 2**31

    def _running(self) -> str:
        return _numbered(f"SELECT pg_advisory_lock({self._key}, -%s) AS mine")

    def _waiting(self) -> str:
        """A worker's locks go with it: until the others are done too, they would take its tables again."""
        others = "".join(
            f"SELECT pg_advisory_lock_shared({self._key}, -{number}) AS theirs \\gset\n"
            for number in range(1, self.jobs + 1)
        )
        own = _numbered(f"SELECT pg_advisory_unlock({self._key}, -%s) AS mine")
        return f"{here('SET LOCAL lock_timeout = 0;')}{own}{here(others)}"

    def _sequences(self) -> str:
        """Every sequence to prod's position."""
        take = f"{{ {self.there(self.target.psql())}\n}} >/dev/null"
        return self.joined(("take", self.asked(verify.SESSION + _SET)), ("set", take)) + STOP


def at_once(aside: str, main: str) -> str:
    """Shell text: two texts beside each other; goes on when both have ended, and only when both did well."""
    return f"(\n{aside}) &\naside=$!\n(\n{main})\nmain=$?\nwait $aside && [ $main = 0 ] || exit 1\n"


def _numbered(query: str) -> str:
    """Shell text that writes a query about this worker; psql keeps its answer to itself."""
    return f"printf '{query} \\\\gset\\n' \"$worker\"\n"


def _items(key: int, large: int | None) -> str:
    """SQL: what a worker does for each table, largest first, as a script; those without a row come last.

    A table whose file is empty has no row that any snapshot sees.

    Args:
        key: the run's own class of advisory locks.
        large: from how many bytes on a table travels in binary, if nothing in it stands against that;
            None: none does.
    """
    # names go through psql's own quotes and a shell's; the few that have more than this travel as text
    plain = "concat(own, listed) !~ '[^[:alnum:]_., \"()]'"
    wanted = f"columns IS NOT NULL AND same AND weight >= {large} AND {plain} AND length(listed) < {_LONGEST}"
    return f"""WITH tables AS (
  SELECT r.name, pg_relation_size(r.oid) AS size, pg_table_size(r.oid) AS weight,
    format('%I.%I', nspname, relname) AS own, columns, same
    FROM ({RELATIONS}) r, LATERAL (
      SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns,
        bool_and(typnamespace = 'pg_catalog'::regnamespace
          AND typname = ANY (string_to_array('{_BINARY}', ','))) AS same
        FROM pg_attribute a JOIN pg_type y ON y.oid = atttypid
       WHERE attrelid = r.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') c
   WHERE relkind = 'r'
), numbered AS (
  SELECT row_number() OVER (ORDER BY weight DESC, name) AS number, own, columns, same, weight,
    own || coalesce(' (' || columns || ')', '') AS listed, format('SELECT %L;', '{TABLE} ' || name) AS told
    FROM tables WHERE size > 0
), items AS (
  SELECT number, CASE WHEN {wanted if large is not None else "false"}
      THEN format(E'\\\\setenv {_TABLE} ''%s''\n\\\\setenv {_LISTED} ''%s''\n'
        '\\\\copy %s TO PROGRAM ''eval "${_TAKE}"'' WITH (FORMAT binary)\n'
        'SELECT %L;', own, listed, listed, told)
      ELSE format(E'SELECT %L;\nCOPY %s TO STDOUT;\nSELECT %L;',
        format(E'BEGIN;\nTRUNCATE ONLY %s;\nCOPY %s FROM STDIN WITH (FREEZE);', own, listed),
        listed, concat(E'\\\\.\nCOMMIT;\n', told)) END AS act FROM numbered
  UNION ALL
  SELECT 0, format('SELECT %L;', string_agg(format('SELECT %L;', '{TABLE} ' || name), E'\n'))
    FROM tables WHERE size = 0 HAVING count(*) > 0
)
SELECT format(E'SELECT pg_try_advisory_xact_lock({key}, %s) AS mine \\\\gset\n\\\\if :mine\n%s\n\\\\endif',
  number, act) FROM items ORDER BY number = 0, number;
"""


# autovacuum would read what is being filled, for statistics that are on their way; what prod's tables say of
# it stays, and one that was told to come may come
_ALONE = f"""CREATE TEMP TABLE dolibarr_sandbox_alone AS
  SELECT format('ALTER TABLE %I.%I', nspname, r.relname) AS alter
    FROM ({RELATIONS}) r JOIN pg_class c USING (oid)
   WHERE r.relkind = 'r' AND NOT EXISTS (
     SELECT FROM unnest(reloptions) option WHERE option LIKE 'autovacuum_enabled=%');
SELECT format('%s SET (autovacuum_enabled = off)', alter) FROM pg_temp.dolibarr_sandbox_alone \\gexec
SELECT format('%s RESET (autovacuum_enabled);', alter) FROM pg_temp.dolibarr_sandbox_alone;
"""
_SET = f"""
SELECT format('SELECT format(''SELECT pg_catalog.setval(%%L, %%s, %%L);'', name, last_value, is_called)'
  ' FROM (%s) s', string_agg(format('SELECT %L AS name, last_value, is_called FROM %I.%I',
    format('%I.%I', nspname, relname), nspname, relname), ' UNION ALL '))
  FROM (SELECT *, row_number() OVER (ORDER BY oid) / {BATCH} AS batch FROM ({RELATIONS}) r
         WHERE relkind = 'S') q GROUP BY batch \\gexec
"""
