"""Entries of other formats in one cache: an image of another version, and a LIR of another one too.

    formats.py BIN_DIR

The first is lowered again from its LIR and gives the same bits, the second is refused and says why; the entry of this
format, and every file of the others, stays as it is.
"""
import hashlib
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
tools = pathlib.Path(sys.argv[1])
root = pathlib.Path(tempfile.mkdtemp())
cache = root / "cache"


def run(tool, *arguments):
    env = dict(os.environ, RLX_CACHE_DIR=str(cache))
    return subprocess.run([tools / tool, *map(str, arguments)], env=env, capture_output=True, text=True, check=False)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def store(data):
    digest = sha(data)
    path = cache / "cas/sha256" / digest[:2] / digest
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o444)
    return digest


def with_self(text):
    """The record with its own digest, which is of all other lines."""
    others = "".join(line for line in text.splitlines(True) if not line.startswith('  "self": '))
    return re.sub(r'"self": "[0-9a-f]{64}"', f'"self": "{sha(others.encode())}"', text)


def entry_like(key, name, change_image, change_lir):
    """A copy of the entry under another name."""
    record = (cache / f"{key}.meta.json").read_text().replace(f'"key": "{key}"', f'"key": "{name}"')
    lir = change_lir((cache / f"{key}.lir.json").read_bytes())
    old = re.search(r'"role": "image", "sha256": "([0-9a-f]{64})"', record)[1]
    image = change_image((cache / "cas/sha256" / old[:2] / old).read_bytes())
    record = record.replace(old, store(image))
    record = re.sub(r'"lir": \{.*?\}', f'"lir": {{"sha256": "{sha(lir)}", "size": {len(lir)}}}', record)
    for path, data in ((f"{name}.lir.json", lir), (f"{name}.meta.json", with_self(record).encode())):
        (cache / path).write_bytes(data)
        (cache / path).chmod(0o444)


def files():
    return {path: path.read_bytes() for path in cache.rglob("*")
            if path.is_file() and path.parent.name not in ("stats", "stamps", "inflight", "plans") and path.name != "lock"}


def outputs_of(what):
    result = run("rlx-run", what, "--dim", "n=1", "--seed", 1, "-o", root / "out.npz")
    assert result.returncode == 0, result.stderr
    return (root / "out.npz").read_bytes()


compiled = run("rlxc", HERE / "squares.mir")
assert compiled.returncode == 0, compiled.stderr
key = compiled.stdout.split()[0]
entry_like(key, "older", lambda image: image[:8] + struct.pack("<I", 3) + image[12:], lambda lir: lir)
entry_like(key, "oldest", lambda image: image[:8] + struct.pack("<I", 1) + image[12:],
           lambda lir: re.sub(rb'"schema": "rlx.lir/\d+"', b'"schema": "rlx.lir/1"', lir))
before = files()
wanted = outputs_of(key)
assert outputs_of("older") == wanted, "an image of another version gives other bits"
refused = run("rlx-run", "oldest", "--dim", "n=1", "--seed", 1)
assert refused.returncode not in (0, 1) and "rlx.lir/1" in refused.stderr, (refused.returncode, refused.stderr)
assert run("rlx-cache", "verify").returncode == 0
assert outputs_of(key) == wanted
now = files()
assert all(now.get(path) == data for path, data in before.items()), "a file of the cache has changed"
print("two formats in one cache")
