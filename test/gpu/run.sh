#!/bin/bash
# On a machine with an NVIDIA GPU, with the release build's tools: what the CPU backend computes, the GPU computes.
#
#   test/gpu/run.sh BIN [--cases DIR] [--models DIR[,DIR]] [--decode MODEL.onnx|made]...
#
# The corpus of kernels bit by bit (test_gpu, where it is there), ONNX's operator cases in DIR, whole models
# (test/gpu/models.py), and loops of language models (test/gpu/decode.py). Ends with a line "N passed, M failed".
set -uo pipefail
bin=$(realpath "$1")
shift
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# counted COMMAND...: adds what its closing line "N passed, M failed" says.
counted() {
  local good bad
  "$@" | tee "$work/said" | tail -60
  read -r good bad < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$work/said" | tail -1)
  passed=$((passed + ${good:-0}))
  failed=$((failed + ${bad:-1}))
}

"$bin/rlx-run" devices
if [ -x "$bin/test_gpu" ]; then
  "$bin/test_gpu" | tail -12
  if [ "${PIPESTATUS[0]}" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
fi
while [ $# -gt 1 ]; do
  case "$1" in
    --cases) counted python3 "$here/../conformance/run.py" --bin "$bin" --data "$2" --device cuda ;;
    --models) counted python3 "$here/models.py" --bin "$bin" --models "$2" ;;
    --decode)
      if [ "$2" = made ]; then set -- "$1" --made "${@:3}"; fi
      counted python3 "$here/decode.py" --bin "$bin" "$2"
      ;;
    *) echo "test/gpu/run.sh: what is $1?" && exit 2 ;;
  esac
  shift 2
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
