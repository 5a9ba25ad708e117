"""Entries of other formats in one cache, older and newer: images, LIRs and records.

    formats.py BIN_DIR

By its key, an entry with another image is lowered again from its LIR and gives the same bits, and one with another LIR or
record is refused and says why. By its model it is a hit or a miss for a run, never an error, and the outputs are the same.
Whatever is done, the files of the other entries stay as they are.
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


def same(data):
    return data


def entry_like(key, name, change_image=same, change_lir=same, change_record=same):
    """A copy of the entry under another name, or the entry itself, changed."""
    record = (cache / f"{key}.meta.json").read_text().replace(f'"key": "{key}"', f'"key": "{name}"')
    record = change_record(record)
    lir = change_lir((cache / f"{key}.lir.json").read_bytes())
    old = re.search(r'"role": "image", "sha256": "([0-9a-f]{64})"', record)[1]
    image = change_image((cache / "cas/sha256" / old[:2] / old).read_bytes())
    record = record.replace(old, store(image))
    record = re.sub(r'("role": "image", "sha256": "[0-9a-f]{64}", "size": )\d+', rf"\g<1>{len(image)}", record)
    record = re.sub(r'"lir": \{.*?\}', f'"lir": {{"sha256": "{sha(lir)}", "size": {len(lir)}}}', record)
    for path, data in ((f"{name}.lir.json", lir), (f"{name}.meta.json", with_self(record).encode())):
        (cache / path).unlink(missing_ok=True)
        (cache / path).write_bytes(data)
        (cache / path).chmod(0o444)


def files():
    return {path: path.read_bytes() for path in cache.rglob("*")
            if path.is_file() and path.parent.name not in ("stats", "stamps", "inflight", "plans", "jit") and path.name != "lock"}


def outputs_of(what):
    result = run("rlx-run", what, "--dim", "n=1", "--seed", 1, "-o", root / "out.npz")
    assert result.returncode == 0, result.stderr
    return (root / "out.npz").read_bytes()


def image_of_version(n):
    return lambda image: image[:8] + struct.pack("<I", n) + image[12:]


def lir_of_version(n):
    return lambda lir: re.sub(rb'"schema": "rlx.lir/\d+"', b'"schema": "rlx.lir/%d"' % n, lir)


def record_of_format(n):
    return lambda record: re.sub(r'"format": \d+', f'"format": {n}', record)


def recorded(version):
    """An image that the rlx of that version wrote."""
    return lambda _: (GOLDEN / "image" / str(version)).read_bytes()


GOLDEN = HERE / "../../cache-format/golden"
VERSIONS = sorted(int(path.name) for path in (GOLDEN / "image").iterdir())
NEWER = VERSIONS[-1] + 1
assert len(VERSIONS) >= 3, "three formats are recorded"
# What is lowered again from the LIR, and what the cache no longer understands.
LOWERED = {f"image{n}": {"change_image": recorded(n)} for n in VERSIONS[:-1]}
LOWERED |= {"image1": {"change_image": image_of_version(1)}, "newer_image": {"change_image": image_of_version(NEWER)}}
REFUSED = {"lir1": {"change_lir": lir_of_version(1)}, "newer_lir": {"change_lir": lir_of_version(999)},
           "newer_record": {"change_record": record_of_format(999)},
           "all_newer": {"change_image": image_of_version(NEWER), "change_lir": lir_of_version(999),
                         "change_record": record_of_format(999)}}
MODEL = HERE / "squares.mir"

compiled = run("rlxc", MODEL)
assert compiled.returncode == 0, compiled.stderr
key = compiled.stdout.split()[0]
wanted = outputs_of(key)
for name, changes in (LOWERED | REFUSED).items():
    entry_like(key, name, **changes)
for path in (GOLDEN / "1").glob("golden.*.json"):
    (cache / path.name).write_bytes(path.read_bytes())
    (cache / path.name).chmod(0o444)
for path in (GOLDEN / "1/cas").rglob("*"):
    if path.is_file():
        store(path.read_bytes())
before = files()


def stays(what):
    now = files()
    assert all(now.get(path) == data for path, data in before.items()), f"{what} has changed a file of the cache"


for name in LOWERED:
    assert outputs_of(name) == wanted, f"{name}: other bits"
    stays(name)
for name in [*REFUSED, "golden"]:
    refused = run("rlx-run", name, "--dim", "n=1", "--seed", 1)
    assert refused.returncode > 1 and "error RLX-E" in refused.stderr, (name, refused.returncode, refused.stderr)
    assert "RLX-E1" not in refused.stderr, (name, refused.stderr)
    stays(name)
for command in (["ls"], ["stats"], ["show", key], ["explain", MODEL], ["gc", "--dry-run"], ["verify"]):
    done = run("rlx-cache", *command)
    assert done.returncode in (0, 8) if command[0] == "verify" else done.returncode == 0, (command, done.stderr)
    stays(command)
assert outputs_of(key) == wanted
assert outputs_of(MODEL) == wanted
stays("the model")

# The model's own entry is of another format. That its LIR is takes a hand: the compiler is part of the key.
own = [cache / f"{key}.lir.json", cache / f"{key}.meta.json"]
originals = [path.read_bytes() for path in own]
for name, changes in (LOWERED | REFUSED).items():
    entry_like(key, key, **changes)
    again = run("rlxc", MODEL)
    if "change_record" in changes:
        # A record of another format is nobody's to replace, and rlxc is there to store.
        assert again.returncode == 8 and "RLX-E8005" in again.stderr, (name, again.stderr)
        assert '"format": 999' in own[1].read_text(), f"{name}: the record was replaced"
    else:
        assert again.returncode == 0 and key in again.stdout, (name, again.stderr)
    assert outputs_of(MODEL) == wanted, f"{name}: other bits by the model"
    assert name in REFUSED or outputs_of(key) == wanted, f"{name}: other bits by the key"
    now = files()
    kept = {path: data for path, data in before.items() if key not in path.name}
    assert all(now.get(path) == data for path, data in kept.items()), f"{name}: another entry has changed"
    for path, data in zip(own, originals):
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        path.chmod(0o444)
print(f"{len(LOWERED) + len(REFUSED)} other formats in one cache")
