"""The tools under test, their cache, and what must hold of it whatever happened to them."""

import filecmp
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
DIGITS = HERE.parent / "e2e" / "digits"
MODEL = DIGITS / "digits.onnx"
INPUTS = DIGITS / "heldout.npz"
# What is disposable, and differs from run to run.
DISPOSABLE = {"stats", "stamps", "plans", "jit", "quarantine"}
# A hang is a failure like any other.
TIMEOUT = 60


class Failed(Exception):
    """Something that must never be."""


class World:
    def __init__(self, bin_folder):
        self.bin = pathlib.Path(bin_folder).resolve()
        self.shim = self.bin / "crash_shim.so"
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="rlx-crash-"))
        self.config = self.work / "config"
        # Spare folders, one per state, copied for each experiment.
        self.states = {}
        if not self.shim.exists():
            raise SystemExit(f"{self.shim} is missing: build the target crash_shim")

    def close(self):
        shutil.rmtree(self.work, ignore_errors=True)

    def environment(self, cache, shim=None, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("RLX_")}
        env |= {"RLX_CACHE_DIR": str(cache), "XDG_CONFIG_HOME": str(self.config)}
        if shim:
            env |= {"LD_PRELOAD": str(self.shim), "RLX_SHIM_ROOT": str(cache)}
            env |= {f"RLX_SHIM_{k.upper()}": str(v) for k, v in shim.items()}
        return env | {k: str(v) for k, v in more.items()}

    def run(self, argv, cache, shim=None, **more):
        argv = [str(self.bin / argv[0]), *map(str, argv[1:])]
        try:
            return subprocess.run(argv, env=self.environment(cache, shim, **more), text=True,
                                  capture_output=True, timeout=TIMEOUT, cwd=self.work)
        except subprocess.TimeoutExpired as e:
            raise Failed(f"no end after {TIMEOUT} s: {' '.join(argv)}") from e

    def must(self, argv, cache, **more):
        done = self.run(argv, cache, **more)
        if done.returncode != 0:
            raise Failed(f"exit {done.returncode}: {' '.join(map(str, argv))}\n{done.stderr}")
        return done

    def count(self, argv, cache):
        """How many file operations the command does below the cache."""
        file = self.work / "count"
        self.must(argv, cache, shim={"count": file})
        return int(file.read_text())

    def fresh(self, name="cache"):
        cache = self.work / name
        shutil.rmtree(cache, ignore_errors=True)
        return cache

    def state(self, name, *commands, spoil=None):
        """A folder in which these commands have run, kept; `spoil` then harms it."""
        if name not in self.states:
            cache = self.fresh("state-" + name)
            for argv in commands:
                self.must(argv, cache)
            if spoil:
                spoil(cache)
            self.states[name] = cache
        return self.states[name]

    def copy_of(self, state, name="cache"):
        cache = self.fresh(name)
        if state and state.exists():
            shutil.copytree(state, cache, symlinks=True)
        return cache

    # ---- what must hold

    def entries(self, cache):
        done = self.must(["rlx-cache", "ls", "--json"], cache)
        return [item["key"] for item in json.loads(done.stdout)["items"]]

    def events(self, cache):
        done = self.must(["rlx-cache", "stats", "--json"], cache)
        return {i["event"]: i.get("count", 0) for i in json.loads(done.stdout)["items"]}

    def check_whole(self, cache):
        done = self.run(["rlx-cache", "verify"], cache)
        if done.returncode != 0:
            raise Failed(f"readable and wrong:\n{done.stdout}{done.stderr}")

    def check_nothing_left(self, cache):
        for folder in ("tmp", "inflight"):
            left = list((cache / folder).iterdir()) if (cache / folder).exists() else []
            if left:
                raise Failed(f"left over: {[str(p) for p in left]}")

    def check_outputs(self, cache, model=MODEL, shim=None, **more):
        """The model runs, and its outputs are bit for bit those of an untouched cache."""
        out = self.work / f"out-{os.getpid()}.npz"
        out.unlink(missing_ok=True)
        argv = ["rlx-run", "run", model, "--inputs", INPUTS, "--outputs", out]
        done = self.run(argv, cache, shim, **more)
        if done.returncode != 0:
            raise Failed(f"exit {done.returncode}: {done.stderr}")
        if not filecmp.cmp(out, self.wanted(), shallow=False):
            raise Failed("other outputs")
        return done

    def wanted(self):
        wanted = self.work / "wanted.npz"
        if not wanted.exists():
            cache = self.fresh("wanted")
            self.must(["rlx-run", "run", MODEL, "--inputs", INPUTS, "--outputs", wanted], cache)
        return wanted

    def check_same(self, cache, other):
        """Byte for byte, but for what is disposable."""
        a, b = contents(cache), contents(other)
        if a != b:
            names = sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))
            raise Failed(f"other bytes than in an untouched cache: {names}")


def contents(cache):
    files = {}
    for path in sorted(cache.rglob("*")):
        name = path.relative_to(cache)
        if path.is_file() and name.parts[0] not in DISPOSABLE:
            files[str(name)] = path.read_bytes()
    return files


def keys_of(state):
    return [p.name.removesuffix(".meta.json") for p in sorted(state.glob("*.meta.json"))]
