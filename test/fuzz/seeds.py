"""Writes seeds of image_fuzz, lir_fuzz and kernel_fuzz anew, once a format has changed: small models, compiled.

    seeds.py BIN_DIR

test/driver/seeds_test.cpp holds that all of them are read, and what has to be among them.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

CORPUS = pathlib.Path(__file__).parent / "corpus"
TARGET = "cpu:x86-64-v3"

# By name. Of each the entry: an image and a LIR.
ENTRIES = {
    "state": """
  %past = input "past" : f32[2, p, 3]
  %x = input "x" : f32[2, n, 3]
  %new = neg(%x)
  %present = concat(%past, %new) {axis = 1}
  %y = neg(%past)
  output "present" = %present
  output "y" = %y
""",
    "told": """
  symbol u = data
  %x = input "x" : i64[]
  %y = input "y" : f32[n, 1]
  %told = tell(%x) {above = ["u"]} @ ["/told"]
  %zero = constant 0 : i64[]
  %one = constant 1 : i64[]
  %steps = range(%zero, %told, %one)
  %f = cast(%steps) {to = f32}
  %z = mul(%y, %f)
  output "z" = %z
""",
    "if": """
  %c = input "c" : bool[]
  %x = input "x" : f32[n, 4]
  %y = if(%c) @ ["/if"] {
    region () captures (%x) {
      %sum = add(%x, %x)
      yield %sum
    }
    region () captures (%x) {
      yield %x
    }
  }
  %z = neg(%y)
  output "z" = %z
""",
    "loop": """
  %x = input "x" : f32[n, 2]
  %n = constant 4 : i64[]
  %yes = constant true : bool[]
  %last = loop(%n, %yes, %x) : f32[n, 2] @ ["/loop"] {
    region (%i : i64[], %c : bool[], %p : f32[n, 2]) {
      %two = concat(%p, %p) {axis = 0}
      yield %c, %two
    }
  }
  output "last" = %last
""",
    "border": """
  %x = input "x" : f32[1, 16, 64, 64]
  %w = input "w" : f32[16, 16, 3, 3]
  %y = conv(%x, %w) {pads = [1, 1, 1, 1]}
  output "y" = %y
""",
    "runs": """
  %x = input "x" : f32[262144]
  %sum = reduce_sum(%x) @ ["/sum"]
  output "sum" = %sum
""",
}

# Of each the text of its kernels.
KERNELS = {
    "scan": """
  %x = input "x" : f32[n, 8]
  %a = constant 1 : i64[]
  %y = cum_sum(%x, %a) {exclusive = 1}
  output "y" = %y
""",
    "sort": """
  %x = input "x" : f32[n, 20]
  %k = constant 3 : i64[1]
  %y, %i = top_k(%x, %k)
  output "y" = %y
  output "i" = %i
""",
    "conv": """
  %x = input "x" : f32[n, 4, 9, 9]
  %w = input "w" : f32[8, 2, 3, 3]
  %y = conv(%x, %w) {group = 2, pads = [1, 1, 1, 1], strides = [2, 2]}
  output "y" = %y
""",
    "contract": """
  %x = input "x" : f32[n, 8]
  %w = input "w" : f32[8, 4]
  %p = matmul(%x, %w)
  %y = relu(%p)
  output "y" = %y
""",
    "gather": """
  %x = input "x" : f32[8, n]
  %i = input "i" : i64[3]
  %y = gather(%x, %i) {axis = 0}
  output "y" = %y
""",
}


def rlxc(bin_dir, folder, name, body, *flags):
    model = folder / f"{name}.mir"
    model.write_text(f'graph "{name}" {{{body}}}\n')
    env = dict(os.environ, RLX_CACHE_DIR=str(folder / "cache"))
    command = [bin_dir / "rlxc", model, f"--target={TARGET}", *flags]
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


def write(target, name, data):
    path = CORPUS / target / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    print(f"{path.relative_to(CORPUS)}: {len(data)} bytes")


def image_of(cache, record):
    files = json.loads(record.read_text())["blobs"]
    digest = next(f["sha256"] for f in files if f["role"] == "image")
    return (cache / "cas/sha256" / digest[:2] / digest).read_bytes()


def main():
    bin_dir = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as root:
        folder = pathlib.Path(root)
        for name, body in ENTRIES.items():
            rlxc(bin_dir, folder, name, body)
            record = next((folder / "cache").glob(f"{name}-*.meta.json"))
            write("image_fuzz", name, image_of(folder / "cache", record))
            write("lir_fuzz", name, next((folder / "cache").glob(f"{name}-*.lir.json")).read_bytes())
        for name, body in {**KERNELS, **ENTRIES}.items():
            write("kernel_fuzz", name, rlxc(bin_dir, folder, name, body, "--emit=kernel").encode())


main()
