#!/usr/bin/env python3
"""Runs ONNX's own operator cases through rlx and counts.

    test/conformance/run.py --bin BUILD/bin [--data DIR] [--jobs N] [CASE...]
    test/conformance/run.py --bin BUILD/bin --update       writes cases.txt anew

A case is selected if its tensors have the element types below and rlxc reads its model: then its
operators, attributes and operator set are all covered. cases.txt lists the selected ones, so that one
that is lost shows. Where rlx has to know an input when it compiles (a shape, say), which such a case
only gives at run time, small inputs are made constants of the model first; the count says of how many.

A case states the operator set in which its operator had last changed, which may be older than those that rlx
reads: then it is run in the first of these, unless an operator in it became another there.

The cases come with Debian's libonnx-testdata.
"""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
DATA = pathlib.Path("/usr/include/onnx/backend/test/data")
FOLDERS = ("node", "simple", "pytorch-operator", "pytorch-converted")
# ONNX's numbers of f32, u8, i8, i32, i64, bool and f64.
ELEMENT_TYPES = {1, 2, 3, 6, 7, 9, 11}
INTEGERS = {6, 7}
# The first operator set that rlx reads.
FIRST_SET = 7
# What its slope broadcasts to changed in that set.
CHANGED = {b"PRelu"}
# The first is read, but what its loop gathers is a slice from i to i + 1, whose extent rlx cannot tell to be 1. The others
# mean corners of an output whose length is no whole number; onnxruntime does not follow them either.
LEFT_OUT = {"test_loop11", "test_resize_downsample_scales_cubic_align_corners",
            "test_resize_downsample_scales_linear_align_corners"}
# Or known to be no -1 and no 0, which stand for other extents in a reshape.
MUST_BE_KNOWN = ("RLX-E4040", "RLX-E4201", "RLX-E5118")
TIME_LIMIT_S = 120

# ---- Protobuf -----------------------------------------------------------------------------------


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """(field number, value or bytes) of a message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size, at = varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at:at + size], at + size
        yield key >> 3, value


def encoded(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def embedded(field, payload):
    return encoded(field << 3 | 2) + encoded(len(payload)) + payload


def first(data, field, default=None):
    return next((value for number, value in fields(data) if number == field), default)


def tensors_of(value):
    """A tensor, or those of a sequence or optional, which have a name as field 1 and nothing where a tensor has data."""
    found = list(fields(value))
    numbers = {number for number, _ in found}
    if 3 in numbers:
        return [held for number, held in found if number == 3]
    is_tensor = any(number == 1 and isinstance(held, int) for number, held in found) or numbers & {4, 6, 7, 9, 10, 11}
    if not is_tensor and element_type(value) == 3:
        return [tensor for number, held in found if number == 5 for tensor in tensors_of(held)]
    return [value] if is_tensor or 5 in numbers else []


def element_type(tensor):
    return first(tensor, 2, 0)


def is_small(tensor):
    """What a shape, axes, the bounds of a range or the scales of a resize may be."""
    if tensors_of(tensor) != [tensor]:
        return False
    return rank(tensor) == 0 or (rank(tensor) == 1 and element_type(tensor) in INTEGERS | {1})


def rank(tensor):
    """Dims come packed or one by one."""
    count = 0
    for number, value in fields(tensor):
        if number == 1 and isinstance(value, int):
            count += 1
        elif number == 1:
            count += sum(byte < 0x80 for byte in value)
    return count


# ---- Cases --------------------------------------------------------------------------------------


def numbered(folder, kind):
    """input_0.pb, input_1.pb, ... in order."""
    found = []
    while (path := folder / f"{kind}_{len(found)}.pb").exists():
        found.append(path)
    return found


def in_first_set(operator_set):
    """Of ONNX's own domain: at least the first that is read."""
    if first(operator_set, 1, b"") or first(operator_set, 2, 1) >= FIRST_SET:
        return operator_set
    return encoded(2 << 3) + encoded(FIRST_SET)


def is_changed(model):
    nodes = [value for number, value in fields(first(model, 7)) if number == 1]
    return any(first(node, 4) in CHANGED for node in nodes)


def raised(model):
    if is_changed(model):
        return model
    return b"".join(
        encoded(number << 3) + encoded(value) if isinstance(value, int) else
        embedded(number, in_first_set(value) if number == 8 else value)
        for number, value in fields(model))


def with_read_sets(data, to):
    """The cases, with operator sets that are read."""
    for case in (case for folder in FOLDERS for case in present(data / folder, "test_*")):
        (to / case.name).mkdir()
        (to / case.name / "model.onnx").write_bytes(raised((case / "model.onnx").read_bytes()))
        (to / case.name / "test_data_set_0").symlink_to((case / "test_data_set_0").resolve())
    return to


def has_types(folder):
    files = numbered(folder, "input") + numbered(folder, "output")
    return all(element_type(tensor) in ELEMENT_TYPES for path in files for tensor in tensors_of(path.read_bytes()))


def command(tool, *arguments, cache):
    env = dict(os.environ, RLX_CACHE_DIR=str(cache))
    return subprocess.run([tool, *map(str, arguments)], env=env, capture_output=True, text=True,
                          errors="replace", timeout=TIME_LIMIT_S, check=False)


def is_selected(case, tools, cache):
    if not has_types(case / "test_data_set_0"):
        return False
    result = command(tools / "rlxc", case / "model.onnx", "--emit=hir", cache=cache)
    # Of a sequence the run's inputs tell how long it is.
    return result.returncode == 0 or "nothing tells what it holds" in result.stderr


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


def run_case(case, tools, cache):
    """What went wrong, or None; whether inputs had to be made constants."""
    def run(model, tensors):
        inputs = ["--inputs", tensors] if numbered(tensors, "input") else []
        return command(tools / "rlx-run", "run", model, *inputs, "--expect", tensors,
                       "--check-memory", cache=cache)

    fixed = False
    try:
        result = run(case / "model.onnx", case / "test_data_set_0")
        if result.returncode != 0 and any(code in result.stderr for code in MUST_BE_KNOWN):
            fixed = True
            with tempfile.TemporaryDirectory() as folder:
                result = run(*with_constants(case, pathlib.Path(folder)))
    except subprocess.TimeoutExpired:
        return f"no end after {TIME_LIMIT_S} s", fixed
    if result.returncode == 0:
        return None, fixed
    said = (result.stderr or result.stdout).strip().splitlines() or ["nothing said"]
    return f"exit {result.returncode}: {said[0]}", fixed


# ---- The whole ----------------------------------------------------------------------------------


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the tools")
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="folder of the cases")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--update", action="store_true", help="write cases.txt anew, run nothing")
    parser.add_argument("cases", metavar="CASE", nargs="*", help="run these, listed or not; a pattern, too")
    return parser.parse_args()


def present(data, pattern):
    return sorted(path for path in data.glob(pattern) if (path / "model.onnx").exists())


def named(a):
    names = [path.name for pattern in a.cases for path in present(a.data, pattern)]
    return names or sys.exit(f"conformance: no case in {a.data} is called so")


def selected(a, pool, cache):
    cases = [case for case in present(a.data, "test_*") if case.name not in LEFT_OUT]
    chosen = pool.map(lambda case: is_selected(case, a.bin, cache), cases)
    return [case.name for case, yes in zip(cases, chosen) if yes]


def run_all(names, a, pool, cache):
    """The number of failures, each of which is printed, and of cases with inputs made constants."""
    failures = constants = 0
    results = pool.map(lambda name: run_case(a.data / name, a.bin, cache), names)
    for name, (wrong, fixed) in zip(names, results):
        constants += fixed
        if wrong:
            failures += 1
            print(f"FAILED {name}: {wrong}", flush=True)
    return failures, constants


def main():
    a = arguments()
    if not a.data.is_dir():
        sys.exit(f"conformance: {a.data} is missing; install libonnx-testdata")
    listing = HERE / "cases.txt"
    with (tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as cases,
          concurrent.futures.ThreadPoolExecutor(a.jobs) as pool):
        a.data = with_read_sets(a.data, pathlib.Path(cases))
        if a.cases:
            names, failures = named(a), 0
        else:
            names = selected(a, pool, cache)
            if a.update:
                listing.write_text("".join(f"{name}\n" for name in names))
                return 0
            differ = sorted(set(names) ^ set(listing.read_text().split()))
            for name in differ:
                print(f"FAILED {name}: " + ("not in cases.txt" if name in names else "no longer covered"))
            failures = len(differ)
        wrong, constants = run_all(names, a, pool, cache)
    print(f"{constants} of them with small inputs as constants")
    print(f"{len(names) - wrong} passed, {failures + wrong} failed")
    return 1 if failures + wrong else 0


if __name__ == "__main__":
    sys.exit(main())
