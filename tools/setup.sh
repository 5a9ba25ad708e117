#!/bin/sh
# Installs the Debian 12 packages that rlx is built and tested with.
#
#   tools/setup.sh          what tools/demo.sh and test/run.sh need
#   tools/setup.sh --all    besides, what test/run.sh --all needs: clang and its tools, a web server, venv, valgrind
#
# Runs as root or through sudo, asks nothing, and calls apt only if a package is missing.
set -eu

packages="
  g++ cmake ninja-build ccache python3
  llvm-22-dev llvm-22-tools lld-22
  libarchive-dev libcli11-dev libcurl4-openssl-dev libfmt-dev libprotozero-dev libsimdjson-dev
  libspdlog-dev libssl-dev libtomlplusplus-dev libzstd-dev zlib1g-dev
  catch2 libonnx-testdata"
case "${1:-}" in
  "") ;;
  --all) packages="$packages clang-22 clang-format-22 clang-tidy-22 libclang-rt-22-dev nginx-light python3-venv git valgrind" ;;
  *) echo "usage: tools/setup.sh [--all]" >&2; exit 2 ;;
esac

die() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
  die "this is not Debian: install by other means:" "$(echo $packages)"

missing=""
for package in $packages; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$state" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || die "run as root, or install sudo; missing:$missing"
  sudo="sudo"
fi
apt() {
  # Options stand on env's command line because sudo clears the environment.
  $sudo env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
    apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

echo "setup: installing$missing" >&2
apt update

# Debian 12 itself ends at LLVM 19; the security archive carries LLVM 22.
case " $missing" in
  *-22*)
    if ! apt-cache policy llvm-22-dev | grep -q 'Candidate: [^(]'; then
      die "llvm-22-dev is in none of this machine's package archives." \
        "It comes from Debian 12's security archive. Add this line to /etc/apt/sources.list:" \
        "    deb http://security.debian.org/debian-security bookworm-security main" \
        "and run tools/setup.sh again."
    fi ;;
esac

apt install --yes --no-install-recommends $missing >/dev/null
