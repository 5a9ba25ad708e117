#!/usr/bin/env python3
"""Models as JSON: the schema takes what people and rlxc write, and what is read back gives the same bits.

    test/frontend/hir_json.py [--bin BUILD/bin] [MODEL...]

The examples of docs/hir-json.md are valid and compile. Each model (those of test/cases that are texts, and those that are
given) is written as HIR and as MIR: both are valid, both give the bits of the model itself, written again they are the
same, and the package safetensors reads the weights. Needs the packages of test/requirements.txt; exits with 77 without.
"""
import argparse
import filecmp
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Extents for open dims of models that are given.
EXTENT = 3


def run(tool, *arguments, cache):
    return subprocess.run([tool, *map(str, arguments)], env=dict(os.environ, RLX_CACHE_DIR=str(cache)),
                          capture_output=True, text=True, check=False)


def examples():
    """The models of the page: indented blocks that are one object each."""
    page = (ROOT / "docs" / "hir-json.md").read_text()
    for block in re.findall(r"^    \{\n(?:      .*\n)*    \}\n", page, re.MULTILINE):
        yield json.loads(block)


def models_of_texts(folder):
    import onnx
    for path in sorted((ROOT / "test" / "cases").rglob("*.txt")):
        lines = path.read_text().splitlines()
        model = onnx.parser.parse_model("\n".join(line for line in lines if not line.startswith("#")))
        saved = folder / f"{path.parent.name}_{path.stem}.onnx"
        onnx.save(model, saved)
        yield saved, next((line[7:].split() for line in lines if line.startswith("# with ")), [])


def check_weights(path, written):
    from safetensors import safe_open
    wanted = {c["tensor"] for c in written.get("constants", []) if "tensor" in c}
    if not wanted:
        return not path.exists()
    with safe_open(path, "numpy") as tensors:
        return set(tensors.keys()) == wanted


def check_model(bin_dir, schema, model, dims, work):
    """What is wrong, or None."""
    flags = [flag for dim in dims for flag in ("--dim", dim)]
    cache = work / "cache"
    outputs = run(bin_dir / "rlx-run", model, *flags, "--seed", 1, "-o", work / "want.npz", cache=cache)
    if outputs.returncode != 0:
        return outputs.stderr
    for stage in ("hir", "mir"):
        path = work / f"{stage}.json"
        made = run(bin_dir / "rlxc", model, f"--emit={stage}", "-o", path, "--json", cache=cache)
        if made.returncode != 0:
            return made.stderr
        weights = path.with_suffix(".safetensors")
        told = json.loads(made.stdout)["items"][0]
        if told["output"] != str(path) or told.get("weights") != (str(weights) if weights.exists() else None):
            return f"{stage}: it says that it wrote {told}"
        written = json.loads(path.read_text())
        for error in schema.iter_errors(written):
            return f"{stage}: {error.json_path}: {error.message}"
        if not check_weights(weights, written):
            return f"{stage}: the file of weights has other tensors"
        got = run(bin_dir / "rlx-run", path, *flags, "--seed", 1, "-o", work / "got.npz", cache=cache)
        if got.returncode != 0:
            return f"{stage}: {got.stderr}"
        if not filecmp.cmp(work / "want.npz", work / "got.npz", shallow=False):
            return f"{stage}: other bits"
        again = work / "again" / path.name
        again.parent.mkdir(exist_ok=True)
        run(bin_dir / "rlxc", path, "--emit=hir", "-o", again, cache=cache)
        if again.read_text() != path.read_text():
            return f"{stage}: written again it is another text"
    return None


def check_examples(bin_dir, schema, work):
    import numpy as np
    from safetensors.numpy import save_file
    save_file({"fc.weight": np.ones((3, 2), np.float32)}, work / "m.safetensors")
    found = 0
    for found, example in enumerate(examples(), 1):
        schema.validate(example)
        path = work / f"example{found}.json"
        path.write_text(json.dumps(example))
        done = run(bin_dir / "rlx-run", path, "--dim", "batch=4" if "batch" in json.dumps(example) else "n=4",
                   cache=work / "cache")
        assert done.returncode == 0, done.stderr
    assert found == 4, f"{found} examples in the page"


def check_schema(schema):
    """It says no where the reader does."""
    model = {"schema": "rlx.hir/1", "outputs": ["y"]}
    assert schema.is_valid(model)
    for wrong in ({"schema": "rlx.hir/2"}, {"outputs": []}, {"weights": "../w"}, {"weights": "/w"}, {"node": []},
                  {"constants": [{"id": "c", "value": 1}]}, {"constants": [{"id": "c", "type": "f32[1]", "value": ["x"]}]},
                  {"constants": [{"id": "c", "tensor": "t", "dims": "n"}]}, {"nodes": [{"inputs": []}]}):
        assert not schema.is_valid(model | wrong), wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("models", metavar="MODEL", nargs="*", type=pathlib.Path)
    a = parser.parse_args()
    try:
        import jsonschema
        import onnx
        import safetensors
    except ModuleNotFoundError as missing:
        print(f"skipped: {missing}")
        return 77
    del onnx, safetensors
    form = json.loads((ROOT / "docs" / "hir.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(form)
    schema = jsonschema.Draft202012Validator(form)
    check_schema(schema)
    failures, count = 0, 0
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        check_examples(a.bin, schema, work)
        given = [(m, [f"{d}={EXTENT}" for d in ("batch", "seq")]) for m in a.models]
        for model, dims in given or models_of_texts(work):
            with tempfile.TemporaryDirectory() as own:
                wrong = check_model(a.bin, schema, model, dims, pathlib.Path(own))
            count += 1
            failures += wrong is not None
            if wrong:
                print(f"FAILED {model.name}: {wrong}", flush=True)
    print(f"{count - failures} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
