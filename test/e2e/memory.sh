#!/bin/bash
# memory.sh BIN: more memory than there is: exit 11 and what it was wanted for, with --json too.
set -uo pipefail
bin=$1
digits=$(dirname "$0")/digits/digits.onnx
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RLX_CACHE_DIR=$work/cache
failed=0

cat >"$work/wide.mir" <<'END'
graph "wide" {
  symbol n = input 0 axis 0, max 2147483647
  %x = input "x" : f32[n, 1]
  %one = constant 1.0 : f32[1, 1000000]
  %y = mul(%x, %one) @ ["/widen"]
  output "y" = %y
}
END

# ends TEXT COMMAND...: exit 11 with that in its one line, and with --json in its one document.
ends() {
  local text=$1 got
  shift
  for json in "" --json; do
    # shellcheck disable=SC2086
    "$@" $json >"$work/out" 2>"$work/err"
    got=$?
    if [ -n "$json" ]; then python3 -m json.tool <"$work/out" >"$work/said" || failed=1
    else cp "$work/err" "$work/said"; fi
    [ $got = 11 ] && grep -Eq "$text" "$work/said" && ! grep -q terminate "$work/err" && continue
    echo "exit $got instead of 11: $* $json: $(cat "$work/out" "$work/err")"
    failed=1
  done
}

"$bin/rlxc" -q "$work/wide.mir" >/dev/null
ends "output y f32\[100000, 1000000\] takes 373 GiB, and .* are free" \
  "$bin/rlx-run" "$work/wide.mir" --dim n=100000 --on-miss=template

# The address sanitizer takes terabytes of addresses.
if grep -q __asan_init "$bin/rlx-run"; then exit $failed; fi

# A limit on the address space: wherever it is met.
limited() { (ulimit -v "$1" && shift && "$@"); }
for kib in 60000 90000 120000 200000 300000; do
  limited $kib "$bin/rlx-run" "$work/wide.mir" --dim n=3 --on-miss=template --json \
    >"$work/out" 2>"$work/err"
  got=$?
  case $got in
    0 | 11) python3 -m json.tool <"$work/out" >/dev/null || failed=1 ;;
    # The system could not start it.
    127) ;;
    *) echo "exit $got with $kib KiB: $(cat "$work/out" "$work/err")"; failed=1 ;;
  esac
done
exit $failed
