#!/usr/bin/env python3
"""Blocks of models against numpy: each as a model in JSON with open dims, on several shapes, odd ones among them.

    test/op/blocks.py [--bin BUILD/bin] [NAME...]

Runs each as test/cases.py runs its cases: bound and as a template, with 1 and 2 threads, with guarded memory. Numpy
computes in f64. NAME restricts to blocks whose name holds it. Exits with 77 without numpy.
"""
import argparse
import json
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "test"))
import cases  # noqa: E402

try:
    import numpy as np
except ModuleNotFoundError:
    sys.exit(77)

# Of the largest element, against f64.
TOLERANCES = {"f32": 2e-5, "f16": 1e-2}
NUMPY = {"f32": np.float32, "f16": np.float16, "i64": np.int64, "i32": np.int32, "i8": np.int8, "i4": np.int8}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def erf(x):
    from math import erf as of_one
    return np.vectorize(of_one, otypes=[np.float64])(x)


ACTIVATIONS = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3))) / 2,
    "silu": lambda x: x * sigmoid(x),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
}


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def turned(w, attributes):
    return np.swapaxes(w, -1, -2) if attributes.get("trans_w") else w


# ---- The blocks, as plainly as they can be said --------------------------------------------------


def linear(x, w, bias=None, **a):
    y = x @ turned(w, a)
    return ACTIVATIONS[a.get("activation", "none")](y if bias is None else y + bias),


def swiglu(x, up, gate, down, **a):
    act = ACTIVATIONS[a.get("activation", "silu")]
    return (act(x @ turned(gate, a)) * (x @ turned(up, a))) @ turned(down, a),


def embedding(ids, table, scale=1.0):
    return table[ids] * scale,


def moe(x, router, up, gate, down, **a):
    rows = x.reshape(-1, x.shape[-1])
    out = np.zeros_like(rows)
    for i, row in enumerate(rows):
        shares = softmax(row @ turned(router, a))
        picked = sorted(range(len(shares)), key=lambda e: (-shares[e], e))[:a["top_k"]]
        total = sum(shares[e] for e in picked) if a.get("normalise", 1) else 1
        for e in picked:
            out[i] += shares[e] / total * swiglu(row, up[e], gate[e], down[e],
                                                 **{k: v for k, v in a.items() if k in ("activation", "trans_w")})[0]
    return out.reshape(x.shape),


def causal_conv1d(x, w, bias=None, state=None, **a):
    kernel = w.shape[1]
    before = np.zeros((x.shape[0], kernel - 1, x.shape[2])) if state is None else state
    every = np.concatenate([before, x], 1)
    y = np.zeros(x.shape)
    for t in range(x.shape[1]):
        for j in range(kernel):
            y[:, t] += every[:, t + j] * w[:, j]
    y = y if bias is None else y + bias
    return ACTIVATIONS[a.get("activation", "none")](y), every[:, x.shape[1]:]


def gated_delta_net(q, k, v, g, beta, state=None, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    batch, length, heads, width = q.shape
    memory = np.zeros((batch, heads, width, v.shape[-1])) if state is None else state.copy()
    y = np.zeros(v.shape)
    for b, h in np.ndindex(batch, heads):
        s = memory[b, h]
        for t in range(length):
            s *= np.exp(g[b, t, h])
            s += np.outer(k[b, t, h], beta[b, t, h] * (v[b, t, h] - k[b, t, h] @ s))
            y[b, t, h] = scale * q[b, t, h] @ s
    return y, memory


def rms(x, gamma, epsilon):
    return x / np.sqrt((x ** 2).mean(-1, keepdims=True) + epsilon) * gamma


def residual_rms_norm(x, residual, gamma, beta=None, epsilon=1e-5):
    total = x + residual
    return rms(total, gamma, epsilon) + (0 if beta is None else beta), total


def rotated(x, cos, sin, interleaved):
    """x[batch, sequence, heads, size], angles [batch, sequence, size / 2]."""
    cos, sin = cos[:, :, None], sin[:, :, None]
    half = x.shape[-1] // 2
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    y = np.empty(x.shape)
    y[..., 0::2] = a * cos - b * sin
    y[..., 1::2] = a * sin + b * cos
    return y if interleaved else np.concatenate([y[..., 0::2], y[..., 1::2]], -1)


def decoder_block(x, norm1, q_w, k_w, v_w, o_w, norm2, up, gate, down, cos, sin, positions=None, mask=None,
                  past_keys=None, past_values=None, **a):
    batch, length, _ = x.shape
    heads, kv_heads, size = a["heads"], a["kv_heads"], a["head_dim"]
    if positions is not None:
        cos, sin = cos[positions], sin[positions]
    h = rms(x, norm1, a.get("epsilon", 1e-5))

    def split(w, count):
        return (h @ turned(w, a)).reshape(batch, length, count, size)

    way = a.get("interleaved", 0)
    q = rotated(split(q_w, heads), cos, sin, way).transpose(0, 2, 1, 3)
    k = rotated(split(k_w, kv_heads), cos, sin, way).transpose(0, 2, 1, 3)
    v = split(v_w, kv_heads).transpose(0, 2, 1, 3)
    past = 0 if past_keys is None else past_keys.shape[2]
    if past_keys is not None:
        k, v = np.concatenate([past_keys, k], 2), np.concatenate([past_values, v], 2)
    seen = np.zeros((batch, length, heads, size))
    for b, head, i in np.ndindex(batch, heads, length):
        own = head // (heads // kv_heads)
        last = past + i + 1 if a.get("is_causal", 1) else k.shape[2]
        scores = k[b, own, :last] @ q[b, head, i] / np.sqrt(size)
        scores = scores if mask is None else scores + mask[b, 0, i, :last]
        seen[b, i, head] = softmax(scores) @ v[b, own, :last]
    middle = x + seen.reshape(batch, length, -1) @ turned(o_w, a)
    inner = swiglu(rms(middle, norm2, a.get("epsilon", 1e-5)), up, gate, down,
                   **{key: value for key, value in a.items() if key in ("activation", "trans_w")})[0]
    return middle + inner, k, v


def packed_product(x, w, scale, zero=None, block_size=0):
    """Not a block: weights of few bits are dequantised where they are read."""
    block = block_size or w.shape[0]
    scale = np.repeat(scale, block, 0) if block_size else scale
    zero = 0 if zero is None else np.repeat(zero, block, 0) if block_size else zero
    return x @ ((w - zero) * scale),


def packed_nodes(names, attributes):
    axis = {"axis": 0} | attributes if attributes else {"axis": 1}
    return [{"op": "dequantize_linear", "inputs": names[1:], "outputs": ["w"], "attributes": axis},
            {"op": "linear", "inputs": [names[0], "w"], "outputs": ["y0"]}]


# ---- What is tried -------------------------------------------------------------------------------


class Input:
    """An input, or of i4 a constant: extents that are open by name, as (name, number), and how its elements are made."""

    def __init__(self, *extents, dtype="f32", make=None, left_out=False):
        self.extents, self.dtype, self.left_out = extents, dtype, left_out
        self.make = make or (lambda rng, shape: rng.standard_normal(shape))

    def type(self):
        return f"{self.dtype}[{', '.join(str(e[0]) if isinstance(e, tuple) else str(e) for e in self.extents)}]"

    def elements(self, rng):
        shape = [e[1] if isinstance(e, tuple) else e for e in self.extents]
        made = self.make(rng, shape)
        return made.astype(NUMPY[self.dtype])

    def half(self):
        return Input(*self.extents, dtype="f16" if self.dtype == "f32" else self.dtype, make=self.make, left_out=self.left_out)


NONE = Input(left_out=True)


def small(rng, shape):
    return rng.standard_normal(shape) / 4


def below(limit):
    return lambda rng, shape: rng.integers(-limit, limit, shape)


def feed_forward(n, width, hidden, turned_w=0, experts=()):
    up = [*experts, *((hidden, width) if turned_w else (width, hidden))]
    down = [*experts, *((width, hidden) if turned_w else (hidden, width))]
    return [Input(("n", n), 2, width), Input(*up, make=small), Input(*up, make=small), Input(*down, make=small)]


def with_router(inputs, *router):
    return [inputs[0], Input(*router), *inputs[1:]]


def short_convolution(n, length, channels, kernel, bias=True, state=True):
    return [Input(("n", n), ("s", length), channels), Input(channels, kernel), Input(channels) if bias else NONE,
            Input(("n", n), kernel - 1, channels) if state else NONE]


def delta(n, length, heads, key, value, state=True):
    axes = [("n", n), ("s", length), heads]
    inputs = [Input(*axes, key, make=small), Input(*axes, key, make=small), Input(*axes, value),
              Input(*axes, make=lambda rng, shape: -rng.random(shape)), Input(*axes, make=lambda rng, shape: rng.random(shape))]
    return [*inputs, Input(("n", n), heads, key, value)] if state else inputs


def decoder(n, length, width, heads, kv_heads, size, hidden, turned_w=0, table=False, mask=False, past=None):
    def weights(rows, columns):
        return Input(*((columns, rows) if turned_w else (rows, columns)), make=small)

    tokens = [("n", n), ("s", length)]
    angles = Input(20, size // 2) if table else Input(*tokens, size // 2)
    kept = Input(("n", n), kv_heads, ("past", past), size) if past is not None else NONE
    every = ("s + past" if past is not None else "s", length + (past or 0))
    return [Input(*tokens, width), Input(width), weights(width, heads * size), weights(width, kv_heads * size),
            weights(width, kv_heads * size), weights(heads * size, width), Input(width), weights(width, hidden),
            weights(width, hidden), weights(hidden, width), angles, angles,
            Input(*tokens, dtype="i64", make=lambda rng, shape: rng.integers(0, 20, shape)) if table else NONE,
            Input(("n", n), 1, ("s", length), every) if mask else NONE, kept, kept]


def tried():
    """(block, inputs, attributes, outputs)"""
    for name in ACTIVATIONS:
        yield linear, [Input(("n", 5), 7), Input(7, 3), Input(3)], {"activation": name}, 1
    yield linear, [Input(9), Input(9, 4)], {}, 1
    yield linear, [Input(("n", 1), ("m", 3), 64), Input(33, 64), Input(33)], {"trans_w": 1}, 1
    yield linear, [Input(("n", 0), 4), Input(4, 8)], {}, 1
    for n, width, hidden in ((1, 1, 1), (3, 16, 40), (2, 7, 13)):
        yield swiglu, feed_forward(n, width, hidden), {}, 1
        yield swiglu, feed_forward(n, width, hidden, 1), {"trans_w": 1, "activation": "gelu_tanh"}, 1
    yield embedding, [Input(("n", 3), ("m", 5), dtype="i64", make=below(11)), Input(11, 7)], {}, 1
    yield embedding, [Input(("n", 4), dtype="i32", make=below(2)), Input(2, 1)], {"scale": 2.5}, 1
    for n, experts, top_k in ((1, 1, 1), (5, 4, 2), (3, 7, 7), (4, 8, 1)):
        inputs = feed_forward(n, 6, 10, experts=[experts])
        yield moe, with_router(inputs, 6, experts), {"top_k": top_k}, 1
        yield moe, with_router(inputs, 6, experts), {"top_k": top_k, "normalise": 0, "activation": "relu"}, 1
        inputs = feed_forward(n, 6, 10, 1, experts=[experts])
        yield moe, with_router(inputs, experts, 6), {"top_k": top_k, "trans_w": 1}, 1
    for n, length, channels, kernel in ((1, 1, 1, 1), (2, 9, 5, 4), (3, 2, 16, 4), (1, 7, 3, 2)):
        yield causal_conv1d, short_convolution(n, length, channels, kernel), {"activation": "silu"}, 2
        yield causal_conv1d, short_convolution(n, length, channels, kernel, False, False), {}, 2
        yield causal_conv1d, short_convolution(n, length, channels, kernel, True, False), {}, 1
    for n, length, heads, key, value in ((1, 1, 1, 1, 1), (2, 7, 3, 4, 5), (1, 12, 2, 16, 8)):
        yield gated_delta_net, delta(n, length, heads, key, value), {}, 2
        yield gated_delta_net, delta(n, length, heads, key, value, False), {"scale": 1.0}, 2
        yield gated_delta_net, delta(n, length, heads, key, value), {"scale": 0.5}, 1
    for n, length, width in ((1, 1, 1), (3, 5, 17), (2, 7, 64)):
        rows = Input(("n", n), ("s", length), width)
        yield residual_rms_norm, [rows, rows, Input(width), Input(width)], {"epsilon": 1e-3}, 2
        yield residual_rms_norm, [rows, rows, Input(width)], {}, 1
    sizes = {"heads": 4, "kv_heads": 2, "head_dim": 6}
    yield decoder_block, decoder(2, 5, 12, 4, 2, 6, 20), sizes, 1
    yield decoder_block, decoder(1, 7, 10, 4, 2, 6, 9, turned_w=1, table=True), {"trans_w": 1, **sizes}, 3
    yield decoder_block, decoder(2, 3, 8, 4, 2, 6, 9, table=True, past=4), {"interleaved": 1, **sizes}, 3
    yield decoder_block, decoder(1, 1, 8, 4, 2, 6, 9, mask=True, past=5), {"epsilon": 1e-3, **sizes}, 3
    yield decoder_block, decoder(2, 5, 8, 4, 2, 6, 9, mask=True), {"is_causal": 0, **sizes}, 1
    alone = {"heads": 3, "kv_heads": 3, "head_dim": 8, "activation": "gelu"}
    yield decoder_block, decoder(1, 4, 24, 3, 3, 8, 33), alone, 1
    for dtype, limit in (("i8", 128), ("i4", 8)):
        whole = {"dtype": dtype, "make": below(limit)}
        yield packed_product, [Input(("n", 3), 8), Input(8, 5, **whole), Input(5)], {}, 1
        yield packed_product, [Input(("n", 3), 64), Input(64, 7, **whole), Input(2, 7), Input(2, 7, **whole)], {"block_size": 32}, 1


def tried_in_halves():
    """Of each block its first case; which experts are picked hangs on each digit."""
    done = {moe, packed_product}
    for block, inputs, attributes, outputs in tried():
        if block not in done:
            yield block, [x.half() for x in inputs], attributes, outputs
        done.add(block)


def refused():
    """(block, inputs, attributes, what is said)"""
    x, w = Input(("n", 2), 6), Input(6, 4)
    yield linear, [x, w], {"activation": "swish"}, 'no activation is called "swish"'
    yield linear, [x, w], {"trans_w": 1}, "extents 4 and 6 have to be the same"
    yield linear, [x, w, Input(4, 1)], {}, "the bias is no vector"
    yield linear, [x, Input(6)], {}, "weights of input 1 have not 2 axes"
    yield linear, [Input(), w], {}, "x is a scalar"
    yield swiglu, [x, w, w, w], {}, "have to be the same"
    yield embedding, [Input(("n", 2), dtype="i64", make=below(2)), Input(2)], {}, "the table is no matrix"
    yield embedding, [x, w], {}, "does not take f32"
    experts = with_router(feed_forward(2, 6, 10, experts=[4]), 6, 4)
    yield moe, experts, {}, "top_k is 0"
    yield moe, experts, {"top_k": 5}, "top_k is 5"
    yield moe, with_router(feed_forward(2, 6, 10, experts=[3]), 6, 4), {"top_k": 2}, "have to be the same"
    yield causal_conv1d, [x, w], {}, "x is not [batch, sequence, channels]"
    yield causal_conv1d, [Input(("n", 1), 3, 6), Input(6, ("k", 4))], {}, "the extents of w are not known"
    yield causal_conv1d, [Input(("n", 1), 3, 6), Input(6, 4), NONE, Input(("n", 1), 4, 6)], {}, "have to be the same"
    yield gated_delta_net, delta(1, 2, 3, 4, 5)[:5] + [Input(1, 3, 5, 4)], {}, "have to be the same"
    yield gated_delta_net, [x, x, x, x, x], {}, "q or v is not"
    yield residual_rms_norm, [x, Input(6), Input(6)], {}, "different axes"
    layer = decoder(2, 5, 12, 4, 2, 6, 20)
    yield decoder_block, layer, {}, "not all given"
    yield decoder_block, layer, {"heads": 4, "kv_heads": 3, "head_dim": 6}, "heads are a multiple of kv_heads"
    yield decoder_block, layer, {"heads": 2, "kv_heads": 2, "head_dim": 6}, "have to be the same"
    yield decoder_block, layer, {"heads": 1 << 62, "kv_heads": 1, "head_dim": 1 << 62}, "error"


# ---- Running -------------------------------------------------------------------------------------


def write_model(block, inputs, attributes, outputs, data, path):
    names = [f"y{i}" for i in range(outputs)]
    uses = [None if x.left_out else f"x{i}" for i, x in enumerate(inputs)]
    node = {"op": block.__name__, "attributes": attributes, "inputs": uses, "outputs": names}
    named = [(name, x) for name, x in zip(uses, inputs) if name]
    path.write_text(json.dumps({
        "schema": "rlx.hir/1",
        "inputs": [{"id": name, "type": x.type()} for name, x in named if x.dtype != "i4"],
        "constants": [{"id": name, "type": x.type(), "value": data[name].ravel().tolist()}
                      for name, x in named if x.dtype == "i4"],
        "nodes": packed_nodes(uses, attributes) if block is packed_product else [node],
        "outputs": names}))


def write_case(block, inputs, attributes, outputs, path):
    rng = np.random.default_rng(len(inputs))
    given = [None if x.left_out else x.elements(rng) for x in inputs]
    data = {f"x{i}": x for i, x in enumerate(given) if x is not None}
    write_model(block, inputs, attributes, outputs, data, path)
    np.savez(path.with_suffix(".in.npz"), **{name: x for name, x in data.items() if inputs[int(name[1:])].dtype != "i4"})
    exact = [x if x is None or x.dtype.kind == "i" and block is not packed_product else x.astype(np.float64) for x in given]
    want = block(*exact, **attributes)
    np.savez(path.with_suffix(".want.npz"), **{f"y{i}": want[i].astype(of_floats(inputs)) for i in range(outputs)})


def of_floats(inputs):
    return NUMPY["f16" if any(x.dtype == "f16" for x in inputs) else "f32"]


def check(tool, number, case):
    """What is wrong, or None."""
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        path = work / f"case{number}.json"
        write_case(*case, path)
        tolerance = TOLERANCES["f16" if of_floats(case[1]) == np.float16 else "f32"]
        cases.TOLERANCE = ["--rtol", str(tolerance), "--atol", "1e-6", "--scale", "max"]
        try:
            cases.check_right(tool, path, work)
        except cases.Failed as failed:
            return str(failed)
    return None


def check_refused(tool, block, inputs, attributes, says):
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name) / "case.json"
        write_model(block, inputs, attributes, 1, {}, path)
        result = cases.run(tool, [path, "--seed", 1], pathlib.Path(name) / "cache")
    return None if result.returncode in cases.REFUSALS and says in result.stderr else cases.said(result)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("names", metavar="NAME", nargs="*")
    a = parser.parse_args()
    failures, count = 0, 0
    for number, case in enumerate([*tried(), *tried_in_halves()]):
        block, inputs, attributes, _ = case
        if a.names and not any(name in block.__name__ for name in a.names):
            continue
        count += 1
        wrong = check(a.bin / "rlx-run", number, case)
        failures += wrong is not None
        if wrong:
            print(f"FAILED {block.__name__} {[i.type() for i in inputs]} {attributes}: {wrong}", flush=True)
    for block, inputs, attributes, says in refused():
        if a.names and not any(name in block.__name__ for name in a.names):
            continue
        count += 1
        wrong = check_refused(a.bin / "rlx-run", block, inputs, attributes, says)
        failures += wrong is not None
        if wrong:
            print(f"FAILED {block.__name__} {attributes}: should say {says}: {wrong}", flush=True)
    print(f"{count - failures} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
