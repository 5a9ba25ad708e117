#!/usr/bin/env python3
"""Random spellings of attention against onnxruntime: heads and groups, positions turned, masks, scales, past keys.

    test/random/attention.py [--bin BUILD/bin] [--count N] [--seed S] [--keep DIR]

Each graph runs on several lengths, bound and as a template, with and without passes, for two targets; all ways give the
same bits. A graph that fails is kept in DIR. Exits with 77 without onnxruntime.
"""
import argparse
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import zlib

try:
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto as T
    from onnx import helper, numpy_helper
except ModuleNotFoundError:
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
END = 2 ** 62
WAYS = [
    ["--on-miss=template", "--threads", "1", "--check-memory"],
    ["--threads", "2", "--check-memory"],
    ["--on-miss=template", "--disable=fusion,layout"],
    ["--on-miss=template", "--target=cpu:portable", "--check-memory"],
]


class Graph:
    """Extents are numbers or names of open dims: B batches, S positions, P past ones, T = P + S."""

    def __init__(self, seed):
        r = self.r = random.Random(seed)
        self.nodes, self.constants, self.inputs, self.outputs = [], [], {}, []
        self.type = np.float16 if r.random() < 0.15 else np.float32
        self.kv, self.group = r.choice([1, 1, 2, 3]), r.choice([1, 1, 2, 3])
        self.heads, self.has_past = self.kv * self.group, r.random() < 0.5
        self.size = r.choice([1, 2, 6, 8, 16, 30, 32, 34, 64, r.randint(1, 70)])
        self.value_size = self.size if r.random() < 0.6 else r.randint(1, 40)
        # Dims that the model itself says.
        self.known = {d: n for d, n in self.extents(r).items() if d in "BSP" and r.random() < 0.15}
        self.make()

    def chance(self, p):
        return self.r.random() < p

    def node(self, op, *args, outputs=1, **attrs):
        outs = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(args), outs, f"n{len(self.nodes)}", **attrs))
        return outs[0] if outputs == 1 else outs

    def constant(self, value, kind=np.int64):
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def number(self, value):
        return self.constant(value if self.chance(0.7) else [value], self.type)

    def input(self, name, shape, kind=None):
        self.inputs[name] = ([self.known.get(e, e) for e in shape], kind or self.type)
        return name

    def reshape(self, x, *shape):
        return self.node("Reshape", x, self.constant(shape))

    def slice(self, x, start, end, axis, step=1):
        return self.node("Slice", x, *(self.constant([n]) for n in (start, end, axis, step)))

    def times(self, x, factor):
        return self.node("Mul", x, self.number(factor))

    def projected(self, name, heads, size):
        """[batch, heads, positions, size], its positions turned unless they are those of values."""
        x = self.input(name, ["B", "S", heads * size])
        if self.chance(0.3):
            weights = np.random.default_rng(size).standard_normal((heads * size, heads * size)) / (heads * size) ** 0.5
            x = self.node("MatMul", x, self.constant(weights, self.type))
        x = self.reshape(x, 0, 0 if self.chance(0.5) else -1, heads, size)
        heads_first, turns = self.chance(0.5), name != "v" and size > 1 and self.chance(0.7)
        if turns and not heads_first:
            x = self.turned(x, size, [2])
        x = self.node("Transpose", x, perm=[0, 2, 1, 3])
        return self.turned(x, size, [1]) if turns and heads_first else x

    def turned(self, x, size, head_axis):
        part = size - size % 2 if self.chance(0.7) else max(2, size // 4 * 2)
        rest = self.slice(x, part, END, 3) if part != size else None
        x = self.slice(x, 0, part, 3) if rest else x
        half = part // 2
        if way_is_whole := self.chance(0.3):
            half = part
        cos, sin = (self.node("Unsqueeze", self.input(f"{n}{half}", ["B", "S", half]), self.constant(head_axis))
                    for n in ("cos", "sin"))
        y = self.whole(x, part, cos, sin) if way_is_whole else self.in_pairs(x, part, cos, sin)
        y = self.node("Concat", y, rest, axis=-1) if rest else y
        return self.times(y, 0.7) if self.chance(0.3) else y

    def halves(self, x, n):
        if self.chance(0.5):
            return self.node("Split", x, outputs=2, axis=-1, num_outputs=2)
        return self.slice(x, 0, n // 2, 3), self.slice(x, n // 2, END, -1)

    def whole(self, x, n, cos, sin):
        a, b = self.halves(x, n)
        other = self.node("Concat", self.node("Neg", b), a, axis=-1)
        return self.node("Add", self.node("Mul", x, cos), self.node("Mul", other, sin))

    def in_pairs(self, x, n, cos, sin):
        beside = self.chance(0.4)
        a, b = [self.slice(x, i, END, 3, 2) for i in (0, 1)] if beside else self.halves(x, n)
        pair = (self.node("Sub", self.node("Mul", a, cos), self.node("Mul", b, sin)),
                self.node("Add", self.node("Mul", a, sin), self.node("Mul", cos, b)))
        if not beside:
            return self.node("Concat", *pair, axis=3)
        pair = [self.node("Unsqueeze", p, self.constant([-1])) for p in pair]
        return self.reshape(self.node("Concat", *pair, axis=-1), 0, 0, 0, n)

    def with_past(self, x, name, size):
        if not self.has_past:
            return x
        x = self.node("Concat", self.input(f"past_{name}", ["B", self.kv, "P", size]), x, axis=2)
        if self.chance(0.7):
            self.outputs.append(x)
        return x

    def repeated(self, x):
        """[batch, heads, ..] of what groups share."""
        if self.group == 1:
            return x
        if self.chance(0.3):
            return self.node("Gather", x, self.constant([h // self.group for h in range(self.heads)]), axis=1)
        op = self.r.choice(["Expand", "Tile"])
        wide = self.node(op, self.node("Unsqueeze", x, self.constant([2])), self.constant([1, 1, self.group, 1, 1]))
        shape = self.node("Shape", x)
        parts = [self.slice(shape, 0, 1, 0), self.constant([self.heads]), self.slice(shape, 2, 4, 0)]
        return self.node("Reshape", wide, self.node("Concat", *parts, axis=0))

    def masked(self, scores):
        way = self.r.choice(["none", "float", "bool", "where"])
        if way == "none":
            return scores
        keys = "T" if self.has_past else "S"
        shape = self.r.choice([["B", 1, "S", keys], ["S", keys], ["B", 1, 1, keys], ["B", self.heads, "S", keys]])
        mask = self.input("mask", shape, self.type if way == "float" else np.bool_)
        low = self.number(self.r.choice([-1e4, float(np.finfo(self.type).min)]))
        if way == "where":
            return self.node("Where", mask, scores, low)
        added = mask if way == "float" else self.node("Where", mask, self.number(0.0), low)
        return self.node("Add", *self.r.sample([scores, added], 2))

    def make(self):
        scale, way = self.size ** -0.5, self.r.choice(["q", "both", "after", "divided"])
        q = self.projected("q", self.heads, self.size)
        k = self.with_past(self.projected("k", self.kv, self.size), "k", self.size)
        v = self.with_past(self.projected("v", self.kv, self.value_size), "v", self.value_size)
        if way in ("q", "both"):
            q = self.times(q, scale if way == "q" else scale ** 0.5)
        k = self.times(k, scale ** 0.5) if way == "both" else k
        scores = self.node("MatMul", q, self.node("Transpose", self.repeated(k), perm=[0, 1, 3, 2]))
        if way in ("after", "divided"):
            scores = self.times(scores, scale) if way == "after" else self.node("Div", scores, self.number(1 / scale))
        y = self.node("MatMul", self.node("Softmax", self.masked(scores), axis=-1), self.repeated(v))
        if self.chance(0.8):
            y = self.reshape(self.node("Transpose", y, perm=[0, 2, 1, 3]), 0, 0, self.heads * self.value_size)
        self.outputs.append(y)

    def model(self):
        def of(name, shape, kind):
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)

        graph = helper.make_graph(self.nodes, "g", [of(n, *i) for n, i in self.inputs.items()],
                                  [of(o, None, self.type) for o in self.outputs], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)

    @staticmethod
    def extents(r):
        return {"B": r.choice([1, 1, 2, 3]), "S": r.choice([1, 1, 2, 8, 16, 17, 33, r.randint(1, 40)]),
                "P": r.choice([0, 1, 15, 16, 32, r.randint(0, 50)])}

    def data(self, seed):
        dims = {**self.extents(random.Random(seed)), **self.known}
        dims["T"] = dims["P"] + dims["S"]
        made = {}
        for name, (shape, kind) in self.inputs.items():
            rng = np.random.default_rng(zlib.crc32(f"{name} {seed}".encode()))
            made[name] = rng.standard_normal([dims.get(e, e) for e in shape]).astype(self.type)
            if kind == np.bool_:
                # What a query that sees nothing gives hangs on roundings.
                made[name] = made[name] > -0.5
                made[name][..., :1] = True
        return made


def faults_of(graph, seed, tool, folder):
    model = folder / "m.onnx"
    onnx.save(graph.model(), model)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(model), options, ["CPUExecutionProvider"])
    rtol = "2e-2" if graph.type == np.float16 else "2e-4"
    for number in range(3):
        inputs = graph.data(3 * seed + number)
        given, want = folder / f"in{number}.npz", folder / f"want{number}.npz"
        np.savez(given, **inputs)
        names = [o.name for o in session.get_outputs()]
        np.savez(want, **dict(zip(names, session.run(names, inputs))))
        bits = set()
        for way in WAYS:
            done = subprocess.run([tool, "run", model, "-i", given, "--expect", want, "-o", folder / "out.npz",
                                   "--cache-dir", folder / "cache", "--rtol", rtol, "--atol", "1e-4", "--scale", "max",
                                   *way], capture_output=True, text=True, check=False)
            if done.returncode:
                yield f"{given.stem} {' '.join(way)}: exit {done.returncode}: {done.stderr.strip()}"
                continue
            bits.add((folder / "out.npz").read_bytes())
            if len(bits) > 1:
                yield f"{given.stem} {' '.join(way)}: other bits than {' '.join(WAYS[0])}"


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    args.add_argument("--count", type=int, default=8)
    args.add_argument("--seed", type=int, default=0)
    args.add_argument("--keep", type=pathlib.Path)
    a = args.parse_args()
    wrong = 0
    for seed in range(a.seed, a.seed + a.count):
        with tempfile.TemporaryDirectory() as folder:
            faults = list(faults_of(Graph(seed), seed, a.bin / "rlx-run", pathlib.Path(folder)))
            wrong += bool(faults)
            if faults and a.keep:
                shutil.copytree(folder, a.keep / str(seed), ignore=shutil.ignore_patterns("cache"))
        for fault in faults:
            print(f"seed {seed}: {fault}", flush=True)
    print(f"{a.count} graphs, {wrong} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
