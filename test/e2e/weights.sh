#!/bin/bash
# weights.sh BIN FOLDER: compiles FOLDER/model.onnx, whose 256 MB of weights lie in FOLDER/weights, in 100 MB of
# memory of its own (what is mapped from files does not count). Weights are zeros but for one number each.
set -euo pipefail
bin=$1 folder=$2
# Sanitizers take memory of their own.
if grep -qE '__(asan_init|tsan_init|ubsan_handle)' "$bin/rlx-run"; then exit 0; fi
trap 'rm -rf "$folder"' EXIT
export RLX_CACHE_DIR=$folder/cache

truncate -s 256M "$folder/weights"
for i in 0 1 2 3 4 5 6 7; do
  printf '\x0%d\x00\x80\x3f' "$i" |
    dd of="$folder/weights" bs=1 seek=$((i << 25)) conv=notrunc status=none
done
# Of such weights a form has the bytes of the file, and is not copied unless that is asked for.
(ulimit -d $((100 << 10)) && "$bin/rlxc" -q -j1 --target=cpu:x86-64-v3 --weights=embed "$folder/model.onnx")
# Eight forms in the store, each of its own.
blobs=$(find "$folder/cache/cas" -type f -size +30M | wc -l)
[ "$blobs" = 8 ] || { echo "$blobs forms are stored"; exit 1; }
