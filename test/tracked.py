#!/usr/bin/env python3
"""Keeps the repository light: every clone carries what is tracked, for ever.

    test/tracked.py [ROOT]        checks what git tracks; exit 77 where there is no git checkout
    test/tracked.py --self-test   checks that each rule finds a fault planted in a small repository

No file over 300 KB, no packages, archives or object files, and 2 MB of binary files at most. What
counts is the index, which is what the next commit holds.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

MAX_FILE = 300 * 1000
MAX_BINARY = 2 * 1000 * 1000
# Things that are made or fetched; a name that ends so is never a source.
REFUSED = (".whl", ".egg", ".a", ".o", ".so", ".dylib", ".dll", ".exe", ".pyc", ".gz", ".bz2", ".xz",
           ".zst", ".zip", ".tar", ".tgz", ".7z", ".jar", ".deb", ".rpm", ".rlx", ".safetensors",
           ".gguf", ".pt", ".pth")
# As git tells: a NUL in the first bytes.
BINARY_PROBE = 8000
SKIPPED = 77


def git(root, *arguments, **options):
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, **options)


def tracked(root):
    """(path, blob) of each file in the index; links and submodules are no files."""
    listing = git(root, "ls-files", "-s", "-z", check=True).stdout
    for entry in filter(None, listing.split(b"\0")):
        facts, path = entry.split(b"\t", 1)
        mode, blob, _ = facts.split()
        if mode.startswith(b"100"):
            yield path.decode(errors="replace"), blob


def contents(root, blobs):
    """The bytes of each blob, in order."""
    out = git(root, "cat-file", "--batch", input=b"\n".join(blobs) + b"\n", check=True).stdout
    at = 0
    for _ in blobs:
        end = out.index(b"\n", at)
        size = int(out[at:end].split()[2])
        yield out[end + 1:end + 1 + size]
        at = end + 1 + size + 1


def faults_of(root):
    files = list(tracked(root))
    if not files:
        return ["git tracks nothing here"]
    faults, binary = [], 0
    for (path, _), data in zip(files, contents(root, [blob for _, blob in files])):
        if len(data) > MAX_FILE:
            faults.append(f"{path}: {len(data)} bytes, over {MAX_FILE}")
        if path.lower().endswith(REFUSED):
            faults.append(f"{path}: made or fetched, not written")
        if b"\0" in data[:BINARY_PROBE]:
            binary += len(data)
    if binary > MAX_BINARY:
        faults.append(f"{binary} bytes of binary files, over {MAX_BINARY}")
    return faults


def is_checkout(root):
    if not shutil.which("git"):
        return False
    top = git(root, "rev-parse", "--show-toplevel", text=True)
    return top.returncode == 0 and pathlib.Path(top.stdout.strip()).samefile(root)


def self_test():
    if not shutil.which("git"):
        print("skipped: no git")
        return SKIPPED

    def faults(files):
        with tempfile.TemporaryDirectory() as root:
            git(root, "init", "-q", check=True)
            for name, data in files.items():
                pathlib.Path(root, name).write_bytes(data)
            git(root, "add", ".", check=True)
            return faults_of(root)

    good = {"a.cpp": b"int a;\n", "b.npy": b"\0" * 1000}
    assert faults(good) == [], faults(good)
    planted = [
        ({"big.txt": b"x" * (MAX_FILE + 1)}, "big.txt: 300001 bytes"),
        ({"numpy-2.0-py3-none-any.whl": b"PK"}, "made or fetched"),
        ({f"{i}.npy": b"\0" * MAX_FILE for i in range(7)}, "bytes of binary files"),
    ]
    for files, wanted in planted:
        found = faults({**good, **files})
        assert len(found) == 1 and wanted in found[0], (wanted, found)
    # What is committed counts, not what lies beside it.
    with tempfile.TemporaryDirectory() as root:
        assert not is_checkout(root)
        git(root, "init", "-q", check=True)
        assert is_checkout(root) and faults_of(root) == ["git tracks nothing here"]
    print(f"{len(planted)} planted faults found")
    return 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    root = root if root.is_dir() else root.parent.parent
    if not is_checkout(root):
        print(f"skipped: {root} is not the top of a git checkout, so nothing says what is tracked")
        return SKIPPED
    faults = faults_of(root)
    print("\n".join(faults) or "no file is too big")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
