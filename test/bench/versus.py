#!/usr/bin/env python3
"""Times one build of rlx against another, and against ONNX Runtime and OpenVINO, in the same rounds.

    test/bench/versus.py --bin BUILD/bin --models DIR[,DIR] [--base OTHER/bin] [--peers ort,ov]
        [--threads N[,N]] [--rounds 9] [--seconds 0.5] [--only WORD,WORD] [--out FILE.json] [--table PAGE.md]
        [--case-at-least R] [--geomean-at-least R]
    test/bench/versus.py --self-test

Every round times each side once, beginning with another one each time; a ratio is the median over the rounds
of base / new (of peer / new), so that above 1 the new build is faster. Outputs are first compared with ONNX
Runtime's: a wrong one has no time, and fails. Exit 1 where an output is wrong, a model that base can run
cannot be run, or a ratio to base is below a bound. Without --base the bounds are for the best peer. With --table the
rows become a page of documentation (table.py).

Needs numpy, onnx and onnxruntime, and openvino if it is asked for.
"""

import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "models"))
# Of the largest wanted value of an output.
TOLERANCE = 1e-3


class Wrong(Exception):
    pass


class Build:
    """A folder of rlx's tools, with a cache of its own."""

    def __init__(self, folder, threads, seconds, work, bound=(), tolerance=TOLERANCE):
        self.bound, self.tolerance = bound, tolerance
        self.tool = pathlib.Path(folder, "rlx-run")
        self.threads, self.seconds = str(threads), seconds
        self.env = dict(os.environ, RLX_CACHE_DIR=tempfile.mkdtemp(dir=work))

    def call(self, *arguments):
        done = subprocess.run([self.tool, *arguments, *self.bound, "--threads", self.threads], env=self.env,
                              capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["nothing said"]
            said = [line for line in lines if line.startswith("error")] or lines
            raise Wrong(f"exit {done.returncode}: {said[0][:200]}")
        return done.stdout

    def prepare(self, model, inputs, want, work):
        """Compiles, and compares once; afterwards time() has only to time."""
        from cases import worst_error
        import numpy as np
        self.model, self.inputs = str(model), str(inputs)
        out = pathlib.Path(work, "out.npz")
        out.unlink(missing_ok=True)
        self.call("run", self.model, "--inputs", self.inputs, "--outputs", str(out))
        error = worst_error(want, dict(np.load(out)))
        if not error <= self.tolerance:
            raise Wrong(f"WRONG by {error:.3g} of scale")

    def time(self):
        text = self.call("bench", self.model, "--inputs", self.inputs, "--json",
                         "--min-time", f"{max(1, round(self.seconds * 1000))}ms")
        return json.loads(text)["items"][0]["latency_ns"]["median"] / 1e6


class Peer:
    """Something in this process that runs the model when called."""

    def __init__(self, run, seconds):
        self.run, self.seconds = run, seconds

    def time(self):
        self.run()
        end, times = time.perf_counter() + self.seconds, []
        while time.perf_counter() < end or len(times) < 3:
            start = time.perf_counter()
            self.run()
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1e3


def openvino_run(model, arrays, threads):
    import openvino
    core = openvino.Core()
    core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                              "INFERENCE_PRECISION_HINT": "f32"})
    read = core.read_model(model)
    read.reshape({name: list(array.shape) for name, array in arrays.items()})
    request = core.compile_model(read, "CPU").create_infer_request()
    return lambda: request.infer(arrays, share_inputs=True, share_outputs=True)


def sides_of(a, threads, label, model, arrays, work):
    """What can be timed, by name, and what went wrong, by name."""
    import numpy as np
    from cases import BOUND, ROUNDED, reference_session
    sides, wrong = {}, {}
    reference = reference_session(model, threads)
    want = reference(arrays)
    inputs = pathlib.Path(work, "in.npz")
    np.savez(inputs, **arrays)
    for name, folder in (("new", a.bin), ("base", a.base)):
        if folder:
            side = Build(folder, threads, a.seconds, work, BOUND.get(label, ()), ROUNDED.get(label, TOLERANCE))
            try:
                side.prepare(model, inputs, want, work)
                sides[name] = side
            except Wrong as e:
                wrong[name] = str(e)
    if "ort" in a.peers:
        sides["ort"] = Peer(lambda: reference(arrays), a.seconds)
    if "ov" in a.peers:
        try:
            sides["ov"] = Peer(openvino_run(model, arrays, threads), a.seconds)
        except Exception as e:  # a peer that cannot run a model is a result
            wrong["ov"] = str(e).splitlines()[0][:200]
    return sides, wrong


def rounds_of(sides, count):
    """Milliseconds by side, one a round; who begins changes with the round."""
    names, times = list(sides), {name: [] for name in sides}
    for turn in range(count):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            times[name].append(sides[name].time())
    return times


def ratio(times, other):
    """Above 1: new is faster. Both times of a round have met the same noise."""
    return statistics.median(o / n for o, n in zip(times[other], times["new"]))


def measure(label, model, shapes, threads, a):
    from cases import inputs_of
    with tempfile.TemporaryDirectory() as work:
        arrays = inputs_of(model, shapes)
        sides, wrong = sides_of(a, threads, label, model, arrays, work)
        row = {"case": label, "threads": threads, "wrong": wrong}
        if "new" in sides:
            times = rounds_of(sides, a.rounds)
            row["ms"] = {name: statistics.median(of) for name, of in times.items()}
            row["ratio"] = {name: ratio(times, name) for name in times if name != "new"}
    return row


def line_of(row):
    times = "  ".join(f"{name} {ms:.4g} ms" for name, ms in row.get("ms", {}).items())
    ratios = "  ".join(f"{name}/new {of:.3f}" for name, of in row.get("ratio", {}).items())
    wrong = "  ".join(f"{name}: {what}" for name, what in row["wrong"].items())
    return "  ".join(filter(None, (f"{row['case']:28}", f"{row['threads']} threads", times, ratios, wrong)))


def against(row, has_base):
    """The ratio that counts, or None."""
    ratios = dict(row.get("ratio", {}))
    if has_base:
        return ratios.get("base")
    return min(ratios.values(), default=None)


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def verdict(rows, a):
    """What is below its bound, as lines."""
    counted = {f"{row['case']}, {row['threads']} threads": of for row in rows if (of := against(row, a.base)) is not None}
    bad = [f"{row['case']}: {row['wrong']['new']}" for row in rows
           if "new" in row["wrong"] and ("WRONG" in row["wrong"]["new"] or "base" not in row["wrong"])]
    bad += [f"{case}: {of:.3f} is below {a.case_at_least}" for case, of in counted.items()
            if of < a.case_at_least]
    if not counted:
        return bad + ["no case was timed"]
    whole = geomean(counted.values())
    print(f"{len(counted)} of {len(rows)} cases, geomean {whole:.3f}, worst {min(counted.values()):.3f}")
    if whole < a.geomean_at_least:
        bad.append(f"the geomean {whole:.3f} is below {a.geomean_at_least}")
    return bad


def parse(arguments):
    def words(text):
        return [word for word in text.split(",") if word]
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", required=True, help="folder of the new tools")
    parser.add_argument("--base", help="folder of the tools to compare with")
    parser.add_argument("--models", required=True, type=words, help="folders of NAME.onnx")
    parser.add_argument("--peers", default="", type=words, help="ort, ov")
    parser.add_argument("--threads", type=lambda text: [int(n) for n in words(text)], default=[os.cpu_count()])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="a side and round")
    parser.add_argument("--only", type=words, help="cases with one of these in their names")
    parser.add_argument("--out", type=pathlib.Path, help="the rows as JSON")
    parser.add_argument("--table", type=pathlib.Path, help="the rows as a page")
    parser.add_argument("--case-at-least", type=float, default=0.0)
    parser.add_argument("--geomean-at-least", type=float, default=0.0)
    return parser.parse_args(arguments)


def main(arguments):
    from cases import chosen_cases
    a = parse(arguments)
    rows = []
    for threads in a.threads:
        for label, model, shapes in chosen_cases(a.models, a.only):
            rows.append(measure(label, model, shapes, threads, a))
            print(line_of(rows[-1]), flush=True)
    bad = verdict(rows, a)
    if a.out:
        a.out.write_text(json.dumps(rows, indent=1))
    if a.table:
        import table
        a.table.write_text(table.page(rows, a, geomean))
    print("\n".join(f"BELOW {line}" for line in bad) or "all bounds hold")
    return bool(bad)


# ---- Self test: tools that only pretend -----------------------------------------------------------

FAKE = """#!{python}
import json, sys
import numpy as np
a = sys.argv
if a[1] == "bench":
    print(json.dumps({{"items": [{{"latency_ns": {{"median": {ns}}}}}]}}))
else:
    x = np.load(a[a.index("--inputs") + 1])["bytes"]
    np.savez(a[a.index("--outputs") + 1], y=x + np.float32({off}))
sys.exit({status})
"""


def self_test():
    try:
        import onnx
        import onnxruntime  # noqa: F401
    except ImportError as e:
        print(f"skipped: {e}")
        return 77
    with tempfile.TemporaryDirectory() as work:
        x = onnx.helper.make_tensor_value_info("bytes", 1, [1, 2048])
        y = onnx.helper.make_tensor_value_info("y", 1, [1, 2048])
        graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["bytes"], ["y"])], "g", [x], [y])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, f"{work}/magika.onnx")

        def fake(name, ns, off=0.0, status=0):
            tool = pathlib.Path(work, name, "rlx-run")
            tool.parent.mkdir()
            tool.write_text(FAKE.format(python=sys.executable, ns=ns, off=off, status=status))
            tool.chmod(0o755)
            return str(tool.parent)

        one, half, wrong, broken = (fake("one", 1e6), fake("half", 5e5), fake("wrong", 1e5, off=1.0),
                                    fake("broken", 1e6, status=4))

        def status(new, base, *more):
            return main(["--bin", new, "--base", base, "--models", work, "--rounds", "2", "--seconds", "0.01",
                         "--out", f"{work}/rows.json", *more])

        def row():
            return json.loads(pathlib.Path(work, "rows.json").read_text())[0]

        assert status(half, one, "--case-at-least", "1.9") == 0 and row()["ratio"]["base"] == 2
        assert status(one, half, "--case-at-least", "0.95") == 1 and row()["ratio"]["base"] == 0.5
        assert status(one, half, "--geomean-at-least", "0.98") == 1
        assert status(wrong, one) == 1 and "ms" not in row() and "WRONG" in row()["wrong"]["new"]
        assert status(broken, one) == 1 and "exit 4" in row()["wrong"]["new"]
        # What base gets wrong has no time to compare with.
        assert status(one, wrong) == 1 and "base" not in row()["ratio"]
        assert main(["--bin", half, "--models", work, "--peers", "ort", "--rounds", "1", "--seconds", "0.01"]) == 0
    print("bounds and wrong outputs are seen")
    return 0


if __name__ == "__main__":
    sys.exit(self_test() if sys.argv[1:] == ["--self-test"] else main(sys.argv[1:]))
