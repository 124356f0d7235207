"""The tests: real PostgreSQL, real browser, real HTTP, real files."""
