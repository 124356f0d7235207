# Whether a folder may be renamed, emptied or removed. Functions only; they ask for GNU find, stat and readlink.
#
# judged=$(guard …) || exit: what was judged may be replaced a moment later; guard_same tells.
#
# guard KIND PATH MARK ADOPTED COUNT AROUND... KEPT...
#   prints its device:inode (nothing when it is absent) and ends with 0 when it may, else with 93 after one line on
#   standard error: dolibarr-sandbox guard: RULE<TAB>FOLDER<TAB>DETAIL
#
#   KIND     documents, or kept: the folder of a checkpoint, which is known by what is in it
#   PATH     absolute, without symbolic links
#   MARK     how the text begins that a run of ours leaves in this sandbox's folders
#   ADOPTED  device:inode of a folder that a person said is this sandbox's; empty: none
#   AROUND   COUNT paths that the folder must not lie in
#   KEPT     what the folder must neither be nor hold; every home of this machine is added
# shellcheck disable=SC2030,SC2031 # all of it runs in the one subshell

guard() (
  kind=$1 at=$2 mark=$3 adopted=$4 around=$5
  shift 5
  case $at$* in *'
'*) guard_refuse line '' ;; esac  # names travel in lines here
  [ -e "$at" ] || [ -L "$at" ] || exit 0
  [ ! -L "$at" ] || guard_refuse link "$(readlink "$at")"
  [ -d "$at" ] || guard_refuse file ''
  cd -P -- "$at" 2>/dev/null || guard_refuse closed ''
  [ "$(pwd -P)" = "$at" ] || guard_refuse link "$(pwd -P)"
  mine=$(stat -c %d:%i .) || guard_refuse closed ''
  names=$(printf '%s\n' "$at" | guard_names)
  guard_named guard_place || exit
  guard_homes
  above=$(printf '%s\n' "$names" | guard_parents | guard_identities)
  while [ "$around" -gt 0 ]; do
    around=$((around - 1))
    guard_lies_in "$1"
    shift
  done
  guard_keeps "$@"
  guard_mounts
  guard_named guard_tracked || exit
  guard_ours
  printf '%s\n' "$mine"
)

guard_same() ( # PATH JUDGED: whether it is still what was judged
  at=$1
  if [ -L "$at" ] || [ "$(stat -c %d:%i -- "$at" 2>/dev/null)" != "$2" ]; then guard_refuse changed ''; fi
)

guard_refuse() { # RULE DETAIL
  printf 'dolibarr-sandbox guard: %s\t%s\t%s\n' "$1" "$(printf %s "$at" | tr '\n\t' '  ')" \
    "$(printf %s "$2" | tr '\n\t' '  ')" >&2
  exit 93
}

guard_parents() { # each of the paths on standard input and every folder that it is in, ended by NUL
  while IFS= read -r one; do
    case $one in /*) ;; *) continue ;; esac  # of a home with a line break in its name
    while [ -n "$one" ]; do
      printf '%s\0' "$one"
      one=${one%/*}
    done
    printf '/\0'
  done
}

guard_names() { # paths on standard input; each, and its other names where what it is on is mounted twice
  if [ ! -r /proc/self/mountinfo ]; then
    cat
    return
  fi
  awk '
    function plain(text) {
      gsub(/\\040/, " ", text); gsub(/\\011/, "\t", text); gsub(/\\134/, "\\", text)
      return text
    }
    function below(path, top) { return top == "" || path == top || index(path, top "/") == 1 }
    function trimmed(path) { return path == "/" ? "" : path }
    FILENAME != "-" { n++; device[n] = $3; root[n] = trimmed(plain($4)); point[n] = trimmed(plain($5)); next }
    {
      print $0 "\n" $0
      path = trimmed($0)
      for (i = on = 0; ++i <= n;)
        if (below(path, point[i]) && (!on || length(point[i]) >= length(point[on]))) on = i
      if (!on) next
      place = root[on] substr(path, length(point[on]) + 1)
      for (i = 0; ++i <= n;)
        if (i != on && device[i] == device[on] && below(place, root[i]))
          print $0 "\n" point[i] substr(place, length(root[i]) + 1)
    }' /proc/self/mountinfo - | while IFS= read -r one && IFS= read -r other; do
    # something else may be mounted over that name
    [ "$one" != "$other" ] && [ "$(stat -Lc %d:%i -- "$one" 2>&1)" != "$(stat -Lc %d:%i -- "$other" 2>&1)" ] ||
      printf '%s\n' "$other"
  done
}

guard_identities() { # device:inode of each path on standard input; links are followed
  sort -zu | xargs -0 -r stat -Lc %d:%i -- 2>/dev/null
}

guard_named() { # FUNCTION: for each of its names
  printf '%s\n' "$names" | while IFS= read -r name; do "$1"; done
}

guard_place() {
  guard_system
  # these have no settings that name them
  case $name/ in */.ssh/* | */.gnupg/* | */.kube/* | */.sandbox/*) guard_refuse holds "$name" ;; esac
  guard_servers
}

guard_system() {
  case ${name%/*} in '' | /home | /var | /var/lib | /run) guard_refuse system '' ;; esac
  case $name/ in
  /dev/shm/?*/) ;;
  /etc/* | /usr/* | /bin/* | /sbin/* | /lib/* | /lib32/* | /lib64/* | /libx32/* | /boot/*) guard_refuse system '' ;;
  /dev/* | /proc/* | /sys/*) guard_refuse system '' ;;
  esac
  # the same by another name: a bind mount
  if stat -c %d:%i -- / /* /var/* /var/lib/* /run/* /usr/* /etc/* 2>/dev/null | grep -qxF "$mine"; then
    guard_refuse system ''
  fi
}

guard_holds() { # PATH...: whether the folder is one of them or leads to one, as written and as resolved
  {
    printf '%s\n' "$@"
    readlink -f -- "$@" 2>/dev/null
  } | guard_names | guard_parents | guard_identities | grep -qxF "$mine"
}

guard_homes() {
  {
    getent passwd || cat /etc/passwd
  } 2>/dev/null | cut -d: -f6 | {
    set -- "${HOME:-/}" /home/*
    while IFS= read -r home; do
      case $home in /*) set -- "$@" "$home" ;; esac
    done
    guard_holds "$@" || exit 0
    for home; do ! guard_holds "$home" || guard_refuse home "$home"; done
  } || exit 93
}

guard_keeps() { # KEPT...
  if [ $# = 0 ] || ! guard_holds "$@"; then return 0; fi
  for kept; do ! guard_holds "$kept" || guard_refuse holds "$kept"; done
  guard_refuse holds "$*"
}

guard_lies_in() { # PATH
  one=$(stat -Lc %d:%i -- "$1" 2>/dev/null) || return 0
  ! printf '%s\n' "$above" | grep -qxF "$one" || guard_refuse inside "$1"
}

guard_mounts() { # what is mounted below would be emptied, and could not be removed
  [ -r /proc/self/mountinfo ] || return 0
  here=$(printf %s "$at" | sed 's/\\/\\134/g; s/ /\\040/g; s/	/\\011/g')
  while read -r _ _ _ _ point _; do
    case $point in "$here"/*) guard_refuse mount "$point" ;; esac
  done </proc/self/mountinfo
}

guard_servers() {
  up=$name
  while :; do
    [ ! -e "$up/PG_VERSION" ] || guard_refuse postgresql "$up"
    [ -n "$up" ] || return 0
    up=${up%/*}
  done
}

guard_tracked() {
  case $name/ in */.git/*) guard_refuse tracked "$name" ;; esac
  up=$name
  until [ -e "$up/.git" ]; do
    [ -n "$up" ] || return 0
    up=${up%/*}
  done
  tracked=$(
    # as in tracked.py
    # shellcheck disable=SC2046 # each is a name
    unset $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p')
    export GIT_ALLOW_PROTOCOL='' GIT_NO_LAZY_FETCH=1 GIT_DISCOVERY_ACROSS_FILESYSTEM=1
    cd -P -- "$name" && git -c safe.directory='*' -c core.fsmonitor=false -c core.hooksPath=/dev/null \
      ls-files -- . 2>/dev/null && echo /
  )
  case $tracked in
  /) ;;
  */) guard_refuse tracked "$(printf '%s\n' "$tracked" | head -n 1)" ;;
  *) guard_refuse tracked "what git cannot tell in ${up:-/}" ;;
  esac
}

guard_ours() {
  if [ -f .dolibarr-sandbox-mark ] && [ ! -L .dolibarr-sandbox-mark ]; then
    found=$(head -c 4096 .dolibarr-sandbox-mark)
    case $found in "$mark"*) return 0 ;; esac
    rule=another
  else
    found=$(find . -mindepth 1 -maxdepth 1 ! -name '.dolibarr-sandbox-*' -print -quit) || guard_refuse closed ''
    [ -n "$found" ] || return 0
    rule=unmarked found=
  fi
  if [ "$kind" = kept ] && [ -d files ]; then
    [ -n "$(find . -mindepth 1 -maxdepth 1 ! -name files ! -name 'since.*' -print -quit)" ] || return 0
  fi
  # what no copy of documents has, and what a person who adopts it has surely not thought of
  hit=$(find . \( -name .git -o -name PG_VERSION -o -name .ssh -o -name .gnupg -o -name .kube -o -name .pgpass \
    -o -name pgpass -o -name .env -o -name .sandbox -o -name tasks.py -o -name 'invoke.y*ml' \) -print -quit) ||
    guard_refuse closed ''
  [ -z "$hit" ] || guard_refuse holds "$at/${hit#./}"
  [ "$adopted" != "$mine" ] || return 0
  guard_refuse "$rule" "$mine $(find . -type f -printf '%s %T@\n' 2>/dev/null | awk '
    { files++; bytes += $1; if ($2 > newest) newest = $2 } END { printf "%d %.0f %d", files, bytes, newest }') $found"
}
