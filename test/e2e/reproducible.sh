#!/bin/bash
# reproducible.sh BIN: the same model compiled into two fresh caches gives the same files, byte for byte,
# and nothing is left over from making them.
set -euo pipefail
bin=$1
digits=$(dirname "$0")/digits
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for cache in one two; do
  "$bin/rlxc" "$digits/digits.onnx" --cache-dir "$work/$cache" -j "$((RANDOM % 2 + 1))"
  "$bin/rlx-spec" bind "$digits/digits.onnx" --dim batch=8 --cache-dir "$work/$cache"
done
# stats/ and stamps/ say when and where, and may be thrown away.
diff -r --exclude=stats --exclude=stamps "$work/one" "$work/two"

left=$(find "$work"/*/tmp "$work"/*/inflight -mindepth 1 2>/dev/null || true)
[ -z "$left" ] || { echo "left over: $left" >&2; exit 1; }
