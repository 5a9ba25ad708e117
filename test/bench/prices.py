#!/usr/bin/env python3
"""Says how well the prices that plan/ weighs rank kernels: against how long each takes when it runs.

    test/bench/prices.py --bin BUILD/bin MODEL.onnx... [--dim NAME=N]... [--threads 1] [--list 20]
        [--at-least R]

Prints Spearman's rank correlation of a kernel's estimated cycles and its time, a model a line and all
together, with --list the kernels whose ranks are furthest apart. Exit 1 where the whole is below R.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile


def ranks(values):
    """Average ranks, so that ties do not count either way."""
    order = sorted(range(len(values)), key=values.__getitem__)
    out = [0.0] * len(values)
    i = 0
    while i < len(order):
        j = i
        while j + 1 < len(order) and values[order[j + 1]] == values[order[i]]:
            j += 1
        for k in order[i:j + 1]:
            out[k] = (i + j) / 2
        i = j + 1
    return out


def spearman(xs, ys):
    a, b = ranks(xs), ranks(ys)
    mean = (len(a) - 1) / 2
    top = sum((x - mean) * (y - mean) for x, y in zip(a, b))
    bottom = (sum((x - mean)**2 for x in a) * sum((y - mean)**2 for y in b))**0.5
    return top / bottom if bottom else 1.0


def call(tool, *arguments, env):
    done = subprocess.run([tool, *arguments], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{tool} {' '.join(arguments)}: exit {done.returncode}: {done.stderr[-300:]}")
    return done.stdout


def kernels_of(model, o, env):
    """(name, estimated cycles, measured ns) of each kernel; of several runs the fastest counts."""
    dims = [word for d in o.dim for word in ("--dim", d)]
    planned = json.loads(call(f"{o.bin}/rlxc", model, "--emit=fusion", *dims, env=env))["kernels"]
    cycles = {k["kernel"]: k["cycles"] for k in planned}
    best = {}
    for _ in range(o.runs):
        out = json.loads(call(f"{o.bin}/rlx-run", "profile", model, *dims, "--threads", str(o.threads),
                              "--json", env=env))
        for k in out["items"][0]["profile"]:
            best[k["kernel"]] = min(best.get(k["kernel"], k["ns"]), k["ns"])
    return [(name, cycles[name], ns) for name, ns in best.items() if name in cycles]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("models", nargs="+")
    p.add_argument("--bin", required=True)
    p.add_argument("--dim", action="append", default=[])
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--list", type=int, default=0)
    p.add_argument("--at-least", type=float)
    o = p.parse_args()
    everything = []
    with tempfile.TemporaryDirectory() as cache:
        env = dict(os.environ, RLX_CACHE_DIR=cache)
        for model in o.models:
            kernels = kernels_of(model, o, env)
            everything += kernels
            r = spearman([k[1] for k in kernels], [k[2] for k in kernels])
            print(f"{r:6.3f}  {len(kernels):4} kernels  {os.path.basename(model)}")
            if o.list:
                x, y = ranks([k[1] for k in kernels]), ranks([k[2] for k in kernels])
                for i in sorted(range(len(x)), key=lambda i: -abs(x[i] - y[i]))[:o.list]:
                    name, cycles, ns = kernels[i]
                    print(f"        {name:32} {cycles:12} cycles {ns:10} ns  {cycles / ns:6.2f}")
    whole = spearman([k[1] for k in everything], [k[2] for k in everything])
    print(f"{whole:6.3f}  {len(everything):4} kernels  in all")
    return 1 if o.at_least is not None and whole < o.at_least else 0


if __name__ == "__main__":
    sys.exit(main())
