#!/bin/bash
# full_build.sh BIN: rlx-run has no compiler in it, and becomes the one that has where code is to be made: once, with its
# arguments as they were, and nothing said twice. By itself it runs what is in the cache, and says what it lacks.
set -uo pipefail
bin=$1
digits=$(dirname "$0")/digits
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RLX_CACHE_DIR=$work/cache
failed=0

# expect WHAT CODE TEXT TIMES COMMAND...: that exit code, and the text so often in all that is said.
expect() {
  local what=$1 code=$2 text=$3 times=$4 got said
  shift 4
  "$@" >"$work/out" 2>&1
  got=$?
  said=$(grep -c -- "$text" "$work/out")
  [ $got = "$code" ] && [ "$said" = "$times" ] && return
  echo "$what: exit $got instead of $code, \"$text\" $said times instead of $times:"
  cat "$work/out"
  failed=1
}

mkdir "$work/alone"
cp "$bin/rlx-run" "$work/alone"
model=$work/"a model.onnx"
cp "$digits/digits.onnx" "$model"
if grep -q LLVMContext "$bin/rlx-run"; then
  echo "rlx-run has LLVM in it"
  failed=1
fi
expect "a miss without the other build" 7 RLX-E7001 1 "$work/alone/rlx-run" "$model" --dim batch=2
expect "a miss" 0 "cache: miss" 1 "$bin/rlx-run" "$model" --dim batch=2 --seed 3
expect "the arguments" 0 "f32\[2, 10\]" 1 "$bin/rlx-run" "$model" --dim batch=2 --seed 3
expect "a hit without the other build" 0 logits 1 "$work/alone/rlx-run" "$model" --dim batch=2
expect "libraries of a hit" 0 "simdjson\|libstdc++" 0 env LD_DEBUG=files "$bin/rlx-run" "$model" --dim batch=2
model=$work/'a "model".onnx'
mv "$work/a model.onnx" "$model"
expect "a record that is not plain" 0 logits 1 "$bin/rlx-run" "$model" --dim batch=2
expect "one without its library" 0 logits 1 "$work/alone/rlx-run" "$model" --dim batch=2
find "$RLX_CACHE_DIR/cas" -type f -delete
expect "a damaged entry" 0 " again" 1 "$bin/rlx-run" "$model" --dim batch=2
exit $failed
