# What of a folder this user may move and remove, and its removal. Functions only; they ask for GNU find and stat.
# shellcheck shell=sh

# removal_tried beside|inside PATH: prints what stands in the way, with a NUL after each:
#   move<TAB>PATH     it cannot be put out of the way, so that nothing can take its place
#   remove<TAB>PATH   it can be moved, with what it is in, and never removed
removal_tried() (
  cd -P -- "$2" || exit 1
  removal_fixed "$1" | tr '\n' '\0'
  me=$(id -u)
  [ "$me" != 0 ] || exit 0
  if [ "$1" = inside ]; then
    { [ -r . ] && [ -w . ] && [ -x . ]; } || printf 'move\t.\0'
    # to move a folder into another one is to write to it
    find . -mindepth 1 -maxdepth 1 -type d ! -name '.dolibarr-sandbox-*' ! -user "$me" ! -writable \
      -printf 'move\t%P\0'
    [ ! -k . ] || [ -O . ] || find . -mindepth 1 -maxdepth 1 ! -user "$me" -printf 'move\t%P\0'
  fi
  # what is ours is opened before it is removed; a closed folder of somebody else that is empty needs no opening
  find . -type d ! -user "$me" ! -empty \( ! -readable -o ! -writable -o ! -executable \) -printf 'remove\t%P\0' \
    2>/dev/null
  find . -type d -perm -1000 ! -user "$me" -exec sh -c '
    for at; do find "$at" -mindepth 1 -maxdepth 1 ! -user "$0" -printf "remove\t%p\0"; done' "$me" {} + 2>/dev/null |
    sed -z 's,\t\./,\t,'
  :
)

removal_fixed() { # beside|inside: folders that not even root may change
  command -v lsattr >/dev/null || return 0
  if [ "$1" = beside ]; then lsattr -d -- .. 2>/dev/null | awk '$1 ~ /[ia]/ { print "move\t." }'; fi
  lsattr -d -- . 2>/dev/null | awk '$1 ~ /[ia]/ { print "move\t." }'
  find . -mindepth 1 -type d -exec lsattr -d -- {} + 2>/dev/null |
    awk '$1 ~ /[ia]/ { sub(/^[^ ]+ +(\.\/)?/, ""); print "remove\t" $0 }'
}

removal_open() { # PATH: every folder of ours in it
  find "$1" -type d -user "$(id -u)" ! -perm -700 -exec chmod u+rwx -- {} \; 2>/dev/null
}

# removal PATH JUDGED [ASIDE]: removes it, if it is what guard judged; what cannot be is moved to ASIDE, where there is
# one, and told on standard error
removal() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  (
    cd -P -- "$1" 2>/dev/null
    # from here on it is the folder and not its name: whatever takes that now, is left alone
    [ "$(stat -c %d:%i .)" = "$2" ] || guard_same "$1" "$2" || exit
    removal_open .
    # whose it is, is told until the end by what stays of it
    find . -mindepth 1 -maxdepth 1 ! -name '.dolibarr-sandbox-mark' -exec rm -rf -- {} + 2>/dev/null
    [ -n "$(find . -mindepth 1 -maxdepth 1 ! -name '.dolibarr-sandbox-mark' -print -quit 2>&1)" ] ||
      rm -f -- .dolibarr-sandbox-mark 2>/dev/null
  ) || return
  rmdir -- "$1" 2>/dev/null
  [ -e "$1" ] || [ -L "$1" ] || return 0
  guard_same "$1" "$2" || return
  if [ -n "${3-}" ]; then
    mv -T -- "$1" "$3" || return 1
    set -- "$3"
  fi
  printf 'dolibarr-sandbox left: %s\n' "$(printf %s "$1" | tr '\n' '?')" >&2
}

# removal_again PREFIX WORDS...: tries once more to remove what earlier runs could not; the words are guard's
# behind the folder
removal_again() {
  prefix=$1
  shift
  for left in "$prefix"[0-9]*T[0-9]*-*; do
    [ ! -d "$left" ] || ! judged=$(guard documents "$left" "$@" 2>/dev/null) || removal "$left" "$judged"
  done
}
