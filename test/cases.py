#!/usr/bin/env python3
"""Runs a folder of small models, each with inputs and what it should give.

    test/cases.py [--bin BUILD/bin] [--jobs N] [-v] DIR [NAME...]

A case is NAME.onnx, NAME.in.npz and NAME.want.npz anywhere below DIR; NAME restricts to cases whose path
holds it. It passes if each of these gives what is wanted, within 1e-3 of the largest element:

    bound and template, with 1 and 2 threads, with and without guarded memory

and if the outputs of all of them are the same bytes. A case without NAME.want.npz is no valid request: it
passes if rlx-run ends with a documented exit code other than 0 and 1 and says why.

A case may also be NAME.txt: a model in ONNX's text syntax under lines `# with n=3 k=0`, each of which makes
it a case with those extents, inputs from a seed, and wants what onnxruntime gives. Those need the packages of
test/requirements.txt.
"""
import argparse
import concurrent.futures
import filecmp
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TIME_LIMIT_S = 60
TOLERANCE = ["--rtol", "1e-3", "--atol", "1e-4", "--scale", "max"]
REFUSALS = {3, 4, 5, 11}
WAYS = [
    [*mode, "--threads", threads, *guard]
    for mode in ([], ["--on-miss=template"])
    for threads in ("1", "2")
    for guard in ([], ["--check-memory"])
]


class Failed(Exception):
    pass


def run(tool, arguments, cache):
    env = dict(os.environ, RLX_CACHE_DIR=str(cache))
    try:
        return subprocess.run([tool, "run", *map(str, arguments)], env=env, capture_output=True,
                              text=True, errors="replace", timeout=TIME_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"no end after {TIME_LIMIT_S} s") from late


def said(result):
    lines = (result.stderr or result.stdout).strip().splitlines() or ["nothing said"]
    told = next((line for line in lines if "error" in line or "bug" in line), lines[-1])
    return f"exit {result.returncode}: {told}"


def check_right(tool, case, work):
    outputs = []
    for number, way in enumerate(WAYS):
        out = work / f"out{number}.npz"
        result = run(tool, [case, "--inputs", case.with_suffix(".in.npz"), "--outputs", out, "--expect",
                            case.with_suffix(".want.npz"), *TOLERANCE, *way], work / "cache")
        if result.returncode != 0:
            raise Failed(f"{' '.join(way)}: {said(result)}")
        outputs.append(out)
        if not filecmp.cmp(outputs[0], out, shallow=False):
            raise Failed(f"{' '.join(way)}: other bits than {' '.join(WAYS[0])}")


def check_refused(tool, case, work):
    for way in WAYS:
        inputs = case.with_suffix(".in.npz")
        result = run(tool, [case, *(["--inputs", inputs] if inputs.exists() else []), *way], work / "cache")
        if result.returncode not in REFUSALS:
            raise Failed(f"{' '.join(way)}: should be refused: {said(result)}")
        if "error" not in result.stderr:
            raise Failed(f"{' '.join(way)}: exit {result.returncode} without an error said")


def models_of_text(path, work):
    """The case files that a text stands for, made in `work`."""
    import numpy as np
    import onnx
    import onnxruntime

    lines = path.read_text().splitlines()
    model = onnx.parser.parse_model("\n".join(line for line in lines if not line.startswith("#")))
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    for number, dims in enumerate([line[7:].split() for line in lines if line.startswith("# with ")] or [[]]):
        extents = {name: int(value) for name, value in (d.split("=") for d in dims)}
        rng = np.random.default_rng(number)
        inputs = {i.name: rng.standard_normal([extents.get(e, e) for e in i.shape], dtype=np.float32)
                  for i in session.get_inputs()}
        case = work / f"{path.stem}_{number}.onnx"
        onnx.save(model, case)
        np.savez(case.with_suffix(".in.npz"), **inputs)
        names = [o.name for o in session.get_outputs()]
        np.savez(case.with_suffix(".want.npz"), **dict(zip(names, session.run(names, inputs))))
        yield case


def check(tool, case):
    """What went wrong, or None."""
    if case.suffix == ".txt":
        with tempfile.TemporaryDirectory() as folder:
            wrong = [check(tool, one) for one in models_of_text(case, pathlib.Path(folder))]
        return next(filter(None, wrong), None)
    with tempfile.TemporaryDirectory() as work:
        is_request = case.with_suffix(".want.npz").exists()
        try:
            (check_right if is_request else check_refused)(tool, case, pathlib.Path(work))
        except Failed as failed:
            return str(failed)
    return None


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=HERE.parent / "build/release/bin",
                        help="folder of the tools")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("-v", "--verbose", action="store_true", help="name the cases that pass")
    parser.add_argument("folder", metavar="DIR", type=pathlib.Path)
    parser.add_argument("names", metavar="NAME", nargs="*", help="only cases whose path holds one of these")
    return parser.parse_args()


def main():
    a = arguments()
    cases = sorted([*a.folder.rglob("*.onnx"), *a.folder.rglob("*.txt")])
    if a.names:
        cases = [c for c in cases if any(name in str(c) for name in a.names)]
    if not cases:
        sys.exit(f"cases: no case below {a.folder}")
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for case, wrong in zip(cases, pool.map(lambda c: check(a.bin / "rlx-run", c), cases)):
            failures += wrong is not None
            if wrong:
                print(f"FAILED {case.relative_to(a.folder)}: {wrong}", flush=True)
            elif a.verbose:
                print(f"ok     {case.relative_to(a.folder)}", flush=True)
    print(f"{len(cases) - failures} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
