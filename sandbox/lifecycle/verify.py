"""Prove that a copy is the dump's snapshot of prod: the same facts are asked of both sides and compared.

Prod's facts travel from psql to psql inside the pipeline of the copy. The comparison runs in the sandbox's
server and raises there, so that for strategy in-place it stands between the copy and its COMMIT.
"""
# ruff: noqa: S608  # names and texts reach SQL through postgres.identifier and postgres.literal, or %I and %L

from __future__ import annotations

from dataclasses import dataclass

from sandbox.lifecycle import content
from sandbox.lifecycle.programs import sql
from sandbox.lifecycle.shape import COUNTED, RELATIONS, facts
from sandbox.postgres import XID

# a sequence's next value as one number: 7 not yet called comes before 7 called
_POSITION = "last_value + CASE WHEN is_called THEN 0.5 ELSE 0 END"

# values travel, and are compared, as text: it must not depend on who asks
SESSION = """
SET search_path = pg_catalog;
SET client_encoding = 'UTF8';
SET row_security = off;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SET bytea_output = 'hex';
SET extra_float_digits = 1;
SET xmloption = 'content';
SET lc_monetary = 'C';
SET synchronize_seqscans = off;
SET jit = off;
-- whole tables are read: the kernel reads ahead, and a server's own workers for that only take its cores
SET effective_io_concurrency = 0;
"""

HORIZON = "horizon"  # a kind of fact of prod's that no copy shares: see `remembered`
EXPECTED, ACTUAL = "pg_temp.dolibarr_sandbox_expected", "pg_temp.dolibarr_sandbox_actual"
EXPECT = (
    SESSION
    + "CREATE TEMP TABLE dolibarr_sandbox_expected (kind text, name text, low numeric, high numeric);\n"
    f"COPY {EXPECTED} FROM STDIN;\n"
)
# for the copy's session: before it is read, and after
UNFORCED, FORCED = sql("forced_off"), ":forced\n"


def _positions(columns: str) -> str:
    """A query that makes queries: the positions of all sequences."""
    select = f"SELECT %L, %L, {columns} FROM %I.%I"
    return f"""
SELECT string_agg(format({_quoted(select)}, 'sequence', name, nspname, relname), ' UNION ALL ') AS text
  FROM (SELECT *, row_number() OVER (ORDER BY oid) / {content.BATCH} AS batch FROM ({RELATIONS}) r
         WHERE relkind = 'S') s GROUP BY batch"""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _copied(queries: str) -> str:
    return f"SELECT format('COPY (%s) TO STDOUT', text) FROM ({queries}) q \\gexec\n"


def ask_positions() -> str:
    """A script for prod: its sequences' positions at this moment, in COPY's text format."""
    return SESSION + _copied(_positions(f"{_POSITION}, {_POSITION}"))


@dataclass(frozen=True)
class Verification:
    """The scripts that verify a copy.

    Args:
        version: the older server's, such as 180003.
        exact: both servers are of one major version, and write definitions in one way.
        jobs: how many processes of a server may read a table at once, the session's own among them.
    """

    version: int
    exact: bool
    jobs: int

    @classmethod
    def between(cls, prod: int, sandbox: int, jobs: int) -> Verification:
        """For two servers, by their versions, and by `refresh.jobs`."""
        return cls(min(prod, sandbox), prod // 10000 == sandbox // 10000, jobs)

    @property
    def session(self) -> str:
        """What a session begins with that reads whole tables."""
        return f"{SESSION}SET max_parallel_workers_per_gather = {self.jobs - 1};\n"

    @property
    def facts(self) -> str:
        """A query: what both sides must have in common beside rows and positions."""
        return facts(exact=self.exact)

    def ask(self) -> str:
        """A script for prod, in a transaction: all that a copy must show, in COPY's text format."""
        return f"{self.ask_facts()}{_copied(content.queries(self.version, 'value, value'))}COMMIT;\n"

    def ask_facts(self) -> str:
        """The same, but for the tables' rows and content, which were asked before."""
        horizon = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
        facts = f"{self.facts} UNION ALL SELECT '{HORIZON}', 'all', {horizon}"
        return f"{self.session}COPY (SELECT kind, name, value, value FROM ({facts}) f) TO STDOUT;\n"

    def look(self, only: str = "") -> str:
        """SQL for the copy: the same, into a table of the session's own; temporary ones live in pg_temp.

        The psql variable `settled` is left, a transaction number: what was seen has smaller ones.

        Args:
            only: a query of the names of those tables whose rows are to be read; empty: all.
        """
        actual = f"INSERT INTO {ACTUAL} "
        queries = content.queries(self.version, "value", only)
        return f"""{self.session}
SELECT {XID} AS settled \\gset
CREATE TEMP TABLE dolibarr_sandbox_actual (kind text, name text, value numeric);
{actual}{self.facts};
DO $look$
DECLARE query text;
BEGIN
  FOR query IN {queries} UNION ALL {_positions(_POSITION)} LOOP
    -- an INSERT would not read in parallel
    EXECUTE 'CREATE TEMP TABLE dolibarr_sandbox_batch (kind, name, value) AS ' || query;
    {actual}SELECT * FROM pg_temp.dolibarr_sandbox_batch;
    DROP TABLE pg_temp.dolibarr_sandbox_batch;
  END LOOP;
END
$look$;
"""


COMPARE = f"""
DO $compare$
DECLARE different text;
BEGIN
  WITH expected AS (
    SELECT kind, name, min(low) AS low, max(high) AS high FROM {EXPECTED}
     WHERE kind <> '{HORIZON}' GROUP BY 1, 2
  ), differences AS (
    SELECT kind, name, a.value IS NULL AS missing, e.low IS NULL AS more, a.value, e.low
      FROM expected e FULL JOIN {ACTUAL} a USING (kind, name)
     WHERE a.value IS NULL OR e.low IS NULL OR a.value NOT BETWEEN e.low AND e.high
  ), lines AS (
    SELECT kind, name, format('%s of %s is %s', kind, name, CASE
        WHEN kind IN {COUNTED} THEN format('%s, prod has %s', coalesce(value::text, 'missing'),
                                           coalesce(low::text, 'none'))
        WHEN missing THEN 'missing' WHEN more THEN 'there, prod has none' ELSE 'not as in prod' END) AS line
      FROM differences
  )
  SELECT concat(string_agg(line, '; '), format(' (%s differences)', max(total))) INTO different
    FROM (SELECT line, count(*) OVER () AS total FROM lines
           ORDER BY kind IN ('columns', 'column', 'default'), kind = 'content', kind, name LIMIT 5) d
  HAVING count(*) > 0;
  IF different IS NOT NULL THEN
    RAISE EXCEPTION 'the copy is not what prod holds: %', different;
  END IF;
END
$compare$;
SELECT json_build_object('verified', json_build_object(
    'tables', count(*) FILTER (WHERE kind = 'rows'),
    'rows', coalesce(sum(value) FILTER (WHERE kind = 'rows'), 0),
    'sequences', count(*) FILTER (WHERE kind = 'sequence'),
    'indexes', count(*) FILTER (WHERE kind = 'index'),
    'constraints', count(*) FILTER (WHERE kind = 'constraint')))
  FROM {ACTUAL};
"""
