#!/bin/bash
# Compiles trained-size models and compares what they compute with ONNX Runtime.
#
#   test/models.sh DIR [NAME...]      DIR holds NAME.onnx; by default mobilenet_v2 resnet50 minilm_l6
#                                     bert_base. RLX_BIN names the folder of the tools.
#
# For each model: the template runs with 1 and 2 threads, then a variant with its dims bound does. Outputs
# are within a thousandth of the largest value wanted, and the bits of 1 and 2 threads are the same.
# Needs python3 with numpy and onnxruntime. Ends with a line "N passed, M failed".
set -uo pipefail

[ $# -ge 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
models=$1
shift
[ $# -gt 0 ] || set -- mobilenet_v2 resnet50 minilm_l6 bert_base
bin=${RLX_BIN:-$(dirname "$0")/../build/release/bin}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RLX_CACHE_DIR=$work/cache
passed=0
failed=0

# check WHAT COMMAND...
check() {
  local what=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok      $what"
    return 0
  fi
  failed=$((failed + 1))
  echo "FAILED  $what: $*"
  head -5 "$work/log"
  return 1
}

# The extents that a model's symbols take here.
dims_of() {
  case $1 in
    minilm_l6) echo "batch=2 seq=24" ;;
    bert_base) echo "batch=1 seq=40" ;;
    *) echo "batch=2" ;;
  esac
}

# reference MODEL DIM...: writes in.npz and want.npz.
reference() {
  python3 - "$work" "$@" <<'PYTHON'
import sys

import numpy as np
import onnxruntime as ort

work, model, *dims = sys.argv[1:]
extents = {name: int(value) for name, value in (d.split("=") for d in dims)}
session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
rng = np.random.default_rng(0)
inputs = {}
for i in session.get_inputs():
    shape = [extents.get(d, d) for d in i.shape]
    if i.type == "tensor(float)":
        inputs[i.name] = rng.standard_normal(shape, dtype=np.float32)
    elif "mask" in i.name:
        inputs[i.name] = np.ones(shape, np.int64)
        # The last tokens of a text are padding.
        inputs[i.name][..., -3:] = 0
    else:
        inputs[i.name] = rng.integers(0, 2 if "type" in i.name else 1000, shape)
np.savez(f"{work}/in.npz", **inputs)
names = [o.name for o in session.get_outputs()]
np.savez(f"{work}/want.npz", **dict(zip(names, session.run(names, inputs))))
PYTHON
}

# run WHAT MODEL OPTION...: with 1 and 2 threads, both right and the same.
run() {
  local what=$1 model=$2 threads
  shift 2
  rm -f "$work"/out*.npz
  for threads in 1 2; do
    check "$what, $threads threads" "$bin/rlx-run" run "$model" --inputs "$work/in.npz" \
      --outputs "$work/out$threads.npz" --expect "$work/want.npz" --scale=max --rtol 1e-3 --atol 1e-6 \
      --threads "$threads" "$@"
  done
  check "$what, the same bits" cmp "$work/out1.npz" "$work/out2.npz"
}

for name in "$@"; do
  model=$models/$name.onnx
  [ -r "$model" ] || { echo "FAILED  $name: no $model"; failed=$((failed + 1)); continue; }
  read -ra dims <<<"$(dims_of "$name")"
  rm -f "$work"/*.npz
  check "$name, reference" reference "$model" "${dims[@]}" || continue
  check "$name, rlxc" "$bin/rlxc" "$model" || continue
  # Before there is a variant, which would be taken.
  run "$name, template" "$model" --on-miss=template
  check "$name, rlx-spec" "$bin/rlx-spec" bind "$model" "${dims[@]/#/--dim=}" || continue
  run "$name, variant" "$model" --require-cached
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
