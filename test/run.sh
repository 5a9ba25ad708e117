#!/bin/bash
# Builds rlx and runs its tests; ends with a line "N passed, M failed".
#
#   test/run.sh          the release build and everything that ctest knows
#   test/run.sh --all    what CI asks for: all shares of docs/ci.md, where the table says what each may
#                        take
#   test/run.sh NAME...  these shares of it, in this order
#
# A share is a function of its name. One that does not get as far as counting (a build that breaks)
# counts as one failure; one that takes longer than it may is told at the end.
#
# Shares of what could run for hours take their seed from the commit: another one each time, and the
# same one again for who looks into a failure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

jobs=${RLX_JOBS:-$(nproc)}
passed=0
failed=0
# Nothing of the caller's cache or settings reaches a test.
unset RLX_CACHE_DIR

commit=$(git rev-parse HEAD 2>/dev/null || echo 1)
seed=$((16#${commit:0:7}))
# Another checkout below this one, the parent commit's, finds in the compiler cache what both have.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD} CCACHE_NOHASHDIR=1

# Python with onnxruntime, for shares that compare with it.
python=build/venv/bin/python3

step() { printf '\n=== %s (%d s)\n' "$*" "$SECONDS"; }
pass() { passed=$((passed + 1)); }
fail() {
  failed=$((failed + 1))
  printf 'FAILED: %s\n' "$*"
}

# check NAME COMMAND...: one test.
check() {
  local name=$1
  shift
  if "$@"; then pass; else fail "$name"; fi
}

# count_lines COMMAND...: adds what its closing line "N passed, M failed" says.
count_lines() {
  local log good bad
  step "$*"
  log=$(mktemp)
  "$@" | tee "$log"
  read -r good bad < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -1)
  rm -f "$log"
  if [ -z "${good:-}" ]; then
    fail "$1 did not get as far as counting"
    return
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  step "build $preset"
  cmake --preset "$preset" >/dev/null &&
    cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"}
}

# run_ctest PRESET [CTEST OPTIONS]: adds ctest's own numbers.
run_ctest() {
  local preset=$1 log total bad
  shift
  step "ctest $preset"
  log=$(mktemp)
  ctest --test-dir "build/$preset" --output-on-failure -j "$jobs" "$@" | tee "$log"
  # "93% tests passed, 2 tests failed out of 29"
  read -r bad total < <(sed -n 's/.*passed, \([0-9]*\) tests* failed out of \([0-9]*\)$/\1 \2/p' "$log")
  rm -f "$log"
  if [ -z "${total:-}" ]; then
    fail "ctest $preset ran nothing"
    return
  fi
  failed=$((failed + bad))
  passed=$((passed + total - bad))
}

release() {
  if build release; then run_ctest release; else fail "build release"; fi
}

# Random kernels are the release build's to try in numbers: under the sanitizers one takes four times as long.
asan() {
  if build asan-ubsan; then
    RLX_RANDOM_KERNELS=15 run_ctest asan-ubsan -LE slow
  else
    fail "build asan-ubsan"
  fi
}

# The folders with locks and threads, and no generated code, which the sanitizer cannot see into.
tsan() {
  if build tsan; then run_ctest tsan -R '^(support|cache|runtime)$'; else fail "build tsan"; fi
}

# Tools without LLVM run what the release build has left in a cache.
no_llvm() {
  if build no-llvm rlx-run; then
    check "warm runs without LLVM" test/e2e/warm.sh build/release/bin build/no-llvm/bin
  else
    fail "build no-llvm"
  fi
}

# A share of what test/crash/soak does.
crash() {
  count_lines test/crash/soak --bin build/release/bin --minutes 4 --seed "$seed"
}

# Whole models, small ones of the usual architectures and real ones, against onnxruntime.
models() {
  venv || { fail "no onnxruntime"; return; }
  count_lines "$python" test/models/run.py --bin build/release/bin --real --made 10 --seed "$seed"
  check "versus, its self test" "$python" test/bench/versus.py --self-test
}

# Small models, each of a kind that once came out wrong, against onnxruntime; operators of sets newer than the system's cases.
cases() {
  venv || { fail "no onnxruntime"; return; }
  count_lines "$python" test/conformance/run.py --bin build/release/bin --newer
  count_lines "$python" test/cases.py --bin build/release/bin test/cases
  check "forms of older operator sets" "$python" test/frontend/older_forms.py
}

# The PTX of GPU kernels is what NVIDIA's assembler takes.
ptxas() {
  venv || { fail "no ptxas"; return; }
  build release test_gpu rlxc || { fail "build test_gpu"; return; }
  step "ptxas"
  check "ptxas" "$python" test/gpu/ptxas.py --bin build/release/bin test/backend/cuda/model.mir
}

# Two faults, planted, have to be found.
mutants() {
  step "mutants"
  check "mutants" test/mutants/run --count 2 --seed "$commit"
}

# Random graphs against the interpreter and onnxruntime. A find that the parent commit shows too is
# counted, not failed.
random() {
  local search=(test/random/run --minutes 3 --seed "$commit" --keep build/random)
  venv && search+=(--ort "$PWD/$python") || fail "no onnxruntime"
  build release random_graphs || { fail "build random_graphs"; return; }
  step "${search[*]}"
  if "${search[@]}"; then pass; return; fi
  step "the parent commit"
  parent random_graphs && check "random graphs" "${search[@]}" --parent "$parent_bin/random_graphs" ||
    fail "random graphs, and no parent commit to compare with"
}

# parent TARGET: built from the parent commit, into parent_bin.
parent_bin=build/parent/build/release/bin
parent() {
  git worktree remove --force build/parent 2>/dev/null
  git worktree add --force --detach build/parent HEAD^ &&
    (cd build/parent && cmake --preset release >/dev/null &&
      cmake --build --preset release -j "$jobs" --target "$1")
}

venv() {
  step "venv"
  [ -x "$python" ] || python3 -m venv build/venv || return
  # Quick where all of it is there.
  build/venv/bin/pip install -q --disable-pip-version-check -r test/requirements.txt
}

# Valid models, mutated, through the tools of the release build; targets of libFuzzer.
fuzz() {
  local target name corpus
  venv && build release rlxc rlx-run || { fail "no mutated models"; return; }
  step "mutated models"
  check "mutated models" "$python" test/fuzz/mutate_onnx.py --bin build/release/bin --minutes 0.7 --seed "$seed"
  if ! build asan-ubsan fuzz; then
    fail "build fuzz"
    return
  fi
  for target in test/fuzz/*_fuzz.cpp; do
    name=$(basename "$target" .cpp)
    step "fuzz $name"
    # Seeds are read from the repository, finds are kept in the build folder.
    corpus=(build/asan-ubsan/corpus/"$name")
    mkdir -p "${corpus[0]}"
    [ -d "test/fuzz/corpus/$name" ] && corpus+=("test/fuzz/corpus/$name")
    [ "$name" = image_fuzz ] && corpus+=(cache-format/golden/image)
    [ "$name" = meta_fuzz ] && corpus+=(cache-format/golden/1)
    check "$name" build/asan-ubsan/bin/"$name" -max_total_time=10 -timeout=5 -rss_limit_mb=1024 \
      -print_final_stats=1 -verbosity=0 -artifact_prefix=build/asan-ubsan/ "${corpus[@]}"
  done
}

# clang-tidy on C++ files of the last 20 commits, newest first, for at most five minutes. A changed
# header is checked through the source file of its name.
tidy() {
  step "clang-tidy"
  local files
  # It looks at each file by itself.
  cmake --preset asan-ubsan -B build/tidy -DCMAKE_UNITY_BUILD=OFF >/dev/null &&
    cmake --build build/tidy --target generated/toolchain_id.h >/dev/null ||
    { fail "configuring for clang-tidy"; return; }
  files=$(git log -20 --name-only --format= -- '*.cpp' '*.h' | sed 's/\.h$/.cpp/' |
    awk '!seen[$0]++' | while read -r file; do
      [ -f "$file" ] && [[ $file != test/fuzz/* ]] && echo "$file"
    done)
  [ -n "$files" ] || return
  export tidy_end=$((EPOCHSECONDS + 300))
  # shellcheck disable=SC2016
  echo "$files" | xargs -P "$jobs" -I{} bash -c '
    left=$((tidy_end - EPOCHSECONDS))
    if [ $left -le 0 ]; then echo "no time left for {}"; exit 0; fi
    timeout "$left" clang-tidy-22 --quiet -p build/tidy {} 2>/dev/null
    status=$?
    [ $status = 124 ] && { echo "no time left for {}"; exit 0; }
    [ $status = 0 ] || { echo "clang-tidy: {}"; exit 1; }'
  check "clang-tidy" [ $? = 0 ]
}

format() {
  step "clang-format"
  git ls-files -z '*.cpp' '*.h' | xargs -0 clang-format-22 --dry-run -Werror
  check "clang-format" [ $? = 0 ]
}

shares=(release asan tsan no_llvm crash models cases ptxas random mutants fuzz tidy format)

# The minutes that docs/ci.md gives a share.
minutes_of() { sed -n "s/^| $1 | \([0-9]*\) |.*/\1/p" docs/ci.md; }

# CPU seconds of the commands that have ended. Not in a pipe: they would be those of the pipe.
cpu_seconds() {
  local file
  file=$(mktemp)
  times >"$file"
  awk -F '[ms ]+' 'NR == 2 { printf "%d", $1 * 60 + $2 + $3 * 60 + $4 }' "$file"
  rm -f "$file"
}

report=""
# share NAME: runs it and notes what it took.
share() {
  local name=$1 start=$SECONDS cpu may took before=$failed over=""
  may=$(minutes_of "$name")
  cpu_seconds >"$spent"
  read -r cpu <"$spent"
  "$name"
  took=$((SECONDS - start))
  cpu_seconds >"$spent"
  [ "$took" -le $((may * 60)) ] || over="  OVER"
  report+=$(printf '%-10s %5d s of %5d, %5d s of CPU, %d failed%s' "$name" "$took" $((may * 60))     $(($(<"$spent") - cpu)) $((failed - before)) "$over")$'
'
}

case "${1:-}" in
  "")
    tools/setup.sh || exit 1
    release
    ;;
  --all | [a-z]*)
    [ "$1" = --all ] || shares=("$@")
    for name in "${shares[@]}"; do
      [ -n "$(minutes_of "$name")" ] || { echo "run.sh: docs/ci.md has no share $name" >&2; exit 2; }
    done
    tools/setup.sh --all || exit 1
    spent=$(mktemp)
    trap 'rm -f "$spent"' EXIT
    for name in "${shares[@]}"; do share "$name"; done
    ;;
  *)
    echo "usage: test/run.sh [--all | SHARE...]" >&2
    exit 2
    ;;
esac

step "done, seed $seed"
printf '%s' "$report"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
