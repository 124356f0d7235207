# Run `body` while one session holds a snapshot of prod, and let nobody on prod wait for it; ends with the
# body's exit status. The snapshot is given up with the shell that runs this, however it ends: only that holds the
# other end of the holder's standard input. Who watches says `ended` when it has ended the others, and ends when
# nobody asks it to look. Nothing goes on unwatched: where it ends, or is not let in, while the snapshot is held, that
# is said on standard error, for who can end this shell with all that it runs; and the run's sessions on prod are
# ended from here, too, as soon as prod lets a session in that does it.
#
# Functions that must be there: `holder`, `watcher` and `ender`, each a psql on prod; `body`, which finds the
# caller's standard output as 4, and the snapshot's id and the time that a dump may wait for all its locks as
# DOLIBARR_SANDBOX_SNAPSHOT and DOLIBARR_SANDBOX_LOCKS. Variables: `hold` and `look`, SQL for holder and watcher;
# `box`, a new folder; `taken`, what to say when the snapshot is; `unwatched`, what to say when nobody watches.
watched() {
  watcher | {
    read -r up && echo "$up"
    exec >&4
    while IFS= read -r line; do
      [ "$line" != ended ] || exit 0
      printf '%s\n' "$line"
    done
    kill -0 "$holding" 2>/dev/null || exit 0
    echo "$unwatched" >&2
    until ender >/dev/null 2>&1 || ! kill -0 "$holding" 2>/dev/null; do sleep 0.3; done
  }
}
looking() {
  say "\\set holder $holder
SELECT 1;"
  while say "$look"; do sleep 0.3 >/dev/null; done
}
# what is written to a program that has ended must not end this shell
say() (
  printf '%s\n' "$1"
)
given_up() {
  exec 7>&-
  wait "$holding"
  [ -z "$watching" ] || { kill "$asking"; wait "$watching"; } 2>/dev/null
  exit "$1"
}
watching=
exec 4>&1 </dev/null
mkfifo "$box/in" "$box/out" "$box/look" "$box/up" || { rm -rf "$box"; exit 1; }
holder <"$box/in" >"$box/out" &
holding=$!
exec 7>"$box/in" 8<"$box/out"
say "$hold" >&7
read -r holder DOLIBARR_SANDBOX_LOCKS <&8 || { rm -rf "$box"; given_up 1; }
# closed by `exec`: a shell keeps a copy of what it closes for a function, and the holder's input would not end
(
exec 7>&- 8<&-
watched
) <"$box/look" >"$box/up" &
watching=$!
exec 9>"$box/look" 6<"$box/up"
rm -rf "$box"
(
exec >&9 2>/dev/null 4>&- 6<&- 7>&- 8<&- 9>&-
looking
) &
asking=$!
exec 9>&-
read -r what DOLIBARR_SANDBOX_SNAPSHOT <&8 || given_up 1
[ "$what" = snapshot ] || {
  echo "ERROR:  relation $DOLIBARR_SANDBOX_SNAPSHOT was made or renamed while all were being locked" >&2
  given_up 1
}
read -r up <&6 || given_up 1
echo "$taken" >&2
(
exec 6<&- 7>&- 8<&-
body
)
given_up $?
