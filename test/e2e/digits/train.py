#!/usr/bin/env python3
"""Trains the small CNN that rlx ships and writes everything beside this file.

    pip install numpy scikit-learn onnx onnxruntime
    test/e2e/digits/train.py

Data: scikit-learn's 8x8 digits (1,797 scans from the UCI repository), a fifth of them held out.
Written: digits.onnx, heldout.npz (`image`), labels.npy, expected.npz (`logits`, by onnxruntime).
The seed fixes the split, the initial weights and the order of the samples.
"""

import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = pathlib.Path(__file__).resolve().parent
SEED = 7
EPOCHS = 40
BATCH = 32


class Conv:
    """3x3, padding 1, as one product over the nine shifted images."""

    def __init__(self, rng, channels_in, channels_out):
        scale = np.sqrt(2 / (channels_in * 9))
        self.w = rng.normal(0, scale, (channels_out, channels_in * 9)).astype(np.float32)
        self.b = np.zeros(channels_out, np.float32)

    def forward(self, x):
        n, c, h, w = x.shape
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        shifted = [padded[:, :, i : i + h, j : j + w] for i in range(3) for j in range(3)]
        self.shape = x.shape
        self.columns = np.stack(shifted, 2).reshape(n, c * 9, h * w)
        return (self.w @ self.columns + self.b[:, None]).reshape(n, -1, h, w)

    def backward(self, dy):
        n, c, h, w = self.shape
        dy = dy.reshape(n, -1, h * w)
        self.dw = np.einsum("nop,nkp->ok", dy, self.columns)
        self.db = dy.sum((0, 2))
        dcolumns = (self.w.T @ dy).reshape(n, c, 9, h, w)
        dx = np.zeros((n, c, h + 2, w + 2), np.float32)
        for k in range(9):
            dx[:, :, k // 3 : k // 3 + h, k % 3 : k % 3 + w] += dcolumns[:, :, k]
        return dx[:, :, 1:-1, 1:-1]


class Dense:
    def __init__(self, rng, size_in, size_out):
        self.w = rng.normal(0, np.sqrt(2 / size_in), (size_out, size_in)).astype(np.float32)
        self.b = np.zeros(size_out, np.float32)

    def forward(self, x):
        self.x = x
        return x @ self.w.T + self.b

    def backward(self, dy):
        self.dw = dy.T @ self.x
        self.db = dy.sum(0)
        return dy @ self.w


class Relu:
    def forward(self, x):
        self.live = x > 0
        return x * self.live

    def backward(self, dy):
        return dy * self.live


class MaxPool:
    """2x2, stride 2."""

    def forward(self, x):
        n, c, h, w = x.shape
        windows = x.reshape(n, c, h // 2, 2, w // 2, 2)
        y = windows.max((3, 5), keepdims=True)
        # Equal maxima share the gradient.
        self.share = windows == y
        self.share = self.share / self.share.sum((3, 5), keepdims=True)
        return y.reshape(n, c, h // 2, w // 2)

    def backward(self, dy):
        n, c, h, w = dy.shape
        dx = self.share * dy.reshape(n, c, h, 1, w, 1)
        return dx.reshape(n, c, 2 * h, 2 * w).astype(np.float32)


class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy):
        return dy.reshape(self.shape)


class Adam:
    def __init__(self, layers):
        self.layers = [layer for layer in layers if hasattr(layer, "w")]
        self.state = [[np.zeros_like(p) for p in (l.w, l.w, l.b, l.b)] for l in self.layers]
        self.step_count = 0

    def step(self, rate):
        self.step_count += 1
        correct1 = 1 - 0.9**self.step_count
        correct2 = 1 - 0.999**self.step_count
        for layer, (mw, vw, mb, vb) in zip(self.layers, self.state):
            for p, g, m, v in ((layer.w, layer.dw, mw, vw), (layer.b, layer.db, mb, vb)):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                p -= rate * (m / correct1) / (np.sqrt(v / correct2) + 1e-8)


def forward(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def train(images, labels, rng):
    layers = [Conv(rng, 1, 16), Relu(), Conv(rng, 16, 32), Relu(), MaxPool(), Flatten(),
              Dense(rng, 512, 64), Relu(), Dense(rng, 64, 10)]
    optimiser = Adam(layers)
    for epoch in range(EPOCHS):
        rate = 1e-3 * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))
        order = rng.permutation(len(images))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            logits = forward(layers, images[chosen])
            p = np.exp(logits - logits.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            # Gradient of the cross entropy: softmax less the one-hot label.
            p[np.arange(len(chosen)), labels[chosen]] -= 1
            gradient = (p / len(chosen)).astype(np.float32)
            for layer in reversed(layers):
                gradient = layer.backward(gradient)
            optimiser.step(rate)
    return layers


def export(layers):
    conv1, conv2, dense1, dense2 = (layer for layer in layers if hasattr(layer, "w"))
    weights = {
        "conv1.weight": conv1.w.reshape(16, 1, 3, 3), "conv1.bias": conv1.b,
        "conv2.weight": conv2.w.reshape(32, 16, 3, 3), "conv2.bias": conv2.b,
        "dense1.weight": dense1.w, "dense1.bias": dense1.b,
        "dense2.weight": dense2.w, "dense2.bias": dense2.b,
    }

    def conv(name, x):
        return helper.make_node("Conv", [x, f"{name}.weight", f"{name}.bias"], [f"{name}.out"],
                                name, kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def dense(name, x, y):
        return helper.make_node("Gemm", [x, f"{name}.weight", f"{name}.bias"], [y], name, transB=1)

    nodes = [
        conv("conv1", "image"),
        helper.make_node("Relu", ["conv1.out"], ["relu1.out"], "relu1"),
        conv("conv2", "relu1.out"),
        helper.make_node("Relu", ["conv2.out"], ["relu2.out"], "relu2"),
        helper.make_node("MaxPool", ["relu2.out"], ["pool.out"], "pool", kernel_shape=[2, 2],
                         strides=[2, 2]),
        helper.make_node("Flatten", ["pool.out"], ["flatten.out"], "flatten", axis=1),
        dense("dense1", "flatten.out", "dense1.out"),
        helper.make_node("Relu", ["dense1.out"], ["relu3.out"], "relu3"),
        dense("dense2", "relu3.out", "logits"),
    ]
    graph = helper.make_graph(
        nodes, "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()])
    model = helper.make_model(graph, producer_name="rlx test/e2e/digits/train.py", ir_version=8,
                              opset_imports=[helper.make_opsetid("", 18)])
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, HERE / "digits.onnx")


def main():
    data = load_digits()
    images = (data.images / 16).astype(np.float32)[:, None]
    images, heldout, labels, wanted = train_test_split(
        images, data.target, test_size=0.2, stratify=data.target, random_state=SEED)
    layers = train(images, labels, np.random.default_rng(SEED))
    export(layers)

    session = onnxruntime.InferenceSession(HERE / "digits.onnx", providers=["CPUExecutionProvider"])
    logits = session.run(["logits"], {"image": heldout})[0]
    np.testing.assert_allclose(logits, forward(layers, heldout), rtol=1e-4, atol=1e-4)
    np.savez_compressed(HERE / "heldout.npz", image=heldout)
    np.save(HERE / "labels.npy", wanted.astype(np.int64))
    np.savez_compressed(HERE / "expected.npz", logits=logits)
    right = int((logits.argmax(1) == wanted).sum())
    print(f"held-out accuracy {right}/{len(wanted)} = {right / len(wanted):.2%}")


if __name__ == "__main__":
    main()
