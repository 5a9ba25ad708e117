#!/usr/bin/env python3
"""A decode loop on a GPU against the CPU backend: the same tokens to both, the logits of each step compared.

    test/gpu/decode.py --bin BUILD/bin [--device cuda:0] [--prompt 16] [--steps 200] [--made] [MODEL.onnx...]

A step is right if its logits are within 1e-3 of their scale, and the greatest is the same wherever the CPU's first two are
farther apart than that; after the last one what was kept is compared too. Says how long a step takes on either. With --made a
model of GPT-2's sizes is written first, of seeded weights. Ends with a
line "N passed, M failed". Needs numpy and onnxruntime.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "models"))
TIME_LIMIT_S = 300


def run(a, model, sets, out, *more):
    """Milliseconds of a step, once warm."""
    command = [a.bin / "rlx-run", "run", model, "--json", "--feed", "present_*=past_*", "-i", sets, "-o", out,
               "--cache-dir", out.parent / "cache", *more]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {(done.stderr or done.stdout)[-300:]}")
    return statistics.median(item["first_run_ms"] for item in json.loads(done.stdout)["items"][1:])


def make_gpt2(path):
    import numpy as np
    import onnx
    import make
    net = make.Net(np.random.default_rng(0))
    make.gpt(net, heads=12, width=64, layers=12, length=1, past=256, known=50257, positions=1024, wide=4)
    onnx.save(net.model(), str(path))
    return path


def check(a, path, folder):
    import numpy as np
    from decode import NEAR, Model, compare, steps_of
    model = Model(path, 1)
    ids = np.random.default_rng(1).integers(0, 250, a.prompt + a.steps - 1)
    sets = folder / "steps"
    sets.mkdir()
    for i, given in enumerate(steps_of(model, ids, a.prompt)):
        np.savez(sets / f"{i:04}.npz", **given, **(model.no_past() if i == 0 else {}))
    host = run(a, path, sets, folder / "host")
    device = run(a, path, sets, folder / "device", "--device", a.device)
    worst, wrong = 0.0, 0
    for step in sorted(sets.iterdir()):
        with np.load(folder / "device" / step.name) as got, np.load(folder / "host" / step.name) as want:
            off, same = compare(got["logits"], want["logits"])
            worst, wrong = max(worst, off), wrong + (off > NEAR or not same)
            kept = max(float(np.abs(got[n] - want[n]).max() / max(1.0, np.abs(want[n]).max()))
                       for n in want.files if n.startswith("present_"))
    print(f"{path.stem}: {a.steps} steps, logits at most {worst:.2e} of their scale apart, {wrong} steps wrong; what is kept "
          f"{kept:.2e}; a step takes {host:.2f} ms on the CPU and {device:.3f} ms on {a.device}", flush=True)
    return wrong == 0 and kept <= NEAR


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=pathlib.Path, nargs="*")
    parser.add_argument("--made", action="store_true", help="a model of GPT-2's sizes too")
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--prompt", type=int, default=16)
    parser.add_argument("--steps", type=int, default=200)
    a = parser.parse_args()
    passed = 0
    made = tempfile.TemporaryDirectory()
    if a.made:
        a.models.append(make_gpt2(pathlib.Path(made.name, "gpt2_sized.onnx")))
    for path in a.models:
        with tempfile.TemporaryDirectory() as folder:
            try:
                passed += check(a, path, pathlib.Path(folder))
            except (RuntimeError, subprocess.TimeoutExpired) as e:
                print(f"FAILED {path.stem}: {e}", flush=True)
    made.cleanup()
    print(f"{passed} passed, {len(a.models) - passed} failed")
    return 0 if passed == len(a.models) > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
