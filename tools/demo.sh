#!/bin/bash
# Installs what rlx needs, builds it, and runs the main job on the model in test/e2e/digits: compile,
# bind the batch size, run over all held-out samples, count how many are right; then run once more to
# show how fast a warm start is. Fails if fewer than 95 % are right.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target rlxc rlx-spec rlx-run

model=test/e2e/digits
samples=360
PATH=$PWD/build/release/bin:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A cache of its own: the demonstration starts from nothing and leaves nothing behind.
export RLX_CACHE_DIR=$work/cache

show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

show rlxc $model/digits.onnx
show rlx-spec bind $model/digits.onnx --dim batch=$samples
show rlx-run run $model/digits.onnx --inputs $model/heldout.npz --outputs "$work/out.npz"
$model/accuracy.py "$work/out.npz" $model/labels.npy --min=0.95

start=$EPOCHREALTIME
show rlx-run run $model/digits.onnx --inputs $model/heldout.npz --outputs "$work/again.npz"
end=$EPOCHREALTIME
cmp "$work/out.npz" "$work/again.npz"
# EPOCHREALTIME has six digits after a point or, in some locales, a comma.
us=$((${end//[!0-9]/} - ${start//[!0-9]/}))
printf 'second run: %d.%03d ms from start to end, %d samples, nothing compiled, same bytes\n' \
  $((us / 1000)) $((us % 1000)) $samples
