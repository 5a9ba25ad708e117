#!/bin/bash
# rlx-cache.sh BIN: what rlx-cache.test looks at.
set -uo pipefail
bin=$1
digits=$(dirname "$0")/digits/digits.onnx
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RLX_CACHE_DIR=$work/cache XDG_CONFIG_HOME=$work/config

cache() { "$bin/rlx-cache" "$@" 2>"$work/stderr"; }
code() { cache "$@"; echo "exit $?"; }

echo "== explain"
cache explain "$digits"
"$bin/rlxc" -q "$digits" >/dev/null
"$bin/rlx-spec" bind -q "$digits" --dim batch=8 >/dev/null
echo "== ls"
cache ls
echo "== explain after"
cache explain "$digits"
echo "== explain other"
cache explain "$digits" --dim batch=9
key=$(cache key "$digits")
echo "== tag"
cache tag prod "$key"
echo "== diff"
cache diff prod "$(cache key "$digits" --dim batch=8)"
echo "== verify"
cache verify
echo "== gc"
cache pin prod >/dev/null
cache gc --max-size=0
echo "== damage"
chmod u+w "$work/cache/$key.lir.json"
echo x >>"$work/cache/$key.lir.json"
code verify
code verify --repair
code verify
echo "== bundle"
"$bin/rlxc" -q "$digits" >/dev/null
cache export prod -o "$work/b.rlx" >/dev/null
RLX_CACHE_DIR=$work/other code import "$work/b.rlx"
RLX_CACHE_DIR=$work/other cache import "$work/b.rlx" --allow-unsigned
echo "== no such entry"
code show nonesuch
echo "== limit"
(
  ulimit -f 4
  RLX_CACHE_DIR=$work/limited "$bin/rlxc" "$digits" 2>&1 >/dev/null | grep -c warning
)
echo "== stats"
cache stats
