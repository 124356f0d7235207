"""Shell text that runs another shell text in a container, and knows when it was cut off.

`kubectl exec` puts its command into a URL, which is short, and a lost connection may end with status 0. So
the text goes in through standard input, before any data, and the container's shell says at the end, on
standard error, with which status it ended. What ended without saying so was lost; but a kubectl that nobody
reads any more lost nothing: its reader ended first, and has the reason.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from shlex import join, quote

from sandbox.engines.kubernetes.kubectl import words_of
from sandbox.engines.kubernetes.select import Container
from sandbox.errors import Failed
from sandbox.shell import NOT_REACHED, RUN_VARIABLE, Command, trace

LOST = 75  # the status of what was cut off
_UNREAD = 141  # SIGPIPE: whoever was to read what it sent had ended

# the one text that is an argument: run what comes first. `read` takes no byte more than it needs, so what
# follows is the next one's
_PART = """while IFS= read -r l && [ "$l" != "$0" ]; do printf '%s\\n' "$l"; done"""
_BOOT = f'eval "$({_PART})"'
_BEGIN = """umask 077
keys=$({part})
text=$({part})
if [ -n "$keys" ]; then
for d in /dev/shm /tmp "$PWD"; do PGPASSFILE=$(mktemp "$d/{trace}XXXXXX" 2>/dev/null) && break; done
trap 'rm -f "$PGPASSFILE"' EXIT
printf '%s\\n' "$keys" >"$PGPASSFILE"; export PGPASSFILE
fi
(unset keys; eval "$text")
code=$?
printf '\\n%s %s\\n' "$0" "$code" >&2
exit $code"""


def inside(
    container: Container, text: str, *, run: str = "", passwords: Path | None = None, stream: bool = False
) -> str:
    """Shell text for this machine.

    Args:
        container: where `text` is to run.
        text: what is to run there.
        run: whose processes they are; a later run finds them by it.
        passwords: a pgpass file of this machine, to be libpq's there while `text` runs.
        stream: hand our standard input on to `text`; else it has none.
    """
    mark = f"dolibarr-sandbox-exec-{secrets.token_hex(6)}"
    keys = "" if passwords is None else f"cat {quote(str(passwords))}\necho\n"
    begin = _BEGIN.replace("{part}", _PART).replace("{trace}", trace(run))
    parts = (Command(("cat",), stdin=begin).text(), keys, Command(("cat",), stdin=text).text())
    feed = "".join(f"{part}echo {mark}\n" for part in parts) + ("cat" if stream else "")
    return f"""{{
code=$(
{{ {feed}
}} | {{ {_call(container, mark, run)} 2>&1 >&9 9>&-
printf '\\n{mark} kubectl %s\\n' "$?"; }} | {{ {_filter(mark)}}}
)
{_verdict(container)}}} 8>&2 9>&1
"""


def _call(container: Container, mark: str, run: str) -> str:
    words = ("sh", "-c", _BOOT, mark)
    inner = ("env", f"{RUN_VARIABLE}={run}", *words) if run else words
    target = ("exec", "--stdin", container.pod, f"--container={container.name}", "--")
    call = join(words_of(container.context, container.namespace, *target, *inner))
    return f"{RUN_VARIABLE}={quote(run)} {call}" if run else call


def _filter(mark: str) -> str:
    """Shell text: pass on what was said on standard error; print how both ends ended, or the last line."""
    return f"""there= here= last=
while IFS= read -r line || [ -n "$line" ]; do case $line in
'{mark} kubectl '*) here=${{line##* }} ;;
'{mark} '*) there=${{line##* }} ;;
'') ;;
'command terminated with exit code '*) ;;
*) last=$line; printf '%s\\n' "$line" >&8 ;;
esac; done
if [ -n "$there" ] && [ "$there" = "$here" ]; then printf %s "$there"
elif [ -z "$there" ] && [ "$here" = {_UNREAD} ]; then printf %s {_UNREAD}
else printf 'lost %s' "$last"; fi
"""


def _verdict(container: Container) -> str:
    """Shell text: end with the program's own status, or say that the container was not reached."""
    told = quote(str(container))
    say = f"printf '{NOT_REACHED} %s"
    return f"""case $code in
lost*[Ff]orbidden*) {say}: exec was refused: %s\\n' {told} "${{code#lost }}" >&2; (exit {LOST}) ;;
lost*) {say}, or lost it: %s\\n' {told} "${{code#lost }}" >&2; (exit {LOST}) ;;
*) (exit "$code") ;;
esac
"""


def ending(run: str) -> str:
    """Shell text for a container: kill what is left there of a run, remove its files, tell how many died."""
    if not run:
        raise Failed("a run without an id is no run: none of its processes can be told from others")
    mark = quote(f"{RUN_VARIABLE}={run}")
    return f"""count=0
for pass in 1 2 3 4 5; do
  found=
  for p in /proc/[0-9]*; do
    tr '\\0' '\\n' <"$p/environ" 2>/dev/null | grep -qxF {mark} && found="$found ${{p#/proc/}}"
  done
  [ -z "$found" ] && break
  for p in $found; do kill -9 "$p" 2>/dev/null && count=$((count + 1)); done
  sleep 0.1
done
for d in /dev/shm /tmp "$PWD" "${{TMPDIR:-/tmp}}"; do rm -rf "$d"/{trace(run)}*; done
echo "$count"
[ -z "$found" ]
"""
