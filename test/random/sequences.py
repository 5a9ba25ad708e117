#!/usr/bin/env python3
"""Random models about sequences, with Ifs, Loops and SequenceMaps that take and give them, against onnxruntime.

    test/random/sequences.py --bin BUILD/bin [--graphs N] [--seed S] [--keep DIR]

Each runs as a variant and as a template, with 1 and 2 threads, in checked memory. Ends with 1 if one is wrong. What rlx
refuses because only the run tells an extent is counted apart, by code. Needs numpy, onnx and onnxruntime.
"""
import argparse
import collections
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

UNTOLD = re.compile(r"error (RLX-E4040|RLX-E4201|RLX-E4202)")
WIDTH = 4
MOST_DEPTH = 2

Tensor = collections.namedtuple("Tensor", "name rows")
# The rows of each element.
Sequence = collections.namedtuple("Sequence", "name rows")


class Scope:
    """The nodes of a graph, and what they may read."""

    def __init__(self, outer=None):
        self.nodes = []
        self.tensors = list(outer.tensors) if outer else []
        self.sequences = list(outer.sequences) if outer else []


class Generator:
    """A model, with its inputs, and what its outputs are."""

    def __init__(self, seed):
        self.random, self.count = random.Random(seed), 0
        self.inputs, self.feeds, self.scans = [], {}, []

    # ---- Parts ----

    def name(self):
        self.count += 1
        return f"v{self.count}"

    def node(self, scope, op, inputs, **attributes):
        name = self.name()
        scope.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def constant(self, scope, value):
        return self.node(scope, "Constant", [], value=numpy_helper.from_array(np.asarray(value)))

    def input(self, value):
        name = self.name()
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        self.inputs.append(helper.make_tensor_value_info(name, kind, value.shape))
        self.feeds[name] = value
        return name

    def tensor(self, scope, op, inputs, rows, **attributes):
        scope.tensors.append(Tensor(self.node(scope, op, inputs, **attributes), rows))

    def sequence(self, scope, op, inputs, rows, **attributes):
        scope.sequences.append(Sequence(self.node(scope, op, inputs, **attributes), list(rows)))

    def some(self, scope):
        """A sequence that is not empty."""
        return self.random.choice([s for s in scope.sequences if s.rows])

    def place(self, scope, first, last):
        at = self.random.randint(first, last)
        return at, self.constant(scope, self.random.choice([np.int64, np.int32])(at))

    # ---- Steps ----

    def unary(self, scope):
        x = self.random.choice(scope.tensors)
        self.tensor(scope, self.random.choice(["Relu", "Tanh", "Neg"]), [x.name], x.rows)

    def binary(self, scope):
        x = self.random.choice(scope.tensors)
        y = self.random.choice([t for t in scope.tensors if t.rows == x.rows])
        self.tensor(scope, self.random.choice(["Add", "Mul", "Sub"]), [x.name, y.name], x.rows)

    def construct(self, scope):
        parts = [self.random.choice(scope.tensors) for _ in range(self.random.randint(1, 3))]
        self.sequence(scope, "SequenceConstruct", [p.name for p in parts], [p.rows for p in parts])

    def insert(self, scope):
        s, x = self.random.choice(scope.sequences), self.random.choice(scope.tensors)
        rows, inputs, at = list(s.rows), [s.name, x.name], len(s.rows)
        if self.random.random() < 0.6:
            at, where = self.place(scope, -len(rows), len(rows))
            inputs.append(where)
        rows.insert(at, x.rows)
        self.sequence(scope, "SequenceInsert", inputs, rows)

    def erase(self, scope):
        s = self.some(scope)
        rows, inputs, at = list(s.rows), [s.name], -1
        if self.random.random() < 0.6:
            at, where = self.place(scope, -len(rows), len(rows) - 1)
            inputs.append(where)
        del rows[at]
        self.sequence(scope, "SequenceErase", inputs, rows)

    def at(self, scope):
        s = self.some(scope)
        at, where = self.place(scope, -len(s.rows), len(s.rows) - 1)
        self.tensor(scope, "SequenceAt", [s.name, where], s.rows[at])

    def length(self, scope):
        s, x = self.random.choice(scope.sequences), self.random.choice(scope.tensors)
        number = self.node(scope, "Cast", [self.node(scope, "SequenceLength", [s.name])], to=TensorProto.FLOAT)
        self.tensor(scope, "Mul", [x.name, number], x.rows)

    def split(self, scope):
        x = self.random.choice([t for t in scope.tensors if t.rows])
        how = self.random.choice(["ones", "equal", "given", "told"])
        inputs, rows = [x.name], [1] * x.rows
        if how == "equal":
            size = self.random.randint(1, x.rows)
            inputs.append(self.constant(scope, np.int64(size)))
            rows = [min(size, x.rows - first) for first in range(0, x.rows, size)]
        elif how != "ones":
            first = self.random.randint(1, x.rows)
            rows = [first, x.rows - first] if first < x.rows else [first]
            given = np.array(rows, np.int64)
            inputs.append(self.input(given) if how == "told" else self.constant(scope, given))
        self.sequence(scope, "SplitToSequence", inputs, rows, axis=self.random.choice([0, -2]))

    def concat(self, scope):
        s = self.some(scope)
        self.tensor(scope, "ConcatFromSequence", [s.name], sum(s.rows), axis=0)

    def optional(self, scope):
        x, s = self.random.choice(scope.tensors), self.some(scope)
        self.tensor(scope, "OptionalGetElement", [self.node(scope, "Optional", [x.name])], x.rows)
        self.sequence(scope, "OptionalGetElement", [self.node(scope, "Optional", [s.name])], s.rows)

    # ---- Regions ----

    def result(self, scope, value):
        """A value's copy, as a result of the scope's graph."""
        name = self.node(scope, "Identity", [value.name])
        make = helper.make_tensor_sequence_value_info if isinstance(value, Sequence) else helper.make_tensor_value_info
        return make(name, TensorProto.FLOAT, None)

    def graph(self, scope, arguments, results):
        return helper.make_graph(scope.nodes, self.name(), arguments, results)

    def define(self, scope, op, inputs, values, **graphs):
        """A node that gives values like these, and further ones, whose names it returns."""
        names = [self.name() for _ in values]
        scope.nodes.append(helper.make_node(op, inputs, names, **graphs))
        for name, value in zip(names, values):
            if value is not None:
                (scope.sequences if isinstance(value, Sequence) else scope.tensors).append(type(value)(name, value.rows))
        return names

    def branches(self, scope, depth):
        then, other = Scope(scope), Scope(scope)
        self.steps(then, self.random.randint(1, 4), depth + 1)
        self.steps(other, self.random.randint(1, 4), depth + 1)
        pairs = []
        for kind in ("tensors", "sequences"):
            alike = [(a, b) for a in getattr(then, kind) for b in getattr(other, kind) if a.rows == b.rows and a.rows]
            if alike:
                pairs.append(self.random.choice(alike))
        condition = self.input(np.array(self.random.random() < 0.5))
        graphs = [self.graph(s, [], [self.result(s, pair[i]) for pair in pairs]) for i, s in enumerate((then, other))]
        self.define(scope, "If", [condition], [a for a, _ in pairs], then_branch=graphs[0], else_branch=graphs[1])

    def loop(self, scope, depth, grows):
        s, x = self.random.choice(scope.sequences), self.random.choice(scope.tensors)
        trips, body = self.random.randint(0, 4), Scope(scope)
        trip, goes_on = self.name(), self.name()
        sequence, tensor = Sequence(self.name(), s.rows), Tensor(self.name(), x.rows)
        body.tensors.append(tensor)
        if not grows:
            body.sequences.append(sequence)
        self.steps(body, self.random.randint(1, 3), depth + 1)
        rows = list(s.rows)
        if grows:
            more = self.random.choice(body.tensors)
            last = Sequence(self.node(body, "SequenceInsert", [sequence.name, more.name]), rows)
            rows = rows + [more.rows] * trips
        else:
            last = self.random.choice([other for other in body.sequences if other.rows == rows])
        carried = self.random.choice([t for t in body.tensors if t.rows == x.rows])
        results = [helper.make_tensor_value_info(self.node(body, "Identity", [goes_on]), TensorProto.BOOL, []),
                   self.result(body, last), self.result(body, carried)]
        values = [Sequence("", rows), x]
        is_told = not grows and self.random.random() < 0.7
        if trips and self.random.random() < 0.4:
            total = self.node(body, "ReduceSum", [carried.name], keepdims=0)
            results.append(helper.make_tensor_value_info(total, TensorProto.FLOAT, []))
            values.append(None)
        arguments = [helper.make_tensor_value_info(trip, TensorProto.INT64, []),
                     helper.make_tensor_value_info(goes_on, TensorProto.BOOL, []),
                     helper.make_tensor_sequence_value_info(sequence.name, TensorProto.FLOAT, None),
                     helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, None)]
        number = self.input(np.array(trips)) if is_told else self.constant(scope, np.int64(trips))
        names = self.define(scope, "Loop", [number, self.constant(scope, np.array(True)), s.name, x.name], values,
                            body=self.graph(body, arguments, results))
        if depth == 0:
            self.scans += names[2:]

    def map(self, scope):
        s, x = self.some(scope), self.random.choice(scope.tensors)
        body, element, same = Scope(), self.name(), self.name()
        total = self.node(body, "ReduceSum", [same], keepdims=0)
        made = self.node(body, "Add", [element, total])
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (element, same, made)]
        self.define(scope, "SequenceMap", [s.name, x.name], [s], body=self.graph(body, infos[:2], infos[2:]))

    def steps(self, scope, count, depth=0):
        steps = [self.unary, self.binary, self.construct, self.insert, self.insert, self.erase, self.at, self.length,
                 self.split, self.concat, self.optional]
        if depth < MOST_DEPTH:
            steps += [lambda s: self.branches(s, depth), lambda s: self.loop(s, depth, False),
                      lambda s: self.loop(s, depth, True), self.map]
        for _ in range(count):
            self.random.choice(steps)(scope)

    def make(self):
        scope, width = Scope(), "width" if self.random.random() < 0.4 else WIDTH
        numbers = np.random.default_rng(self.random.randrange(1 << 32))
        for rows in (self.random.randint(1, 4) for _ in range(3)):
            name = self.input((numbers.standard_normal((rows, WIDTH)) / 2).astype(np.float32))
            self.inputs[-1] = helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, width])
            scope.tensors.append(Tensor(name, rows))
        self.sequence(scope, "SequenceEmpty", [], [])
        self.construct(scope)
        self.steps(scope, self.random.randint(4, 12))
        chosen = scope.tensors[-3:] + [s for s in scope.sequences if s.rows][-3:]
        results = [self.result(scope, value) for value in chosen]
        results += [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in self.scans]
        graph = helper.make_graph(scope.nodes, "random", self.inputs, results)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def flat(names, values):
    """Outputs as rlx calls them."""
    out = {}
    for name, value in zip(names, values):
        elements = {f"{name}.{i}": e for i, e in enumerate(value)} if isinstance(value, list) else {name: value}
        out.update(elements)
    return out


def wrong_with(tool, work, wanted):
    """What rlx says of the model in the folder; None: it is right."""
    for options in (["--threads", "2"], ["--threads", "1", "--on-miss=template"]):
        done = subprocess.run(
            [tool, "run", work / "m.onnx", "-i", work / "in.npz", "--expect", work / "want.npz", "-o", work / "out.npz",
             "--check-memory", *options],
            env=dict(os.environ, RLX_CACHE_DIR=str(work / "cache")), capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{' '.join(options)}: exit {done.returncode}: {done.stderr.strip().splitlines()[-1]}"
        if set(np.load(work / "out.npz").files) != set(wanted):
            return f"{' '.join(options)}: other outputs than {sorted(wanted)}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", type=lambda p: pathlib.Path(p).resolve(), required=True)
    parser.add_argument("--graphs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=pathlib.Path, help="where models that are wrong are written")
    a = parser.parse_args()
    onnxruntime.set_default_logger_severity(4)
    tally = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        for seed in range(a.seed, a.seed + a.graphs):
            generator = Generator(seed)
            model = generator.make().SerializeToString()
            session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
            names = [output.name for output in session.get_outputs()]
            wanted = flat(names, session.run(None, generator.feeds))
            (work / "m.onnx").write_bytes(model)
            np.savez(work / "in.npz", **generator.feeds)
            np.savez(work / "want.npz", **wanted)
            wrong = wrong_with(a.bin / "rlx-run", work, wanted)
            refused = UNTOLD.search(wrong or "")
            tally["right" if not wrong else refused[1] if refused else "WRONG"] += 1
            if wrong and not refused:
                print(f"WRONG seed {seed}: {wrong}", flush=True)
                if a.keep:
                    (a.keep / f"sequences_{seed}.onnx").write_bytes(model)
    print(", ".join(f"{n} {how}" for how, n in sorted(tally.items())))
    return bool(tally["WRONG"])


if __name__ == "__main__":
    sys.exit(main())
