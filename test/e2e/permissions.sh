#!/bin/bash
# permissions.sh BIN: what may not be read is neither missing nor damaged: the message says whose it is, and
# nobody who looks after the cache says otherwise. Needs root, to be somebody else.
set -uo pipefail
bin=$1
digits=$(dirname "$0")/digits/digits.onnx
[ "$(id -u)" = 0 ] || { echo "only root can be somebody else"; exit 0; }
# Where other users get at it: a TMPDIR is private.
work=$(mktemp -d -p /tmp)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

mkdir -m 755 "$work/bin"
cp "$bin"/rlx* "$work/bin"
cp -r "$bin/../lib" "$digits" "$work"
digits=$work/digits.onnx
chmod a+r "$digits"
export RLX_CACHE_DIR=$work/cache
mkdir -m 755 "$work/cache"
"$work/bin/rlxc" -q "$digits" --dim batch=2 >/dev/null
failed=0

other() { setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$work" "$@"; }

# ends CODE TEXT COMMAND...: as another user, that exit code, and that text is said and "damaged",
# "missing" and "another process" are not.
ends() {
  local want=$1 text=$2 got
  shift 2
  other "$@" >"$work/out" 2>&1
  got=$?
  [ $got = "$want" ] && grep -q "$text" "$work/out" &&
    ! grep -Eq "damaged|missing|another process|locks +none" "$work/out" && return
  echo "exit $got instead of $want: $*: $(cat "$work/out")"
  failed=1
}

run=("$work/bin/rlx-run" "$digits" --dim batch=2)
denied="permission denied (.* belongs to root, you are user 65534)"

# A folder that others may read holds folders that others may read.
ends 0 hit "$work/bin/rlxc" "$digits" --dim batch=2
ends 0 logits "${run[@]}" --require-cached
ends 0 whole "$work/bin/rlx-cache" verify
ends 8 "$denied" "$work/bin/rlxc" "$digits" --dim batch=3
ends 8 "$denied" "$work/bin/rlx-cache" gc
ends 8 "$denied" "$work/bin/rlx-cache" doctor

# Inner folders that were made by an older rlx, or closed by hand.
chmod -R o-rx "$work"/cache/*/
ends 0 "$denied" "${run[@]}"
ends 8 "hint: .*chmod -R a+rX" "$work/bin/rlx-cache" verify
ends 8 "unreadable" "$work/bin/rlx-cache" verify
ends 8 "$denied" "$work/bin/rlx-cache" doctor
ends 8 "$denied" "$work/bin/rlxc" "$digits" --dim batch=3

# The records themselves.
chmod o+rx "$work"/cache/*/ && chmod o-r "$work"/cache/*.json
ends 0 "$denied" "${run[@]}"
ends 8 "$denied" "$work/bin/rlx-cache" verify

# All of it.
chmod 700 "$work/cache"
ends 0 "$denied" "${run[@]}"
for command in ls verify stats gc doctor; do ends 8 "$denied" "$work/bin/rlx-cache" $command; done
exit $failed
