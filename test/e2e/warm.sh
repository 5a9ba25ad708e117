#!/bin/bash
# warm.sh MAKER RUNNER: what the tools in the folder MAKER have compiled runs with those in RUNNER, which
# may have no compiler, and gives the same bytes. Nobody has anything to complain of.
set -euo pipefail
maker=$1
runner=$2
digits=$(dirname "$0")/digits
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RLX_CACHE_DIR=$work/cache

# The key is the first word that these print.
read -r template _ < <("$maker/rlxc" "$digits/digits.onnx")
read -r variant _ < <("$maker/rlx-spec" bind "$digits/digits.onnx" --dim batch=360)

complain() {
  echo "unexpected on stderr:" >&2
  cat "$work/stderr" >&2
  exit 1
}

for entry in "$template" "$variant" "$digits/digits.onnx"; do
  "$maker/rlx-run" run "$entry" --inputs "$digits/heldout.npz" --outputs "$work/made.npz"
  "$runner/rlx-run" run "$entry" --inputs "$digits/heldout.npz" --outputs "$work/run.npz" \
    --expect "$digits/expected.npz" --on-miss=error --check-memory 2>"$work/stderr" || complain
  [ ! -s "$work/stderr" ] || complain
  cmp "$work/made.npz" "$work/run.npz"
done
