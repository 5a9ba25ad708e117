#!/usr/bin/env python3
"""Runs ONNX's own operator cases through rlx and counts.

    test/conformance/run.py --bin BUILD/bin [--newer] [--data DIR] [--jobs N] [CASE...]
    test/conformance/run.py --bin BUILD/bin [--newer] --update    writes the list and docs/conformance.md anew
    test/conformance/run.py --check                               the page is that of the lists; runs nothing

cases.txt lists the cases that are right; one that is lost shows, and one that is won. docs/conformance.md counts them
and says why the others are not. Where rlx has to know an input when it compiles (a shape, say), which such a case only
gives at run time, small inputs are made constants of the model first; the count says of how many.

The cases come with Debian's libonnx-testdata; of an operator set before those that rlx reads they are raised to the
first of these (older_set.py). --newer takes those that the Python package onnx makes instead (newer.py), which
newer.txt lists.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import page
from older_set import raised
from wire import element_type, embedded, encoded, fields, first, rank, tensors_of

HERE = pathlib.Path(__file__).resolve().parent
DATA = pathlib.Path("/usr/include/onnx/backend/test/data")
FOLDERS = ("node", "simple", "pytorch-operator", "pytorch-converted")
# ONNX's numbers of f32, i32 and i64.
SMALL_TYPES = {1, 6, 7}
# Or known to be no -1 and no 0, which stand for other extents in a reshape.
MUST_BE_KNOWN = ("RLX-E4040", "RLX-E4201", "RLX-E5118")
TIME_LIMIT_S = 120


# ---- Cases --------------------------------------------------------------------------------------


def numbered(folder, kind):
    """input_0.pb, input_1.pb, ... in order."""
    found = []
    while (path := folder / f"{kind}_{len(found)}.pb").exists():
        found.append(path)
    return found


def is_small(tensor):
    """What a shape, axes, the bounds of a range or the scales of a resize may be."""
    if tensors_of(tensor) != [tensor]:
        return False
    return rank(tensor) == 0 or (rank(tensor) == 1 and element_type(tensor) in SMALL_TYPES)


def present(data, pattern):
    return sorted(path for path in data.glob(pattern) if (path / "model.onnx").exists())


def with_read_sets(cases, to):
    """The cases, with operator sets that are read."""
    for case in cases:
        (to / case.name).mkdir()
        (to / case.name / "model.onnx").write_bytes(raised((case / "model.onnx").read_bytes()))
        (to / case.name / "test_data_set_0").symlink_to((case / "test_data_set_0").resolve())


def with_constants(case, to):
    """The model with its small inputs as initializers, and a folder with the other tensors."""
    left = to / "tensors"
    left.mkdir()
    sets = case / "test_data_set_0"
    model = (case / "model.onnx").read_bytes()
    graph = first(model, 7)
    names = [first(info, 1) for number, info in fields(graph) if number == 11]
    initializers = {first(value, 8) for number, value in fields(graph) if number == 5}
    names = [name for name in names if name not in initializers]
    inputs = 0
    for name, path in zip(names, numbered(sets, "input")):
        tensor = path.read_bytes()
        if is_small(tensor):
            # A field that stands twice has its last value.
            graph += embedded(5, tensor + embedded(8, name))
        else:
            (left / f"input_{inputs}.pb").write_bytes(tensor)
            inputs += 1
    for path in numbered(sets, "output"):
        (left / path.name).write_bytes(path.read_bytes())
    other = b"".join(
        encoded(number << 3) + encoded(value) if isinstance(value, int) else embedded(number, value)
        for number, value in fields(model) if number != 7)
    (to / "model.onnx").write_bytes(other + embedded(7, graph))
    return to / "model.onnx", left


def command(tool, *arguments, cache):
    env = dict(os.environ, RLX_CACHE_DIR=str(cache))
    return subprocess.run([tool, *map(str, arguments)], env=env, capture_output=True, text=True,
                          errors="replace", timeout=TIME_LIMIT_S, check=False)


def run_case(case, tools, cache, device):
    """What went wrong, or None; whether inputs had to be made constants."""
    def run(model, tensors):
        inputs = ["--inputs", tensors] if numbered(tensors, "input") else []
        return command(tools / "rlx-run", "run", model, *inputs, "--expect", tensors,
                       *(["--device", device] if device else ["--check-memory"]), cache=cache)

    fixed = False
    try:
        result = run(case / "model.onnx", case / "test_data_set_0")
        if result.returncode != 0 and any(code in result.stderr for code in MUST_BE_KNOWN):
            fixed = True
            with tempfile.TemporaryDirectory() as folder:
                result = run(*with_constants(case, pathlib.Path(folder)))
    except subprocess.TimeoutExpired:
        return f"no end after {TIME_LIMIT_S} s", fixed
    return (None if result.returncode == 0 else said_by(result)), fixed


def said_by(result):
    """Its first error; the signal or the code without one."""
    lines = [line for line in (result.stderr + result.stdout).splitlines() if line.startswith("error ")]
    # Keys and places of files are other ones each time.
    return re.sub(r"/tmp/\S+/", "", lines[0][6:]) if lines else f"exit {result.returncode}: nothing said"


# ---- The whole ----------------------------------------------------------------------------------


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, help="folder of the tools")
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="folder of the cases")
    parser.add_argument("--newer", action="store_true", help="the cases of the Python package onnx")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--device", help="of rlx-run; without one, the CPU, whose memory is checked")
    parser.add_argument("--update", action="store_true", help="write the list and the page anew")
    parser.add_argument("--check", action="store_true", help="whether the page is that of the lists")
    parser.add_argument("cases", metavar="CASE", nargs="*", help="run these; a pattern, too")
    a = parser.parse_args()
    return a if a.check or a.bin else parser.error("--bin is missing")


def suites(a, folder):
    """The cases' names by suite; they lie in `folder`."""
    if a.newer:
        import newer
        newer.write_all(folder)
        return {"node": [path.name for path in present(folder, "test_*")]}
    if not a.data.is_dir():
        sys.exit(f"conformance: {a.data} is missing; install libonnx-testdata")
    found = {suite: present(a.data / suite, "test_*") for suite in FOLDERS}
    with_read_sets([case for cases in found.values() for case in cases], folder)
    return {suite: [case.name for case in cases] for suite, cases in found.items()}


def run_all(names, a, folder):
    """What is wrong by name, and the number of cases with inputs made constants."""
    with tempfile.TemporaryDirectory() as cache, concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        results = list(pool.map(lambda name: run_case(folder / name, a.bin, cache, a.device), names))
    return ({name: wrong for name, (wrong, _) in zip(names, results) if wrong}, sum(fixed for _, fixed in results))


def faults(names, wrong, listed):
    """Lines: what was lost, and what was won and is not listed."""
    lost = [f"FAILED {name}: {wrong[name]}" for name in names if name in wrong and name in listed]
    gone = [f"FAILED {name}: there is no such case" for name in sorted(listed - set(names))]
    return lost + gone + [f"FAILED {name}: right, and not listed" for name in names
                          if name not in wrong and name not in listed]


def main():
    a = arguments()
    listing = HERE / ("newer.txt" if a.newer else "cases.txt")
    if a.check:
        return page.check()
    with tempfile.TemporaryDirectory() as cases:
        folder = pathlib.Path(cases)
        by_suite = suites(a, folder)
        names = [name for of_suite in by_suite.values() for name in of_suite]
        if a.cases:
            names = [path.name for pattern in a.cases for path in present(folder, pattern)]
            names = names or sys.exit("conformance: no case is called so")
        wrong, constants = run_all(names, a, folder)
    if a.update:
        listing.write_text("".join(f"{name}\n" for name in sorted(set(names) - set(wrong))))
        page.write("newer" if a.newer else "cases", by_suite, wrong)
        return 0
    lines = ([f"FAILED {name}: {why}" for name, why in wrong.items()] if a.cases else
             faults(names, wrong, set(listing.read_text().split())))
    print("\n".join(lines + [f"{constants} of them with small inputs as constants"]))
    print(f"{len(names) - len(wrong)} passed, {len(lines)} failed")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
