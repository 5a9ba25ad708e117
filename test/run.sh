#!/bin/bash
# Builds rlx and runs its tests; ends with a line "N passed, M failed".
#
#   test/run.sh          the release build and everything that ctest knows
#   test/run.sh --all    besides, what CI asks for: sanitizers, the build without LLVM, a share of the
#                        crash tests, ten seconds of each fuzz target, clang-tidy on recent files,
#                        clang-format
#
# A step that does not get as far as counting (a build that breaks) counts as one failure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

jobs=${RLX_JOBS:-$(nproc)}
passed=0
failed=0
# Nothing of the caller's cache or settings reaches a test.
unset RLX_CACHE_DIR

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

asan() {
  if build asan-ubsan; then run_ctest asan-ubsan; else fail "build asan-ubsan"; fi
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

# A share of what test/crash/soak does, another one each day.
crash() {
  step "crash tests"
  local log bad total
  log=$(mktemp)
  test/crash/soak --bin build/release/bin --minutes 10 --seed "$((EPOCHSECONDS / 86400))" | tee "$log"
  read -r total bad < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log")
  rm -f "$log"
  if [ -z "${total:-}" ]; then
    fail "crash tests did not end"
    return
  fi
  passed=$((passed + total))
  failed=$((failed + bad))
}

fuzz() {
  local target name corpus
  if ! build fuzz; then
    fail "build fuzz"
    return
  fi
  for target in test/fuzz/*_fuzz.cpp; do
    name=$(basename "$target" .cpp)
    step "fuzz $name"
    # Seeds are read from the repository, finds are kept in the build folder.
    corpus=(build/fuzz/corpus/"$name")
    mkdir -p "${corpus[0]}"
    [ -d "test/fuzz/corpus/$name" ] && corpus+=("test/fuzz/corpus/$name")
    check "$name" build/fuzz/bin/"$name" -max_total_time=10 -timeout=5 -rss_limit_mb=1024 \
      -print_final_stats=1 -verbosity=0 -artifact_prefix=build/fuzz/ "${corpus[@]}"
  done
}

# clang-tidy on C++ files of the last 20 commits, newest first, for at most five minutes. A changed
# header is checked through the source file of its name.
tidy() {
  step "clang-tidy"
  local files
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
    timeout "$left" clang-tidy-22 --quiet -p build/asan-ubsan {} 2>/dev/null
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

case "${1:-}" in
  "")
    tools/setup.sh || exit 1
    release
    ;;
  --all)
    tools/setup.sh --all || exit 1
    release
    asan
    tsan
    no_llvm
    crash
    fuzz
    tidy
    format
    ;;
  *)
    echo "usage: test/run.sh [--all]" >&2
    exit 2
    ;;
esac

step "done"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
