-- Of a copy that nobody sees: let its owner see every row, where row security is forced on the owner, too.
-- Sets forced, the statements that force it again.
SELECT coalesce(string_agg(format('ALTER TABLE %I.%I NO FORCE ROW LEVEL SECURITY;', nspname, c.relname), ' '), '') AS unforced,
       coalesce(string_agg(format('ALTER TABLE %I.%I FORCE ROW LEVEL SECURITY;', nspname, c.relname), ' '), '') AS forced
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
 WHERE relforcerowsecurity AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE') \gset
:unforced
