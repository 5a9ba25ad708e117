"""A decode loop of one process against onnxruntime: logits of each step, and what a step costs where the past is long.

    decode.py --bin BUILD/bin MODEL.onnx [--prompt 16] [--steps 200] [--threads 2] [--times]

The same tokens are fed to both. A step is right if its logits are within 1e-3 of their scale, and the greatest is the same
wherever onnxruntime's first two are farther apart than that. With --times steps are timed instead: medians about two
lengths of the past, beside the bytes that `rlx-spec plan` says of a step there.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime as ort

from cases import shape_options

NEAR = 1e-3
# Lengths of the past at which steps are timed, and how many from each on.
LENGTHS, ABOUT = (16, 512), 9


class Model:
    def __init__(self, path, threads):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = {i.name: i for i in self.session.get_inputs()}
        self.outputs = [o.name for o in self.session.get_outputs()]
        self.pasts = [name for name in self.inputs if name.startswith("past_")]

    def no_past(self):
        """Keys and values of no position."""
        shapes = {name: self.inputs[name].shape for name in self.pasts}
        return {name: np.zeros([1, shape[1], 0, shape[3]], np.float32) for name, shape in shapes.items()}

    def tokens(self, ids, length):
        """The other inputs of a step that brings these tokens to `length` positions."""
        ids = np.asarray(ids, np.int64)[None]
        given = {"input_ids": ids}
        if "position_ids" in self.inputs:
            given["position_ids"] = length + np.arange(ids.shape[1], dtype=np.int64)[None]
        if "attention_mask" in self.inputs:
            given["attention_mask"] = np.ones((1, length + ids.shape[1]), np.int64)
        return given

    def step(self, given, past):
        outputs = dict(zip(self.outputs, self.session.run(None, {**given, **past})))
        return outputs, {name: outputs[name.replace("past_", "present_")] for name in self.pasts}


def steps_of(model, ids, prompt):
    """The tokens of each step: a prompt, then one at a time."""
    yield model.tokens(ids[:prompt], 0)
    for at in range(prompt, len(ids)):
        yield model.tokens(ids[at:at + 1], at)


def run_rlx(a, model, ids, folder):
    sets = folder / "steps"
    sets.mkdir()
    for i, given in enumerate(steps_of(model, ids, a.prompt)):
        np.savez(sets / f"{i:04}.npz", **given, **(model.no_past() if i == 0 else {}))
    command = [a.bin / "rlx-run", "run", a.model, "--json", "--threads", a.threads, "--feed", "present_*=past_*",
               "-i", sets, "-o", folder / "out", "--cache-dir", a.cache or folder / "cache"]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"rlx-run: exit {done.returncode}: {done.stderr or done.stdout[-2000:]}")
    return json.loads(done.stdout)["items"]


def compare(got, want):
    """(how far apart, of the scale; whether the greatest is the same where that is certain)."""
    got, want = got[0, -1].astype(np.float64), want[0, -1].astype(np.float64)
    scale = np.abs(want).max()
    second, first = np.sort(want)[-2:]
    certain = first - second > NEAR * scale
    return np.abs(got - want).max() / scale, not certain or got.argmax() == want.argmax()


def check(a, model, ids, folder, items):
    worst, wrong = 0.0, 0
    past = model.no_past()
    for i, given in enumerate(steps_of(model, ids, a.prompt)):
        outputs, past = model.step(given, past)
        with np.load(folder / "out" / f"{i:04}.npz") as got:
            off, same = compare(got["logits"], outputs["logits"])
        worst, wrong = max(worst, off), wrong + (off > NEAR or not same)
    print(f"{a.model.stem}: {len(items)} steps, logits at most {worst:.2e} of their scale apart, {wrong} steps wrong")
    return wrong == 0


def bytes_at(a, model, length):
    """Of weights, past and present keys and values, and what lies between."""
    shapes = {**{name: [1, i.shape[1], length, i.shape[3]] for name, i in model.inputs.items() if name in model.pasts},
              **{name: list(value.shape) for name, value in model.tokens([0], length).items()}}
    command = [a.bin / "rlx-spec", "plan", a.model, "--json"]
    command += shape_options(shapes)
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["items"][0]["memory"]["all"]


def time_steps(a, model, items):
    """Whether a step where the past is long takes no more than its bytes and a third."""
    times = [item["first_run_ms"] for item in items]
    about = {n: float(np.median(times[n - a.prompt + 1:n - a.prompt + 1 + ABOUT])) for n in LENGTHS}
    bytes_of = {n: bytes_at(a, model, n) for n in LENGTHS}
    short, long = LENGTHS
    ratio, wanted = about[long] / about[short], 1.3 * bytes_of[long] / bytes_of[short]
    print(f"{a.model.stem}: a step takes {about[short]:.1f} ms at {short} positions and {about[long]:.1f} ms at {long}: {ratio:.2f} "
          f"times as long, of {bytes_of[long] / bytes_of[short]:.2f} times the bytes; at most {wanted:.2f}")
    return ratio <= wanted


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("model", type=pathlib.Path)
    args.add_argument("--bin", type=pathlib.Path, required=True)
    args.add_argument("--prompt", type=int, default=16)
    args.add_argument("--steps", type=int, default=200)
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--cache", type=pathlib.Path, help="a cache to use; without it a fresh one")
    args.add_argument("--times", action="store_true", help="time steps up to a past of 512 positions, and compare nothing")
    a = args.parse_args()
    model = Model(a.model, a.threads)
    count = LENGTHS[1] + ABOUT + 1 if a.times else a.prompt + a.steps - 1
    ids = np.random.default_rng(1).integers(0, 250, count)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        items = run_rlx(a, model, ids, folder)
        good = time_steps(a, model, items) if a.times else check(a, model, ids, folder, items)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
