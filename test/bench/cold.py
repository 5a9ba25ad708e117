#!/usr/bin/env python3
"""How long the first answer takes: rlx-run from its start to its end, the model in the cache, against making a session
and running it once in ONNX Runtime and OpenVINO, in the same rounds.

    test/bench/cold.py --bin BUILD/bin --models DIR[,DIR] [--peers ort,ov] [--threads N] [--rounds N] [--only WORD,WORD]

No side reads tensors from files. What a run takes once it is warm is taken off each side, so that what is compared is the
start; a ratio is the better peer's start over rlx's, above 1: rlx is faster. A peer's import and the reading of its own
libraries are not counted, rlx's process is.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "models"))
import versus  # noqa: E402


class Tool:
    """rlx-run with a cache of its own that has the model, bound to the shapes."""

    def __init__(self, folder, model, shapes, threads, work, bound):
        from cases import shape_options
        self.arguments = [str(pathlib.Path(folder, "rlx-run")), "run", str(model), "--threads", str(threads), *bound]
        self.arguments += shape_options(shapes)
        self.env = dict(os.environ, RLX_CACHE_DIR=tempfile.mkdtemp(dir=work))
        self.call()

    def warm(self):
        bench = [self.arguments[0], "bench", *self.arguments[2:], "--json", "--min-time", "100ms"]
        done = subprocess.run(bench, env=self.env, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["items"][0]["latency_ns"]["median"] / 1e6

    def call(self):
        done = subprocess.run(self.arguments, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise versus.Wrong((done.stderr or done.stdout).strip().splitlines()[0][:200])

    def start(self):
        begin = time.perf_counter()
        self.call()
        return (time.perf_counter() - begin) * 1e3 - self.warm()


class Peer:
    def __init__(self, make, arrays):
        self.make, self.arrays = make, arrays
        self.start()

    def start(self):
        begin = time.perf_counter()
        run = self.make()
        run(self.arrays)
        first = time.perf_counter() - begin
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            run(self.arrays)
            times.append(time.perf_counter() - begin)
        return (first - statistics.median(times)) * 1e3


def peers_of(a, model, arrays):
    from cases import reference_session
    peers = {}
    if "ort" in a.peers:
        peers["ort"] = Peer(lambda: reference_session(model, a.threads), arrays)
    if "ov" in a.peers:
        def openvino():
            run = versus.openvino_run(model, arrays, a.threads)
            return lambda _: run()
        try:
            peers["ov"] = Peer(openvino, arrays)
        except Exception as e:  # a peer that cannot run a model is a result
            print(f"OpenVINO cannot run {model.name}: {str(e).splitlines()[0]}")
    return peers


def measure(label, model, shapes, a):
    from cases import BOUND, inputs_of
    arrays = inputs_of(model, shapes)
    with tempfile.TemporaryDirectory() as work:
        used = {name: array.shape for name, array in arrays.items()}
        sides = {"rlx": Tool(a.bin, model, used, a.threads, work, BOUND.get(label, ())), **peers_of(a, model, arrays)}
        times = {name: [] for name in sides}
        for _ in range(a.rounds):
            for name, side in sides.items():
                times[name].append(side.start())
    row = {name: statistics.median(of) for name, of in times.items()}
    row["ratio"] = min(row[name] for name in row if name != "rlx") / row["rlx"]
    print(f"{label:28}" + "".join(f"  {name} {of:8.2f} ms" for name, of in row.items() if name != "ratio") +
          f"  {row['ratio']:.2f}", flush=True)
    return row["ratio"]


def main():
    from cases import chosen_cases
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", required=True, help="folder of the tools")
    parser.add_argument("--models", required=True, type=lambda text: text.split(","), help="folders of NAME.onnx")
    parser.add_argument("--peers", default="ort,ov", type=lambda text: text.split(","))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", type=lambda text: text.split(","), help="cases with one of these in their names")
    a = parser.parse_args()
    ratios = []
    for label, model, shapes in chosen_cases(a.models, a.only):
        try:
            ratios.append(measure(label, model, shapes, a))
        except (versus.Wrong, subprocess.CalledProcessError) as e:
            print(f"{label:28}  {e}", flush=True)
    if not ratios:
        return "no case was measured"
    print(f"{len(ratios)} cases, geomean {versus.geomean(ratios):.2f}, least {min(ratios):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
