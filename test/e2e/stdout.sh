#!/bin/bash
# stdout.sh BIN: a result that stdout did not take is an error (exit 11), whoever wrote how much of it.
set -uo pipefail
bin=$1
digits=$(dirname "$0")/digits/digits.onnx
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RLX_CACHE_DIR=$work/cache XDG_CONFIG_HOME=$work/config
key=$("$bin/rlxc" -q "$digits" | cut -d' ' -f1)
failed=0

while read -r line; do
  read -ra words <<<"$line"
  for where in full closed; do
    if [ $where = full ]; then
      "$bin/${words[0]}" "${words[@]:1}" >/dev/full 2>"$work/stderr"
    else
      "$bin/${words[0]}" "${words[@]:1}" >&- 2>"$work/stderr"
    fi
    got=$?
    [ $got = 11 ] && grep -q 'RLX-E11001: cannot write the result to stdout' "$work/stderr" && continue
    echo "exit $got, stdout $where: $line: $(cat "$work/stderr")"
    failed=1
  done
done <<END
rlxc $digits
rlxc $digits --json
rlxc $digits --emit=hir
rlxc $digits --emit=lir
rlxc $digits --emit=asm
rlxc $digits --emit=hir --json
rlxc --help
rlxc --version
rlx-spec bind $digits --dim batch=4
rlx-spec bind $digits --dim batch=4 --json
rlx-spec bind --help
rlx-run $digits --dim batch=2
rlx-run $digits --dim batch=2 --json
rlx-run profile $digits --dim batch=2
rlx-run --help
rlx-cache ls
rlx-cache ls --json
rlx-cache show $key
rlx-cache show $key --lir
rlx-cache verify
rlx-cache gc --dry-run
rlx-cache gc
rlx-cache stats
rlx-cache key $digits
rlx-cache explain $digits
rlx-cache doctor
rlx-cache export $key -o $work/bundle.rlx
rlx-cache --help
END
# A usage error has another cause, and says it.
"$bin/rlxc" --nosuch --json >/dev/full 2>"$work/stderr"
[ $? = 2 ] || { echo "a usage error is no usage error any more"; failed=1; }
# With no stdout, no file of the cache gets its number and the result.
grep -rl "digits.onnx\$" "$work/cache" --include='*.json' && failed=1
exit $failed
