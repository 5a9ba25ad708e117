#!/usr/bin/env python3
"""Whole models on a GPU against the CPU backend, and how long they take.

    test/gpu/models.py --bin BUILD/bin --models DIR[,DIR] [--device cuda:0] [--only WORD,WORD]

The outputs of both are within 1e-3 of the largest value of the CPU's. Ends with a line "N passed, M failed".
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "models"))
TIME_LIMIT_S = 300


def call(a, env, *arguments):
    done = subprocess.run([a.bin / "rlx-run", *map(str, arguments)], env=env, capture_output=True, text=True,
                          timeout=TIME_LIMIT_S, check=False)
    if done.returncode == 0:
        return done.stdout
    lines = (done.stderr + done.stdout).strip().splitlines()
    raise RuntimeError(next((line for line in lines if "error" in line), f"exit {done.returncode}")[:300])


def run(model, shapes, bound, a, work):
    """Milliseconds of a run on the GPU."""
    import numpy as np
    from cases import inputs_of
    env = dict(os.environ, RLX_CACHE_DIR=str(work / "cache"))
    np.savez(work / "in.npz", **inputs_of(model, shapes))
    common = [model, *bound, "--inputs", work / "in.npz"]
    call(a, env, "run", *common, "--outputs", work / "host.npz")
    said = call(a, env, "bench", *common, "--device", a.device, "--json", "--min-time", "100ms",
                "--expect", work / "host.npz", "--scale", "max", "--rtol", "1e-3")
    return json.loads(said)["items"][0]["latency_ns"]["median"] / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--models", type=lambda text: text.split(","), required=True)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[""])
    a = parser.parse_args()
    from cases import BOUND, CASES, find_model
    passed = failed = 0
    for label, (name, shapes) in CASES.items():
        model = find_model(name, a.models)
        if not model or not any(word in label for word in a.only):
            continue
        with tempfile.TemporaryDirectory() as work:
            try:
                ms = run(model, shapes, BOUND.get(label, ()), a, pathlib.Path(work))
                print(f"{label:28} {ms:9.3f} ms", flush=True)
                passed += 1
            except (RuntimeError, subprocess.TimeoutExpired) as e:
                print(f"FAILED {label}: {e}", flush=True)
                failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
