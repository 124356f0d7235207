# Restore what travels of the archive on standard input: all of its table of contents but the entries that the
# lines of `left` name by catalog and number, and, of those without a number, such as a comment or what binds a sequence
# to its column, the ones that belong to a role of `roles` and are not about a table of Dolibarr's. What is said of
# schema public is the sandbox's own to say.
#
# Functions that must be there: `listed`, a pg_restore that prints the table of contents of "$box/archive", and `restored`,
# one that restores what "$box/list" names of it. Variables: `left`, `roles`, and `box`, a new folder, which goes.
printf '%s\n' "$left" >"$box/left" && printf '%s\n' "$roles" >"$box/roles" &&
cat >"$box/archive" && listed >"$box/contents" && box=$box awk '
  BEGIN {
    while ((getline line <(ENVIRON["box"] "/left")) > 0) gone[line]
    while ((getline line <(ENVIRON["box"] "/roles")) > 0) if (line != "") role[++roles] = line
  }
  ($2 " " $3) in gone || /^[0-9]+; 0 0 COMMENT - SCHEMA public / { next }
  /^[0-9]+; 0 0 / && !/ public ([A-Z]+ )*llx_/ {
    for (i = 1; i <= roles; i++)
      if (substr($0, length($0) - length(role[i])) == " " role[i]) next
  }
  { print }
' "$box/contents" >"$box/list" && restored
code=$?
rm -rf "$box"
exit "$code"
