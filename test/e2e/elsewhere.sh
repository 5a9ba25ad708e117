#!/bin/bash
# elsewhere.sh BIN: code for a machine with instructions that this one lacks is refused by rlx-run each
# time, and nothing is made of it; rlxc makes it, and its key runs as code for this machine.
set -uo pipefail
bin=$1
digits=$(dirname "$0")/digits/digits.onnx
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RLX_CACHE_DIR=$work/cache
failed=0

lacks() { ! grep -qw "$1" /proc/cpuinfo; }
if lacks avx512f; then target=cpu:x86-64-v4
elif lacks avx512_fp16; then target=cpu:x86-64-v4,+avx512fp16
elif lacks amx_int8; then target=cpu:x86-64-v4,+amx-int8
else
  echo "this machine has all that rlx knows"
  exit 0
fi

ends() {
  local want=$1 text=$2 got
  shift 2
  "$@" >"$work/out" 2>&1
  got=$?
  [ $got = "$want" ] && grep -q "$text" "$work/out" && return
  echo "exit $got instead of $want: $*: $(cat "$work/out")"
  failed=1
}

refused="RLX-E7002: $target.* needs .*, which this machine lacks; hint: --target=host"
run=("$bin/rlx-run" "$digits" --dim batch=2)
for _ in 1 2; do
  ends 7 "$refused" "${run[@]}" -t "$target"
  ends 7 "$refused" "${run[@]}" -t "$target" --require-cached
  ends 7 "$refused" env RLX_TARGET="$target" "${run[@]}"
done
[ ! -e "$work/cache" ] || [ -z "$("$bin/rlx-cache" ls)" ] || { echo "something is stored"; failed=1; }
ends 0 built "$bin/rlxc" "$digits" -t "$target"
key=$(sed -n 's/ *built .*//p' "$work/out")
ends 7 "$refused" "${run[@]}" -t "$target"
ends 7 "$refused" "${run[@]}" -t "$target" --on-miss=template
# Code for further features does without them where no emitter asks for them: it runs here.
if lacks avx512f; then
  ends 0 "made again from its LIR" "$bin/rlx-run" "$key" --dim batch=2
  ends 7 "which this machine lacks" "$bin/rlx-run" "$key" --dim batch=2 --require-cached
else
  ends 0 logits "$bin/rlx-run" "$key" --dim batch=2 --require-cached
fi
ends 0 logits "${run[@]}"
exit $failed
