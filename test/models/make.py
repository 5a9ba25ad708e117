#!/usr/bin/env python3
"""Small models of the usual architectures, with weights, widths and depths drawn from a seed.

    test/models/make.py OUT_DIR [--seed N] [NAME...]

Writes NAME.onnx with the shapes of its inputs beside it (NAME.json). They are spelled as exporters spell
them: shapes computed by nodes, packed projections, masks made of comparisons. Needs numpy and onnx.
"""

import argparse
import json
import pathlib
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper

FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
OPSET = 17


class Net:
    """Nodes in order; every method gives the name of what it makes."""

    def __init__(self, rng):
        self.rng, self.nodes, self.constants = rng, [], []
        self.inputs, self.outputs, self.shapes = [], [], {}

    def input(self, name, dims, shape, dtype=FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, dims))
        self.shapes[name] = shape
        return name

    def output(self, value, name, dtype=FLOAT):
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, dtype, None))

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(np.asarray(array), name))
        return name

    def weight(self, *shape, scale=None):
        fan_in = int(np.prod(shape[1:])) if len(shape) > 2 else shape[0]
        values = self.rng.standard_normal(shape) * (scale or fan_in ** -0.5)
        return self.constant(values.astype(np.float32))

    def ints(self, *values):
        return self.constant(np.asarray(values, np.int64))

    def scalar(self, value):
        return self.constant(np.float32(value))

    def __getattr__(self, op):
        """net.MatMul(a, b, attribute=...); of several outputs a list."""
        if op.startswith("_"):
            raise AttributeError(op)

        def make(*inputs, outputs=1, **attributes):
            names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
            self.nodes.append(helper.make_node(op, list(inputs), names, f"/{op}_{len(self.nodes)}", **attributes))
            return names[0] if outputs == 1 else names
        return make

    def model(self):
        graph = helper.make_graph(self.nodes, "net", self.inputs, self.outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)

    # ---- What models are made of ------------------------------------------------------------------

    def linear(self, x, n_in, n_out):
        return self.Add(self.MatMul(x, self.weight(n_in, n_out)), self.weight(n_out, scale=0.1))

    def norm(self, x, width):
        scale = self.constant((1 + 0.1 * self.rng.standard_normal(width)).astype(np.float32))
        return self.LayerNormalization(x, scale, self.weight(width, scale=0.1), axis=-1, epsilon=1e-5)

    def spelled_norm(self, x, width):
        """As exporters without the operator write it."""
        centred = self.Sub(x, self.ReduceMean(x, axes=[-1]))
        variance = self.ReduceMean(self.Pow(centred, self.scalar(2)), axes=[-1])
        y = self.Div(centred, self.Sqrt(self.Add(variance, self.scalar(1e-5))))
        return self.Add(self.Mul(y, self.weight(width, scale=1)), self.weight(width, scale=0.1))

    def gelu(self, x):
        erf = self.Erf(self.Div(x, self.scalar(2 ** 0.5)))
        return self.Mul(self.Mul(x, self.Add(erf, self.scalar(1))), self.scalar(0.5))

    def tanh_gelu(self, x):
        inner = self.Add(x, self.Mul(self.scalar(0.044715), self.Pow(x, self.scalar(3))))
        tanh = self.Tanh(self.Mul(self.scalar(0.7978845608), inner))
        return self.Mul(self.Mul(self.scalar(0.5), x), self.Add(self.scalar(1), tanh))

    def extent(self, x, axis):
        return self.Gather(self.Shape(x), self.ints(axis), axis=0)

    def heads(self, x, heads, width, perm=(0, 2, 1, 3)):
        shape = self.Concat(self.extent(x, 0), self.extent(x, 1), self.ints(heads, width), axis=0)
        return self.Transpose(self.Reshape(x, shape), perm=list(perm))

    def merged(self, x, width):
        y = self.Transpose(x, perm=[0, 2, 1, 3])
        shape = self.Concat(self.extent(y, 0), self.extent(y, 1), self.ints(width), axis=0)
        return self.Reshape(y, shape)

    def conv(self, x, n_in, n_out, k, stride=1, group=1, bias=False):
        weights = [self.weight(n_out, n_in // group, k, k)] + ([self.weight(n_out, scale=0.1)] if bias else [])
        return self.Conv(x, *weights, kernel_shape=[k, k], pads=[k // 2] * 4, strides=[stride] * 2, group=group)

    def batch_norm(self, x, width):
        def around(mean, spread):
            return self.constant((mean + spread * self.rng.random(width)).astype(np.float32))
        return self.BatchNormalization(x, around(0.5, 1), around(-0.5, 1), around(-0.1, 0.2), around(0.5, 1))

    def pooled(self, x):
        return self.Flatten(self.GlobalAveragePool(x), axis=1)


# ---- Architectures: a random generator gives the sizes ----------------------------------------------


def encoder(net, rng):
    """BERT: three embeddings, attention under a mask, norms after."""
    heads, width = int(rng.integers(1, 5)), int(rng.integers(4, 24))
    hidden, length, batch = heads * width, int(rng.integers(2, 40)), int(rng.integers(1, 4))
    dims, shape = ["batch", "seq"], (batch, length)
    ids = net.input("input_ids", dims, shape, INT)
    mask = net.input("attention_mask", dims, shape, INT)
    types = net.input("token_type_ids", dims, shape, INT)
    places = net.Slice(net.constant(np.arange(64)[None]), net.ints(0), net.extent(ids, 1), net.ints(1))
    x = net.Add(net.Gather(net.weight(250, hidden, scale=1), ids), net.Gather(net.weight(2, hidden), types))
    x = net.norm(net.Add(x, net.Gather(net.weight(64, hidden), places)), hidden)
    wide = net.Cast(net.Unsqueeze(net.Unsqueeze(mask, net.ints(1)), net.ints(2)), to=FLOAT)
    bias = net.Mul(net.Sub(net.scalar(1), wide), net.scalar(-1e4))
    for _ in range(int(rng.integers(1, 3))):
        q = net.heads(net.linear(x, hidden, hidden), heads, width)
        k = net.heads(net.linear(x, hidden, hidden), heads, width, perm=(0, 2, 3, 1))
        v = net.heads(net.linear(x, hidden, hidden), heads, width)
        scores = net.Add(net.Div(net.MatMul(q, k), net.scalar(width ** 0.5)), bias)
        out = net.merged(net.MatMul(net.Softmax(scores, axis=-1), v), hidden)
        x = net.norm(net.Add(net.linear(out, hidden, hidden), x), hidden)
        wide = net.linear(net.gelu(net.linear(x, hidden, 2 * hidden)), 2 * hidden, hidden)
        x = net.spelled_norm(net.Add(wide, x), hidden)
    net.output(x, "last_hidden_state")
    net.output(net.Tanh(net.linear(net.Gather(x, net.constant(np.int64(0)), axis=1), hidden, hidden)), "pooled")


def vision(net, rng):
    """ViT: patches by a convolution, a class token, one packed projection for q, k and v."""
    heads, width, patch = int(rng.integers(1, 4)), int(rng.integers(4, 20)), int(rng.integers(2, 5))
    hidden, side, batch = heads * width, int(rng.integers(2, 6)), int(rng.integers(1, 3))
    image = net.input("image", ["batch", 3, side * patch, side * patch], (batch, 3, side * patch, side * patch))
    x = net.Conv(image, net.weight(hidden, 3, patch, patch), net.weight(hidden), kernel_shape=[patch] * 2,
                 strides=[patch] * 2)
    x = net.Transpose(net.Reshape(x, net.ints(0, hidden, side * side)), perm=[0, 2, 1])
    shape = net.Concat(net.extent(x, 0), net.ints(1, hidden), axis=0)
    x = net.Concat(net.Expand(net.weight(1, 1, hidden), shape), x, axis=1)
    x = net.Add(x, net.weight(1, side * side + 1, hidden))
    for _ in range(int(rng.integers(1, 3))):
        packed = net.linear(net.norm(x, hidden), hidden, 3 * hidden)
        shape = net.Concat(net.extent(packed, 0), net.extent(packed, 1), net.ints(3, heads, width), axis=0)
        packed = net.Transpose(net.Reshape(packed, shape), perm=[2, 0, 3, 1, 4])
        q, k, v = (net.Gather(packed, net.constant(np.int64(i)), axis=0) for i in range(3))
        scores = net.MatMul(net.Mul(q, net.scalar(width ** -0.5)), net.Transpose(k, perm=[0, 1, 3, 2]))
        out = net.merged(net.MatMul(net.Softmax(scores, axis=-1), v), hidden)
        x = net.Add(x, net.linear(out, hidden, hidden))
        x = net.Add(x, net.linear(net.gelu(net.linear(net.norm(x, hidden), hidden, 40)), 40, hidden))
    first = net.Gather(net.norm(x, hidden), net.constant(np.int64(0)), axis=1)
    net.output(net.Gemm(first, net.weight(10, hidden, scale=0.2), net.weight(10), transB=1), "logits")


def residual(net, rng):
    """ResNet: batch norms, a pool, shortcuts with and without a projection."""
    width, side, batch = int(rng.integers(4, 24)), int(rng.integers(16, 40)), int(rng.integers(1, 4))
    image = net.input("image", ["batch", 3, side, side], (batch, 3, side, side))
    x = net.Relu(net.batch_norm(net.conv(image, 3, width, 7, stride=2), width))
    x = net.MaxPool(x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for block in range(int(rng.integers(2, 4))):
        grown = width * 2 if block else width
        stride = 2 if block else 1
        y = net.Relu(net.batch_norm(net.conv(x, width, grown, 3, stride=stride), grown))
        y = net.batch_norm(net.conv(y, grown, grown, 3), grown)
        if block:
            x = net.batch_norm(net.conv(x, width, grown, 1, stride=2), grown)
        x, width = net.Relu(net.Add(y, x)), grown
    net.output(net.Gemm(net.pooled(x), net.weight(10, width, scale=0.2), net.weight(10), transB=1), "logits")


def mobile(net, rng):
    """MobileNet: depthwise convolutions, squeeze and excite, hard activations."""
    width, side, batch = int(rng.integers(4, 20)), int(rng.integers(16, 40)), int(rng.integers(1, 4))
    image = net.input("image", ["batch", 3, side, side], (batch, 3, side, side))
    x = net.HardSwish(net.batch_norm(net.conv(image, 3, width, 3, stride=2), width))
    for block in range(int(rng.integers(2, 4))):
        wide, k = width * int(rng.integers(2, 4)), int(rng.choice([3, 5]))
        y = net.Clip(net.batch_norm(net.conv(x, width, wide, 1), wide), net.scalar(0), net.scalar(6))
        y = net.HardSwish(net.batch_norm(net.conv(y, wide, wide, k, stride=1 + block % 2, group=wide), wide))
        squeezed = net.Relu(net.conv(net.GlobalAveragePool(y), wide, 8, 1, bias=True))
        y = net.Mul(y, net.HardSigmoid(net.conv(squeezed, 8, wide, 1, bias=True), alpha=1 / 6, beta=0.5))
        y = net.batch_norm(net.conv(y, wide, width, 1), width)
        x = y if block % 2 else net.Add(x, y)
    net.output(net.Gemm(net.pooled(x), net.weight(10, width, scale=0.2), net.weight(10), transB=1), "logits")


def dense(net, rng):
    """DenseNet: every layer reads all that is before it."""
    width, grown, side = int(rng.integers(4, 12)), int(rng.integers(3, 18)), int(rng.integers(8, 24))
    image = net.input("image", ["batch", 3, side, side], (int(rng.integers(1, 4)), 3, side, side))
    x = net.conv(image, 3, width, 3)
    for _ in range(int(rng.integers(2, 5))):
        y = net.conv(net.Relu(net.batch_norm(x, width)), width, grown, 3)
        x, width = net.Concat(x, y, axis=1), width + grown
    x = net.AveragePool(net.conv(net.Relu(net.batch_norm(x, width)), width, width // 2, 1), kernel_shape=[2, 2],
                        strides=[2, 2])
    net.output(net.Gemm(net.pooled(x), net.weight(10, width // 2, scale=0.2), net.weight(10), transB=1), "logits")


def step(net, rng):
    """GPT: keys and values of the past go in and come out, a causal mask by comparing places."""
    heads, width, layers = int(rng.integers(1, 4)), int(rng.integers(4, 20)), int(rng.integers(1, 3))
    length, past = int(rng.integers(1, 9)), int(rng.integers(1, 24))
    gpt(net, heads, width, layers, length, past)


def gpt(net, heads, width, layers, length, past, known=250, positions=64, wide=2):
    hidden = heads * width
    ids = net.input("input_ids", ["batch", "seq"], (1, length), INT)
    places = net.input("position_ids", ["batch", "seq"], (1, length), INT)
    words = net.weight(known, hidden, scale=1)
    x = net.Add(net.Gather(words, ids), net.Gather(net.weight(positions, hidden), places))
    asked = net.Unsqueeze(places, net.ints(1, 3))
    for layer in range(layers):
        before = {what: net.input(f"past_{layer}_{what}", ["batch", heads, "past", width],
                                  (1, heads, past, width)) for what in ("key", "value")}
        packed = net.linear(net.norm(x, hidden), hidden, 3 * hidden)
        parts = net.Split(packed, net.ints(hidden, hidden, hidden), axis=2, outputs=3)
        q, k, v = (net.heads(part, heads, width) for part in parts)
        k = net.Concat(before["key"], k, axis=2)
        v = net.Concat(before["value"], v, axis=2)
        net.output(k, f"present_{layer}_key")
        net.output(v, f"present_{layer}_value")
        keys = net.Range(net.constant(np.int64(0)), net.Squeeze(net.extent(k, 2), net.ints(0)),
                         net.constant(np.int64(1)))
        seen = net.LessOrEqual(net.Unsqueeze(keys, net.ints(0, 1, 2)), asked)
        scores = net.Div(net.MatMul(q, net.Transpose(k, perm=[0, 1, 3, 2])), net.scalar(width ** 0.5))
        scores = net.Where(seen, scores, net.scalar(-3.4e38))
        out = net.merged(net.MatMul(net.Softmax(scores, axis=-1), v), hidden)
        x = net.Add(x, net.linear(out, hidden, hidden))
        inner = net.tanh_gelu(net.linear(net.norm(x, hidden), hidden, wide * hidden))
        x = net.Add(x, net.linear(inner, wide * hidden, hidden))
    # The head shares its weights with the words.
    net.output(net.MatMul(net.norm(x, hidden), net.Transpose(words, perm=[1, 0])), "logits")


ARCHITECTURES = {f.__name__: f for f in (encoder, vision, residual, mobile, dense, step)}


def make(name, seed):
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    net = Net(rng)
    ARCHITECTURES[name](net, rng)
    return net.model(), net.shapes


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ARCHITECTURES))
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    for name in a.names or ARCHITECTURES:
        model, shapes = make(name, a.seed)
        onnx.save(model, a.out / f"{name}.onnx")
        (a.out / f"{name}.json").write_text(json.dumps(shapes))


if __name__ == "__main__":
    main()
