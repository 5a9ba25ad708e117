#!/bin/bash
# All that is said of whole models, by one command: the trained ones of some packages, those of a folder, and made ones
# of each architecture, with dims bound and unbound, against onnxruntime; ends with a table and "N passed, M failed".
#
#   test/models.sh [--bin BUILD/bin] [--skeletons DIR [--to DIR]] [OPTIONS of test/models/run.py] [DIR...]
#
# --skeletons is a folder with a program that draws the weights of the models whose structure lies beside it; they go to
# the folder --to, where they stay, or to a temporary one. Other folders hold models as test/models/cases.py names them.
# Right is within a thousandth of the largest value wanted, of a model of 8 bits within two steps of its last scale.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

python=build/venv/bin/python3
bin=build/release/bin
skeletons="" to="" rest=()
while [ $# -gt 0 ]; do
  case "$1" in
    --bin | --skeletons | --to)
      [ $# -ge 2 ] || { echo "models.sh: $1 needs a value" >&2; exit 2; }
      printf -v "${1#--}" %s "$2"
      shift 2
      ;;
    *)
      rest+=("$1")
      shift
      ;;
  esac
done

[ -x "$python" ] || python3 -m venv build/venv || exit
build/venv/bin/pip install -q --disable-pip-version-check -r test/requirements.txt || exit
if [ -n "$skeletons" ]; then
  if [ -z "$to" ]; then
    to=$(mktemp -d)
    trap 'rm -rf "$to"' EXIT
  fi
  "$python" "$skeletons/materialise.py" "$to" || exit
  rest+=("$to")
fi
"$python" test/models/run.py --bin "$bin" --real --table "${rest[@]}"
