#!/usr/bin/env python3
"""weights_ref.py BIN FOLDER: a table of 1 MB stays in the file of data beside FOLDER's model, or in a model itself, and a
run uses it there: the bits of one that has a copy in the cache, or an error that says what became of the file."""

import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import time

BIN, FOLDER = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
TABLE = FOLDER / "table"
MODEL = FOLDER / "model.onnx"
CACHE = FOLDER / "cache"
ROWS, COLUMNS = 4096, 64
ONNX_OF = pathlib.Path(__file__).resolve().parent.parent / "frontend" / "inputs" / "onnx_of.py"
failed = False


def tool(*argv, cache=CACHE):
    env = os.environ | {"RLX_CACHE_DIR": str(cache)}
    makes = argv[0] in ("rlxc", "rlx-run") or argv[:2] == ("rlx-spec", "bind")
    if makes and not any(str(a).startswith("--weights") for a in argv):
        argv = (*argv, "--weights=ref")
    return subprocess.run([BIN / argv[0], *argv[1:]], env=env, capture_output=True, text=True)


def expect(what, good, said=""):
    global failed
    if not good:
        print(f"{what}: {said}")
        failed = True


def key_of(*argv):
    done = tool("rlxc", "-q", *argv)
    expect("rlxc", done.returncode == 0, done.stderr)
    return done.stdout.split()[0]


def refuses(what, done, exit_code, *said):
    expect(what, done.returncode == exit_code and all(s in done.stderr for s in said),
           f"exit {done.returncode}: {done.stderr}")


def stored():
    return sum(f.stat().st_size for f in CACHE.rglob("*") if f.is_file())


def age(path):
    """Files that have just changed are in doubt, and digested at each start."""
    old = time.time() - 3600
    os.utime(path, (old, old))


def fresh():
    shutil.rmtree(CACHE, ignore_errors=True)
    values = b"".join(struct.pack("<f", i * 0.37 % 5) for i in range(ROWS * COLUMNS))
    TABLE.write_bytes(values)


def write_ids():
    head = b"{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }"
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    path = FOLDER / "ids.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head
                     + struct.pack("<3q", 1, 7, ROWS - 1))
    return path


def run(*argv, cache=CACHE):
    return tool("rlx-run", "-q", *argv, "-i", IDS, cache=cache)


def bits_of(what, *argv, cache=CACHE):
    file = FOLDER / "y.npz"
    file.unlink(missing_ok=True)
    done = run(*argv, "-o", file, cache=cache)
    expect(what, done.returncode == 0, done.stderr)
    return file.read_bytes() if file.exists() else None


IDS = write_ids()

# Both modes give the same bits; the cache of one has no copy.
fresh()
key = key_of(MODEL)
small = stored()
shown = tool("rlx-cache", "show", key).stdout
expect("show", f"external 1.0 MiB in {TABLE} at 0" in shown, shown)
want = bits_of("ref", key)
expect("cold", bits_of("cold", MODEL) == want)
expect("off", bits_of("off", MODEL, "--cache-mode=off") == want)
expect("again", bits_of("again", MODEL, "--cache-mode=off", "--weights=embed") == want)
embedded = key_of("--weights=embed", MODEL)
expect("the key is the same", embedded == key)
expect("sizes", small < (200 << 10) and stored() > ROWS * COLUMNS * 4, f"{small}, {stored()}")
expect("embed", bits_of("embed", key) == want)
TABLE.rename(FOLDER / "away")
expect("embed without the file", bits_of("embed without the file", key) == want)
(FOLDER / "away").rename(TABLE)

# In the model itself, at no multiple of 64.
inside = FOLDER / "inside.onnx"
values = " ".join(str(i * 0.37 % 5) for i in range(ROWS * COLUMNS))
(FOLDER / "inside.text").write_text(f"""onnx input ids i64[n]
onnx constant t f32[{ROWS}, {COLUMNS}] {values}
onnx node Gather(t, ids) -> y
onnx output y
""")
subprocess.run([sys.executable, ONNX_OF, FOLDER / "inside.text", inside], check=True)
inner = key_of(inside)
shown = tool("rlx-cache", "show", inner).stdout
expect("show inside", f"external 1.0 MiB in {inside} at " in shown, shown)
expect("inside", bits_of("inside", inner) == want)

# A variant of a key leaves them there too.
fresh()
key = key_of(MODEL)
bound = tool("rlx-spec", "bind", key, "--dim", "n=3", "-q").stdout.split()[0]
expect("bound", bits_of("bound", bound) == want)
shown = tool("rlx-cache", "show", bound).stdout
expect("show bound", f"external 1.0 MiB in {TABLE} at 0" in shown, shown)

# Without the file, and with another.
TABLE.rename(FOLDER / "away")
for name in (key, bound):
    refuses("gone", run(name), 3, "RLX-E3023", "cannot be opened", "--weights=embed")
refuses("bind", tool("rlx-spec", "bind", key, "--dim", "n=2"), 3, "RLX-E3023")
refuses("verify", tool("rlx-cache", "verify"), 8, "cannot be opened")
refuses("export", tool("rlx-cache", "export", key, "-o", FOLDER / "b.rlx"), 3, "--weights=embed")
expect("no bundle", not (FOLDER / "b.rlx").exists())
shutil.copy(FOLDER / "away", TABLE)
expect("copied back", bits_of("copied back", key) == want)
(FOLDER / "away").unlink()
age(TABLE)
expect("digested again", bits_of("digested again", key) == want)
expect("trusted again", bits_of("trusted again", key) == want)
whole = TABLE.read_bytes()
for what, data in {"cut": whole[:-4], "changed": b"\1" + whole[1:], "empty": b""}.items():
    TABLE.write_bytes(data)
    age(TABLE)
    refuses(what, run(key), 3, "RLX-E3023", "has changed")
    refuses(what, run(key, "--strict"), 3, "RLX-E3023", "has changed")
TABLE.write_bytes(whole)

# The model elsewhere is the same model, and says where its weights are now.
other = FOLDER / "other"
other.mkdir()
for path in (MODEL, TABLE):
    shutil.copy(path, other / path.name)
TABLE.unlink()
done = tool("rlxc", other / "model.onnx")
expect("moved is a hit", "  hit  " in done.stdout, done.stdout + done.stderr)
expect("moved", bits_of("moved", key) == want)
shutil.move(other / "table", TABLE)
refuses("moved back", run(key), 3, "RLX-E3023", "other/table")
expect("the model says where", key_of(MODEL) == key and bits_of("back", key) == want)

# A bundle has them in it.
done = tool("rlx-cache", "export", key, "-o", FOLDER / "b.rlx")
expect("export", done.returncode == 0, done.stderr)
elsewhere = FOLDER / "elsewhere"
tool("rlx-cache", "import", "--allow-unsigned", FOLDER / "b.rlx", cache=elsewhere)
TABLE.rename(FOLDER / "away")
expect("imported", bits_of("imported", key, cache=elsewhere) == want)
expect("imported is whole", tool("rlx-cache", "verify", cache=elsewhere).returncode == 0)
tool("rlx-cache", "gc", cache=elsewhere)
expect("kept", bits_of("kept", key, cache=elsewhere) == want)
(FOLDER / "away").rename(TABLE)


# What changes while it is used.
def written_over():
    with open(TABLE, "r+b") as file:
        file.write(b"\1")


def replaced():
    (FOLDER / "new").write_bytes(whole)
    os.replace(FOLDER / "new", TABLE)


for change in (written_over, replaced, lambda: os.truncate(TABLE, 4096), TABLE.unlink):
    for mode in ("rw", "off"):
        fresh()
        age(TABLE)
        argv = [BIN / "rlx-run", "bench", MODEL, "-i", IDS, "--min-time", "1s", "--weights=ref",
                f"--cache-mode={mode}", "--json"]
        key_of(MODEL)
        env = os.environ | {"RLX_CACHE_DIR": str(CACHE)}
        process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while TABLE.name not in pathlib.Path(f"/proc/{process.pid}/maps").read_text():
            time.sleep(0.01)
        # Compiling would say the same.
        time.sleep(0.5)
        change()
        out, err = process.communicate()
        told = [d["code"] for d in json.loads(out)["diagnostics"] if d["severity"] == "error"]
        expect(f"{change} {mode}", process.returncode == 3 and told == ["RLX-E3021"],
               f"exit {process.returncode}: {told} {err}")

shutil.rmtree(FOLDER)
sys.exit(failed)
