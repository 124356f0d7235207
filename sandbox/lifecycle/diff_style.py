"""How a diff's page looks, on a light or a dark screen and on paper."""

STYLE = """
:root { color-scheme: light dark; --bg: #f6f7f9; --card: #fff; --ink: #1c2430; --quiet: #647084;
  --line: #dde2ea; --inserted: #1a7f45; --inserted-bg: #e3f6ea; --changed: #9a6200; --changed-bg: #fdf2da;
  --deleted: #b3261e; --deleted-bg: #fde7e5; }
@media screen and (prefers-color-scheme: dark) { :root { --bg: #14181f; --card: #1d232d; --ink: #e6eaf0;
  --quiet: #93a0b4; --line: #303947; --inserted: #62d394; --inserted-bg: #17382a; --changed: #f0b95b;
  --changed-bg: #3a2e14; --deleted: #ff8d85; --deleted-bg: #46201e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1rem 6rem; max-width: 64rem; background: var(--bg); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h1 .quiet { font-size: 1rem; font-weight: 400; }
h2 { display: inline; font-size: 1.15rem; margin-right: .6rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
a { color: inherit; } p { margin: .4rem 0; }
.quiet { color: var(--quiet); font-weight: 400; } .null { color: var(--quiet); font-style: italic; }
.same { font-size: 1.1rem; color: var(--inserted); }
.note { border-left: 3px solid var(--changed); padding: .1rem .7rem; }
.tiles { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1.2rem 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .6rem 1.1rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.2; }
.inserted > b, td.inserted, .inserted .kind { color: var(--inserted); }
.changed > b, td.changed, .changed .kind { color: var(--changed); }
.deleted > b, td.deleted, .deleted .kind { color: var(--deleted); }
.contents { border-collapse: collapse; }
.contents td { padding: .15rem 1.4rem .15rem 0; white-space: nowrap; }
.show { border: 0; padding: 0; margin: 1rem 0 0; } .show legend { float: left; margin-right: .8rem; }
.show label { margin-right: .9rem; }
.table { margin-top: 1.4rem; } summary { cursor: pointer; padding: .3rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-left-width: 5px; border-radius: .6rem;
  padding: .8rem 1rem; margin: .7rem 0; break-inside: avoid; }
.card.inserted { border-left-color: var(--inserted); } .card.changed { border-left-color: var(--changed); }
.card.deleted { border-left-color: var(--deleted); }
.kind { font-size: .78rem; font-weight: 600; text-transform: uppercase; letter-spacing: .04em;
  margin-right: .6rem; }
.card table, details > table { border-collapse: collapse; width: 100%; table-layout: fixed; }
.card th, details > table th { width: 14rem; text-align: left; vertical-align: top; color: var(--quiet);
  font-weight: 400; padding: .15rem .6rem .15rem 0; overflow-wrap: anywhere; }
.card td, details > table td { vertical-align: top; padding: .15rem .4rem .15rem 0; }
del, ins { display: inline-block; max-width: 100%; max-height: 20rem; overflow: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; text-decoration: none; border-radius: .25rem; padding: 0 .35rem; }
del { background: var(--deleted-bg); } ins { background: var(--inserted-bg); }
.files { list-style: none; padding: 0; } .files li { padding: .15rem 0; overflow-wrap: anywhere; }
.code { color: var(--deleted); font: .85em ui-monospace, monospace; }
@media screen { body:has(#show-inserted:checked) .card:not(.inserted),
body:has(#show-changed:checked) .card:not(.changed),
body:has(#show-deleted:checked) .card:not(.deleted) { display: none; } }
@media (max-width: 40rem) { .card th, details > table th { width: 8rem; } }
/* paper shows all: what is closed, what was filtered, and what one would scroll to */
@media print { :root { color-scheme: light; } .show { display: none; }
  body { max-width: none; padding: 0; background: #fff; }
  details::details-content { display: block; content-visibility: visible; block-size: auto; }
  del, ins { display: block; max-height: none; overflow: visible; } .contents td { white-space: normal; } }
"""
