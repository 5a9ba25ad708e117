#!/bin/sh
# exits.sh CODE COMMAND...: succeeds if the command ends with just that exit code.
want=$1
shift
"$@"
got=$?
[ "$got" = "$want" ] || {
  echo "exit code $got instead of $want: $*" >&2
  exit 1
}
