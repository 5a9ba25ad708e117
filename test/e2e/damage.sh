#!/bin/bash
# damage.sh BIN: whichever file of a cache is cut short, altered or removed, the next run explains itself,
# compiles again where it must, and gives the right outputs.
set -euo pipefail
bin=$1
digits=$(dirname "$0")/digits
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run() {
  "$bin/rlx-run" run "$digits/digits.onnx" --inputs "$digits/heldout.npz" --cache-dir "$1" \
    --outputs "$work/out.npz" --expect "$digits/expected.npz"
}

run "$work/whole"
cp "$work/out.npz" "$work/whole.npz"

cut_short() { truncate -s $(($(stat -c %s "$1") / 2)) "$1"; }
alter() {
  local middle=$(($(stat -c %s "$1") / 2))
  printf '\377\000' | dd of="$1" bs=1 seek="$middle" conv=notrunc status=none
}
remove() { rm "$1"; }

while read -r file; do
  for harm in cut_short alter remove; do
    rm -rf "$work/cache"
    cp -r --preserve=mode "$work/whole" "$work/cache"
    chmod -R u+w "$work/cache"
    $harm "$work/cache/$file"
    echo "$harm $file"
    run "$work/cache"
    cmp "$work/whole.npz" "$work/out.npz"
  done
done < <(cd "$work/whole" && find . -type f -size +0 | sort)
