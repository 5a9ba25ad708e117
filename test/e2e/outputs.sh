#!/bin/bash
# outputs.sh BIN: whatever the path of an output is, what was there before is replaced whole, written to,
# or left alone; pipes, devices, links and folders stay what they are.
set -uo pipefail
bin=$1
digits=$(dirname "$0")/digits
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RLX_CACHE_DIR=$work/cache XDG_CONFIG_HOME=$work/config
key=$("$bin/rlxc" -q "$digits/digits.onnx" | cut -d' ' -f1)
failed=0

fail() {
  echo "$*"
  failed=1
}

# Each writes to the path that it is given.
export_entry() { "$bin/rlx-cache" export "$key" -o "$1" >/dev/null; }
emit_text() { "$bin/rlxc" "$digits/digits.onnx" --emit=hir -o "$1"; }
run_model() { "$bin/rlx-run" "$digits/digits.onnx" --dim batch=2 -o "$1" >/dev/null; }

# ends CODE COMMAND...: that exit code, what it says in $work/stderr.
ends() {
  local want=$1 got
  shift
  "$@" 2>"$work/stderr"
  got=$?
  [ $got = "$want" ] || fail "exit $got instead of $want: $* ($(cat "$work/stderr"))"
}

for write in export_entry emit_text run_model; do
  ends 0 $write "$work/plain.npz"
  # A regular file keeps its mode.
  touch "$work/private.npz" && chmod 600 "$work/private.npz"
  ends 0 $write "$work/private.npz"
  cmp -s "$work/plain.npz" "$work/private.npz" || fail "$write: other bytes"
  [ "$(stat -c %a "$work/private.npz")" = 600 ] || fail "$write: another mode"

  mkfifo "$work/fifo"
  cat "$work/fifo" >"$work/read" &
  ends 0 $write "$work/fifo"
  wait
  [ -p "$work/fifo" ] || fail "$write: the pipe is gone"
  cmp -s "$work/plain.npz" "$work/read" || fail "$write: other bytes through a pipe"

  ln -s target.npz "$work/link"
  : >"$work/target.npz"
  ends 0 $write "$work/link"
  [ -L "$work/link" ] && cmp -s "$work/plain.npz" "$work/target.npz" || fail "$write: the link is gone"
  # One that leads nowhere yet.
  rm "$work/target.npz"
  [ $write = run_model ] || ends 0 $write "$work/link"
  [ -L "$work/link" ] || fail "$write: the dangling link is gone"

  ends 11 $write /dev/full
  [ -c /dev/full ] || fail "$write: the device is gone"
  ends 0 $write /dev/null
  [ -c /dev/null ] || fail "$write: the device is gone"

  mkdir "$work/folder.npz"
  ends 11 $write "$work/folder.npz"
  [ -d "$work/folder.npz" ] || fail "$write: the folder is gone"
  grep -q "folder.npz" "$work/stderr" || fail "$write: the path is not named"
  ends 11 $write "$work/nowhere/x.npz"
  grep -q "No such file" "$work/stderr" || fail "$write: the cause is not named"
  rm -rf "$work/fifo" "$work/link" "$work/target.npz" "$work/folder.npz" "$work"/*.npz "$work/read"
done

# stdout by its name, after what is there already.
{
  echo first
  emit_text /dev/stdout
} >"$work/text"
[ "$(head -n1 "$work/text")" = first ] && [ "$(wc -l <"$work/text")" -gt 5 ] ||
  fail "/dev/stdout is written over"

# Keys are never written over, nor half.
ends 0 "$bin/rlx-cache" keygen "$work/key" >/dev/null
cp "$work/key" "$work/before"
ends 11 "$bin/rlx-cache" keygen "$work/key"
cmp -s "$work/key" "$work/before" || fail "the key is another"
: >"$work/other.pub"
ends 11 "$bin/rlx-cache" keygen "$work/other"
[ ! -e "$work/other" ] || fail "a secret without its public half"
ln -s nowhere "$work/dangling"
ends 11 "$bin/rlx-cache" keygen "$work/dangling"
[ ! -e "$work/nowhere" ] || fail "a key through a link"

left=$(find "$work" -name '*.tmp.*' -o -name '*.part')
[ -z "$left" ] || fail "left over: $left"
exit $failed
