#!/usr/bin/env python3
"""Work grows with the nodes of a graph and no faster: twice the nodes, at most 2.2 times the work.

    test/scale/growth.py --bin build/release/bin [--nodes N] [SHAPE[:STAGE]...]

Work is the instructions that rlxc executes to print a stage, counted by valgrind's callgrind, less those
for a graph of next to no nodes; they are the same whatever else the machine does. Exits 77 where
valgrind is missing.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import graphs

MOST_GROWTH = 2.2
NEXT_TO_NONE = 8

# What ctest holds. The stage kernel ends before code is generated; the nodes are enough for kernels to have grown to
# their bound (lib/plan/fuse.cpp).
CASES = [f"{shape}:{stage}" for shape in graphs.SHAPES for stage in ("mir", "kernel")]


class Counter:
    def __init__(self, rlxc, folder):
        self.folder = folder
        # Old valgrinds give up at debug information that they do not know.
        self.rlxc = folder / "rlxc"
        subprocess.run(["strip", "--strip-debug", "-o", self.rlxc, rlxc], check=True)

    def instructions(self, shape, stage, nodes):
        model = self.folder / "graph.mir"
        model.write_text(graphs.graph(shape, nodes))
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", self.rlxc,
             model, f"--emit={stage}", "--target=cpu:portable", "--jobs=1", "--output=/dev/null"],
            capture_output=True, text=True)
        found = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode != 0 or not found:
            sys.exit(f"{shape}:{stage} of {nodes} nodes failed:\n{done.stderr}")
        return int(found.group(1))

    def growth(self, shape, stage, nodes):
        least, once, twice = (
            self.instructions(shape, stage, n) for n in (NEXT_TO_NONE, nodes, 2 * nodes))
        return (twice - least) / (once - least), (twice - once) // nodes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="the folder of rlxc")
    parser.add_argument("--nodes", type=int, default=400)
    parser.add_argument("cases", nargs="*", default=CASES, metavar="SHAPE[:STAGE]")
    args = parser.parse_args()
    if not shutil.which("valgrind"):
        print("valgrind is not installed: skipped")
        sys.exit(77)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        counter = Counter(args.bin / "rlxc", pathlib.Path(folder))
        for case in args.cases:
            shape, _, stage = case.partition(":")
            growth, per_node = counter.growth(shape, stage or "mir", args.nodes)
            failed |= growth > MOST_GROWTH
            verdict = f"more than {MOST_GROWTH}" if growth > MOST_GROWTH else "ok"
            print(f"{case}: x{growth:.2f}, {per_node} instructions a node: {verdict}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
