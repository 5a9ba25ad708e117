#!/usr/bin/env python3
"""Writes an ONNX model from the few lines of a text test.

    onnx_of.py TEST MODEL.onnx

Lines that begin with `onnx` make the model, in any file:

    // onnx opset 18
    // onnx input x f32[n, 8]
    // onnx sequence s f32[n, 8]
    // onnx optional o f32[8]
    // onnx constant axes i64[2] 1 -1
    // onnx external w f32[4, 8] weights.bin 4096
    // onnx node ReduceSum(x, axes) -> y {keepdims = 0}
    // onnx output y

A comma with nothing before it leaves an input out; an operator of another domain has its name before a point. Attributes are integers, floats (with a point), lists of
them, or strings in quotes. Field numbers are those of ONNX's specification; only the standard library is used.
"""
import re
import struct
import sys

DTYPES = {"f32": 1, "u8": 2, "i8": 3, "i32": 6, "i64": 7, "bool": 9, "f16": 10, "f64": 11, "u4": 21, "i4": 22}
PACK = {"f32": "f", "u8": "B", "i8": "b", "i32": "i", "i64": "q", "bool": "?", "f64": "d"}


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def data(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def real(field, x):
    return varint(field << 3 | 5) + struct.pack("<f", x)


def split(text):
    return [part.strip() for part in text.split(",")] if text.strip() else []


# The field of TypeProto that holds the type of what is held.
HOLDERS = {"sequence": 4, "optional": 9}


def value_info(name, dtype, dims, holder=None):
    shape = b"".join(data(1, number(1, int(d)) if d.isdigit() else data(2, d)) for d in split(dims))
    kind = data(1, number(1, DTYPES[dtype]) + data(2, shape))
    return data(1, name) + data(2, data(HOLDERS[holder], data(1, kind)) if holder else kind)


def tensor(name, dtype, dims, elements):
    parse = float if dtype[0] == "f" else int
    if dtype in ("u4", "i4"):
        halves = [int(e) & 15 for e in elements] + [0] * (len(elements) % 2)
        raw = bytes(low | high << 4 for low, high in zip(halves[::2], halves[1::2]))
        return b"".join(number(1, int(d)) for d in split(dims)) + number(2, DTYPES[dtype]) + data(8, name) + data(9, raw)
    raw = b"".join(struct.pack("<" + PACK[dtype], parse(e)) for e in elements)
    return b"".join(number(1, int(d)) for d in split(dims)) + number(2, DTYPES[dtype]) + data(8, name) + data(9, raw)


# The bytes lie in a file beside the model, from an offset on.
def external(name, dtype, dims, file, offset):
    places = (("location", file), ("offset", offset))
    return b"".join(number(1, int(d)) for d in split(dims)) + number(2, DTYPES[dtype]) + data(8, name) + b"".join(
        data(13, data(1, key) + data(2, value)) for key, value in places) + number(14, 1)


def attribute(name, text):
    if text.startswith('"'):
        return data(1, name) + data(4, text.strip('"')) + number(20, 3)
    if not text.startswith("["):
        return data(1, name) + (real(2, float(text)) + number(20, 1) if "." in text
                                else number(3, int(text)) + number(20, 2))
    items = split(text.strip("[]"))
    if any("." in i for i in items):
        return data(1, name) + b"".join(real(7, float(i)) for i in items) + number(20, 6)
    return data(1, name) + b"".join(number(8, int(i)) for i in items) + number(20, 7)


def node(text):
    name, inputs, outputs, attributes = re.fullmatch(r"([\w.]+)\((.*)\) -> ([^{]*?)\s*(?:\{(.*)\})?", text).groups()
    domain, _, op = name.rpartition(".")
    out = b"".join(data(1, i) for i in split(inputs)) + b"".join(data(2, o) for o in split(outputs))
    out += data(3, "node_" + split(outputs)[0]) + data(4, op) + data(7, domain)
    for name, value in re.findall(r'(\w+) = (\[[^\]]*\]|"[^"]*"|[-.\w]+)', attributes or ""):
        out += data(5, attribute(name, value))
    return data(1, out)


def main():
    graph, opset = data(2, "test"), 18
    for line in open(sys.argv[1]):
        match = re.match(r"\W*onnx (\w+) (.*?)\s*$", line)
        if not match:
            continue
        kind, rest = match.groups()
        typed = re.fullmatch(r"(\w+) (\w+)\[(.*?)\]\s*(.*)", rest)
        if kind == "opset":
            opset = int(rest)
        elif kind == "input":
            graph += data(11, value_info(*typed.groups()[:3]))
        elif kind in HOLDERS:
            graph += data(11, value_info(*typed.groups()[:3], holder=kind))
        elif kind == "constant":
            name, dtype, dims, elements = typed.groups()
            graph += data(5, tensor(name, dtype, dims, elements.split()))
        elif kind == "external":
            graph += data(5, external(*typed.groups()[:3], *typed[4].split()))
        elif kind == "node":
            graph += node(rest)
        elif kind == "output":
            graph += data(12, data(1, rest))
        else:
            raise SystemExit(f"no such line: {line}")
    model = number(1, 10) + data(7, graph) + data(8, data(1, "") + number(2, opset))
    open(sys.argv[2], "wb").write(model)


if __name__ == "__main__":
    main()
