#!/usr/bin/env python3
"""changed.py BIN: a model that is cut, written over, replaced or removed while it is compiled is one clear
error (exit 3), and nothing is stored of it."""

import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BIN = pathlib.Path(sys.argv[1])
DIGITS = pathlib.Path(__file__).resolve().parent / "digits" / "digits.onnx"
WORK = pathlib.Path(tempfile.mkdtemp())
MODEL = WORK / "model.onnx"
ENV = os.environ | {"RLX_CACHE_DIR": str(WORK / "cache")}
F_SETPIPE_SZ = 1031
failed = False


def write_over():
    with open(MODEL, "r+b") as file:
        file.seek(20000)
        file.write(b"\1")


def replace():
    shutil.copy(DIGITS, WORK / "new.onnx")
    os.replace(WORK / "new.onnx", MODEL)


CHANGES = {
    "cut short": lambda: os.truncate(MODEL, 100),
    "cut to nothing": lambda: os.truncate(MODEL, 0),
    "written over": write_over,
    "replaced": replace,
    "removed": MODEL.unlink,
}

for name, change in CHANGES.items():
    for more in ([], ["--emit=lir"]):
        shutil.copy(DIGITS, MODEL)
        # Nobody reads the small pipe that the graph after each pass goes to: there the compiler stands,
        # its model open, until it is changed.
        reading, writing = os.pipe()
        fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
        argv = [BIN / "rlxc", MODEL, "--json", "--print-after=all", "-j1", *more]
        process = subprocess.Popen(argv, env=ENV, stdout=subprocess.PIPE, stderr=writing)
        os.close(writing)
        os.read(reading, 1)
        change()
        with os.fdopen(reading, "rb") as said:
            said.read()
        stdout = process.communicate()[0]
        try:
            told = [(d["code"], d["message"].split("model.onnx ")[-1])
                    for d in json.loads(stdout)["diagnostics"] if d["severity"] == "error"]
        except json.JSONDecodeError:
            told = stdout
        if process.returncode != 3 or told != [("RLX-E3021", "changed while it was read")]:
            print(f"{name} {more}: exit {process.returncode}: {told}")
            failed = True

listed = subprocess.run([BIN / "rlx-cache", "ls"], env=ENV, capture_output=True, text=True)
if listed.stdout:
    print(f"something is stored: {listed.stdout}")
    failed = True
shutil.rmtree(WORK)
sys.exit(failed)
