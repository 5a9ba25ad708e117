#!/usr/bin/env python3
"""Holds lib/frontend/onnx/older.cpp against ONNX's own list of what its operators were.

    test/frontend/older_forms.py

An operator that rlx reads and whose attributes, their defaults, or the number of whose inputs changed between the sets that
rlx reads has a row there for the change, or stands below as one whose older form is the newer one's default. And each row is
about a change. Needs the Python package onnx; exits with 77 without it.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
READER = ROOT / "lib" / "frontend" / "onnx"
# At its default, what was added asks for what was so before.
HARMLESS = {
    "ArgMax": [12], "ArgMin": [12], "Attention": [24, 25], "AveragePool": [10, 19], "BatchNormalization": [14], "Cast": [19, 24],
    "CastLike": [19, 24], "Constant": [11, 12], "DepthToSpace": [11], "DequantizeLinear": [13, 21, 23],
    "GRU": [14], "GatherND": [12], "GridSample": [20], "LSTM": [14], "LpPool": [18], "MaxPool": [8, 10], "Pad": [18], "QuantizeLinear": [13, 19, 21, 23],
    "RNN": [14], "Reshape": [14], "Resize": [18], "ScatterElements": [16], "ScatterND": [16], "Shape": [15], "TopK": [11],
}
# Where these are read, the set is looked at.
ELSEWHERE = {"GroupNormalization": [21], "Scan": [9]}


def sets_read():
    first, last = re.search(r"kFirstOpset = (\d+), kLastOpset = (\d+)", (READER / "opsets.h").read_text()).groups()
    return range(int(first) + 1, int(last) + 1)


def names_read():
    """Of rlx's operators and of those that the reader writes as others, without capitals and underscores."""
    folder = ROOT / "lib" / "op"
    names = [name for path in folder.glob("*.h") for name in re.findall(r'\bname = "(\w+)"', path.read_text())]
    for rows in ("elementwise.cpp", "reductions.cpp"):
        names += re.findall(r'[({]\s*(?:\.name = )?"(\w+)"', (folder / rows).read_text())
    names += re.findall(r'\{"(\w+)", convert_', (READER / "convert.cpp").read_text()) + ["Scan"]
    return {name.replace("_", "").lower() for name in names}


def rows():
    return {(name, int(opset)) for name, opset in
            re.findall(r'\{"(\w+)", (\d+), \w+\}', (READER / "older.cpp").read_text())}


def defaults(schema):
    return {name: (a.required, str(a.default_value)) for name, a in schema.attributes.items()}


def changes():
    """(operator, set) of what is read."""
    from onnx import defs
    history = {}
    for schema in sorted(defs.get_all_schemas_with_history(), key=lambda s: s.since_version):
        if schema.domain == "":
            history.setdefault(schema.name, []).append(schema)
    for name, schemas in history.items():
        for old, new in zip(schemas, schemas[1:]):
            differ = defaults(old) != defaults(new) or len(old.inputs) != len(new.inputs)
            if differ and not new.deprecated and new.since_version in sets_read():
                yield name, new.since_version


def main():
    try:
        changed = set(changes())
    except ModuleNotFoundError:
        return 77
    read, known = names_read(), rows()
    assert len(read) > 100 and known, "the sources are written otherwise than this reads them"
    stated = {(name, opset) for table in (HARMLESS, ELSEWHERE) for name, sets in table.items() for opset in sets}
    missing = {(name, opset) for name, opset in changed - known - stated if name.lower() in read}
    for name, opset in sorted(missing):
        print(f"{name} changed in set {opset}: add a row to lib/frontend/onnx/older.cpp")
    for name, opset in sorted((known | stated) - changed):
        print(f"{name} did not change in set {opset}")
    return 1 if missing or (known | stated) - changed else 0


if __name__ == "__main__":
    sys.exit(main())
