#!/usr/bin/env python3
"""Whole models through rlx, compared with ONNX Runtime.

    test/models/run.py --bin BUILD/bin [--made N] [--seed S] [--real] [--table] [--only WORD,WORD]
                       [--jobs N] [DIR...]

Runs N of each architecture of make.py with sizes drawn from the seed (20), with --real the trained models
that fetch.py takes from PyPI packages, and every case of cases.py whose model lies in a DIR.

A model is right if the template and the variant that rlx-run binds, each with 1 and 2 threads and in checked
memory, are within a thousandth of the largest value wanted (cases.py says of which models another bound holds), and 1
and 2 threads give the same bits. One whose
inputs past_* are outputs present_* of the step before runs as a loop too, in one process (--feed). A real
model that needs an operator that rlx lacks (exit 4) is counted apart; if that is so of the template alone, the variant
has to be right. Prints a line a fault, with --table one for each that is right too, and ends with "N passed, M failed". Needs numpy, onnx and onnxruntime.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx

import fetch
import make
from cases import BOUND, CASES, ROUNDED, find_model, inputs_of, reference_session

LACKING = 4
TIME_LIMIT_S = 600
# Of a loop: a made model has places for 64 tokens.
STEPS = 30
NEAR = ("--scale", "max", "--rtol", "1e-3", "--atol", "1e-6")


class Fault(Exception):
    pass


class Lacking(Exception):
    pass


class Trial:
    """One model with inputs, in a folder and a cache of its own."""

    def __init__(self, tools, model, work, near):
        self.tool, self.model, self.work, self.near = tools / "rlx-run", model, work, near
        self.env = dict(os.environ, RLX_CACHE_DIR=str(work / "cache"))

    def run(self, what, *options, inputs="in.npz"):
        command = [self.tool, "run", self.model, "--inputs", self.work / inputs, *options]
        try:
            done = subprocess.run(list(map(str, command)), env=self.env, capture_output=True, text=True,
                                  errors="replace", timeout=TIME_LIMIT_S, check=False)
        except subprocess.TimeoutExpired as e:
            raise Fault(f"{what}: no end after {TIME_LIMIT_S} s") from e
        if done.returncode:
            lines = (done.stderr + done.stdout).splitlines()
            said = next((line for line in lines if not line.startswith("note:")), "nothing said")
            raise (Lacking if done.returncode == LACKING else Fault)(
                f"{what}: exit {done.returncode}: {said[:300]}")

    def compare(self, what, *options):
        """Right, and the same bits, for 1 and 2 threads."""
        expect = ["--expect", self.work / "want.npz", *self.near]
        outputs = []
        for threads in (1, 2):
            out = self.work / f"out{threads}.npz"
            self.run(f"{what}, {threads} threads", *options, "--threads", threads, "--outputs", out, *expect)
            outputs.append(out.read_bytes())
        if outputs[0] != outputs[1]:
            raise Fault(f"{what}: 1 and 2 threads give other bits")
        self.run(f"{what}, checked memory", *options, "--check-memory", *expect)


    def compare_loop(self):
        """Each step right, and the same bits, for 1 and 2 threads and in checked memory."""
        first = None
        for way in (["--threads", "1"], ["--threads", "2"], ["--check-memory"]):
            out = self.work / "_".join(["steps", *way])
            self.run(f"loop, {' '.join(way)}", "--feed", "present_*=past_*", "--outputs", out, *way,
                     "--expect", self.work / "wanted", *self.near, inputs="steps")
            outputs = {path.name: path.read_bytes() for path in out.iterdir()}
            if outputs != (first := first or outputs):
                raise Fault(f"loop: {' '.join(way)} gives other bits")


def write_loop(work, inputs, reference):
    """Sets of inputs and outputs of steps: those given, then a token a step, with what the step before gave."""
    rng = np.random.default_rng(1)
    for folder in ("steps", "wanted"):
        (work / folder).mkdir()
    for step in range(STEPS):
        given = inputs if step == 0 else {k: v for k, v in inputs.items() if not k.startswith("past_")}
        outputs = reference(inputs)
        np.savez(work / "steps" / f"{step:02}.npz", **given)
        np.savez(work / "wanted" / f"{step:02}.npz", **outputs)
        past = {name.replace("present", "past"): value for name, value in outputs.items() if name.startswith("present")}
        length = past["past_0_value"].shape[2]
        inputs = {"input_ids": rng.integers(0, 250, inputs["input_ids"][:, :1].shape),
                  "position_ids": np.full_like(inputs["position_ids"][:, :1], length), **past}
        if "attention_mask" in given:
            inputs["attention_mask"] = np.ones((given["attention_mask"].shape[0], length + 1), np.int64)


def try_model(tools, label, model, shapes, seed):
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        inputs = inputs_of(model, shapes, seed)
        np.savez(work / "in.npz", **inputs)
        np.savez(work / "want.npz", **reference_session(model)(inputs))
        near = ("--rtol", "0", "--atol", ROUNDED[label]) if label in ROUNDED else NEAR
        trial = Trial(tools, model, work, near)
        try:
            trial.compare("template", "--on-miss=template")
        except Lacking as e:
            # The inputs' dims may decide what it lacks.
            trial.compare("variant", *BOUND.get(label, ()))
            return f"as a variant alone: {e}"
        trial.compare("variant")
        if any(name.startswith("past_") for name in inputs):
            write_loop(work, inputs, reference_session(model))
            trial.compare_loop()
        return ""


def made_cases(a, work):
    for seed in range(a.seed, a.seed + a.made):
        for name in make.ARCHITECTURES:
            model, shapes = make.make(name, seed)
            path = work / f"{name}_{seed}.onnx"
            onnx.save(model, path)
            yield f"{name} of seed {seed}", path, shapes, seed, True


def found_cases(folders):
    for label, (name, shapes) in CASES.items():
        if model := find_model(name, folders):
            yield label, model, shapes, 0, False


def outcome(a, case):
    """passed, lacking or FAILED, and why."""
    label, model, shapes, seed, must = case
    try:
        return "passed", try_model(a.bin, label, model, shapes, seed)
    except Lacking as e:
        return ("FAILED" if must else "lacking"), str(e)
    except Fault as e:
        return "FAILED", str(e)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", type=lambda p: pathlib.Path(p).resolve(), required=True)
    parser.add_argument("--made", type=int, default=20, help="of each architecture")
    parser.add_argument("--seed", type=int, default=0, help="the first of them")
    parser.add_argument("--real", action="store_true", help="fetch trained models and run them")
    parser.add_argument("--table", action="store_true", help="a line for each case, not for faults alone")
    parser.add_argument("--only", default="", help="cases with one of these words in their names")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("folders", nargs="*", metavar="DIR", type=pathlib.Path)
    return parser.parse_args()


def main():
    a = parse()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        folders = a.folders + ([fetch.fetch()] if a.real else [])
        words = [word for word in a.only.split(",") if word]
        cases = [case for case in (*made_cases(a, work), *found_cases(folders))
                 if not words or any(word in case[0] for word in words)]
        tally = dict.fromkeys(("passed", "FAILED", "lacking"), 0)
        with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
            for case, (how, why) in zip(cases, pool.map(lambda case: outcome(a, case), cases)):
                tally[how] += 1
                if how != "passed" or why or a.table or not case[4]:
                    print(f"{how} {case[0]}" + (f": {why}" if why else ""), flush=True)
    if tally["lacking"]:
        print(f"{tally['lacking']} need what rlx lacks")
    print(f"{tally['passed']} passed, {tally['FAILED']} failed")
    return bool(tally["FAILED"]) or not tally["passed"]


if __name__ == "__main__":
    sys.exit(main())
