-- What a database may hold besides plain tables, in the names and values that are easily got wrong.
CREATE SCHEMA "Odd ""schema""";
CREATE TYPE "Odd ""schema"""."état" AS ENUM ('neuf', 'it''s "used"');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN positive AS numeric CHECK (VALUE > 0) DEFAULT 1;
CREATE TABLE "Odd ""schema"""."line
break :x \ 'q' %s" ("a b" text, "état" "Odd ""schema"""."état", "order" positive, p pair, ps pair[],
  PRIMARY KEY ("a b"));
CREATE TABLE nothing ();
CREATE TABLE many_nothing ();
CREATE TABLE made (a integer, twice integer GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE all_made (twice integer GENERATED ALWAYS AS (1 + 1) STORED);
CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 5), v text COLLATE "C");
CREATE TABLE kinds (a numeric, b double precision, c real, d date, e timestamptz, f interval, g bytea, h char(9),
  i bpchar, j json, k jsonb, l text[], m int[][], o uuid, p inet, q bit varying, r money, s tsvector,
  t int4range, u "char", v time with time zone, w timestamp, x oid, y point);
CREATE TABLE wide (a text, b bytea);
CREATE TABLE dropped (a integer, gone text, b integer, away integer, c text DEFAULT 'c');
ALTER TABLE dropped DROP gone, DROP away;
CREATE TABLE parent (a integer, b text);
CREATE TABLE heir (c integer) INHERITS (parent);
CREATE TABLE parts (id bigint, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE parts_2 (day date NOT NULL, id bigint NOT NULL);
ALTER TABLE parts ATTACH PARTITION parts_2 DEFAULT;
CREATE TABLE node (id integer PRIMARY KEY, other integer REFERENCES node, v varchar(9) CHECK (v IN ('a', 'b')));
CREATE UNIQUE INDEX shouted ON node (upper(v), id) WHERE id > 3;
ALTER TABLE node ADD CONSTRAINT later CHECK (id < 1000) NOT VALID;
CREATE TABLE guarded (a integer);
CREATE TABLE tuned (a integer, b text) WITH (fillfactor = 70, autovacuum_enabled = off);
CREATE TABLE retuned (a integer, b text) WITH (toast.autovacuum_enabled = off, autovacuum_enabled = on);
CREATE VIEW fenced WITH (security_barrier) AS SELECT a FROM tuned;
CREATE POLICY few ON guarded USING (a > 1);
CREATE MATERIALIZED VIEW seen AS SELECT count(*) AS n FROM parent;
CREATE UNIQUE INDEX on_seen ON seen (n);
CREATE VIEW overseen AS SELECT n FROM seen WHERE n IN (SELECT a FROM made);
CREATE STATISTICS linked ON id, other FROM node;
COMMENT ON TABLE made IS 'a ''comment''';
CREATE SEQUENCE down INCREMENT -1 MINVALUE -9 MAXVALUE 9 START 4 CYCLE;
CREATE FUNCTION checks() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
INSERT INTO "Odd ""schema"""."line
break :x \ 'q' %s" SELECT E'tab\t \\. :x\n' || i, 'it''s "used"', i, '(1,)', ARRAY['(1,"{\\""")'::pair]
  FROM generate_series(1, 50) i;
INSERT INTO many_nothing SELECT FROM generate_series(1, 7);
INSERT INTO made SELECT generate_series(1, 100);
INSERT INTO all_made DEFAULT VALUES;
INSERT INTO numbered (v) SELECT repeat('é', i) FROM generate_series(1, 20) i;
INSERT INTO kinds (a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, t, u, v, w, x, y) VALUES
  ('NaN', 'NaN', '-Infinity', 'infinity', '-infinity', '1 mon -2 days', '\x00ff5c2e', 'x', 'y  ', '{"a":  1}',
   '{"a": null}', '{NULL,"NULL","\\","}"}', '[0:1][3:4]={{1,2},{3,4}}', gen_random_uuid(), '::1/8',
   B'101', 12.5, 'a:1 b', '[1,9)', 'c', '10:00+05:30', '4713-01-01 BC', 4294967295, '(1,-0)'),
  (1.00, -0.0, 1e-40, '0044-03-15 BC', '1900-01-01 00:00:00+00', NULL, '', '', '', 'null', 'null', '{}', '{}',
   NULL, NULL, '', -1, '', 'empty', '', NULL, 'infinity', 0, NULL);
INSERT INTO wide SELECT repeat(md5(i::text), 40000), decode(repeat(md5(i::text), 30000), 'hex')
  FROM generate_series(1, 3) i;
INSERT INTO dropped SELECT i, i FROM generate_series(1, 9) i;
INSERT INTO parent SELECT i, 'p' FROM generate_series(1, 9) i;
INSERT INTO heir SELECT i, 'h', i FROM generate_series(1, 9) i;
INSERT INTO parts SELECT i, '2024-06-01'::date + i FROM generate_series(1, 400) i;
INSERT INTO node SELECT i, nullif(i - 1, 0), 'a' FROM generate_series(1, 50) i;
REFRESH MATERIALIZED VIEW seen;
SELECT nextval('down'), nextval('down');
