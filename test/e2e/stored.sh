#!/bin/bash
# stored.sh BIN: who compiles into a cache that takes nothing fails, quiet or not; who runs has his outputs
# and is told.
set -uo pipefail
bin=$1
digits=$(dirname "$0")/digits/digits.onnx
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
unset RLX_CACHE_DIR XDG_CACHE_HOME
export HOME=$work/home XDG_CONFIG_HOME=$work/config
failed=0
: >"$work/file"

# tool CODE STORED TEXT COMMAND...: the exit code, stored in each item of its JSON, and what is said of it,
# in the JSON and, with and without -q, on stderr.
tool() {
  local want=$1 stored=$2 text=$3 got
  shift 3
  for flags in "" "-q" "--json" "-q --json"; do
    # shellcheck disable=SC2086
    "$@" $flags >"$work/stdout" 2>"$work/stderr"
    got=$?
    [ $got = "$want" ] || { echo "exit $got instead of $want: $* $flags"; failed=1; }
    case "$flags" in
      *--json) grep -q "\"stored\": *$stored" "$work/stdout" && grep -q "$text" "$work/stdout" ;;
      -q) [ "$want" = 0 ] || grep -q "$text" "$work/stderr" ;;
      *) [ -z "$text" ] || grep -q "$text" "$work/stderr" ;;
    esac || { echo "$* $flags: $(cat "$work/stdout" "$work/stderr")"; failed=1; }
  done
}

compile=("$bin/rlxc" "$digits")
bind=("$bin/rlx-spec" bind "$digits" --dim batch=3)
run=("$bin/rlx-run" "$digits" --dim batch=3)

# No place for a cache.
nowhere="none of RLX_CACHE_DIR, XDG_CACHE_HOME and HOME says where the cache is"
tool 8 false "$nowhere" env -u HOME "${compile[@]}"
tool 8 false "$nowhere" env -u HOME "${compile[@]}" --cache-strict
tool 8 false "$nowhere" env -u HOME "${bind[@]}"
tool 0 false "$nowhere" env -u HOME "${run[@]}"
# A file where it should be.
tool 8 false "$work/file" env RLX_CACHE_DIR="$work/file" "${compile[@]}"
tool 8 false "$work/file" env RLX_CACHE_DIR="$work/file" "${bind[@]}"
tool 0 false "$work/file" env RLX_CACHE_DIR="$work/file" "${run[@]}"
# One that is only read, and one that is asked for nothing.
mkdir -m 700 "$work/empty"
tool 8 false "the cache is only read" env RLX_CACHE_DIR="$work/empty" "${compile[@]}" --cache-mode=ro
tool 0 false "" env RLX_CACHE_DIR="$work/empty" "${compile[@]}" --cache-mode=off
[ -z "$(ls -A "$work/empty")" ] || { echo "something is stored"; failed=1; }
# No space: a limit on the size of files is one.
limited() { (ulimit -f 4 && "$@"); }
tool 11 false "File too large" limited env RLX_CACHE_DIR="$work/limited" "${compile[@]}"
tool 11 false "File too large" limited env RLX_CACHE_DIR="$work/limited" "${bind[@]}"
tool 0 false "File too large" limited env RLX_CACHE_DIR="$work/limited" "${run[@]}"
# And where it works it says so.
tool 0 true "" env RLX_CACHE_DIR="$work/good" "${compile[@]}"
tool 0 true "" env RLX_CACHE_DIR="$work/good" "${bind[@]}"
tool 0 true "" env RLX_CACHE_DIR="$work/good" "${run[@]}"
# A hit needs no writing.
tool 0 true "" env RLX_CACHE_DIR="$work/good" "${compile[@]}" --cache-mode=ro

# Who looks after a cache that cannot be used does not find it empty.
for command in ls verify stats gc doctor; do
  RLX_CACHE_DIR=$work/file "$bin/rlx-cache" $command >"$work/stdout" 2>&1
  [ $? = 8 ] || { echo "rlx-cache $command of a file: exit $?"; failed=1; }
done

# What a manifest lists too, and the bundle is not to blame.
printf '[[model]]\npath = "%s"\n' "$(realpath "$digits")" >"$work/models.toml"
limited env RLX_CACHE_DIR="$work/limited" "$bin/rlx-cache" warm "$work/models.toml" >"$work/stdout" 2>&1
[ $? = 11 ] && grep -q failed "$work/stdout" || { echo "warm: $(cat "$work/stdout")"; failed=1; }
export RLX_CACHE_DIR=$work/good
key=$("$bin/rlx-cache" key "$digits")
"$bin/rlx-cache" export "$key" -o "$work/b.rlx" >/dev/null
limited env RLX_CACHE_DIR="$work/limited" "$bin/rlx-cache" import --allow-unsigned "$work/b.rlx" \
  >"$work/stdout" 2>&1
[ $? = 11 ] && grep -q "File too large" "$work/stdout" || { echo "import: $(cat "$work/stdout")"; failed=1; }
exit $failed
