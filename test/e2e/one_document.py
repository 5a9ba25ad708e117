#!/usr/bin/env python3
"""one_document.py BIN: with --json stdout holds one document, however the tool ends."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BIN = pathlib.Path(sys.argv[1])
MODEL = str(pathlib.Path(__file__).resolve().parent / "digits" / "digits.onnx")
WORK = pathlib.Path(tempfile.mkdtemp())
ENV = os.environ | {"RLX_CACHE_DIR": str(WORK / "cache"), "XDG_CONFIG_HOME": str(WORK / "config")}
failures = []


def document(argv, stdout, code):
    """The one document, if it is one and says how the tool ended."""
    try:
        doc = json.loads(stdout)
    except json.JSONDecodeError as e:
        failures.append(f"{argv}: no document: {e}: {stdout[:200]!r}")
        return {}
    status = "ok" if code == 0 else "error"
    if (doc["schema"], doc["exit_code"], doc["status"]) != ("rlx.result/1", code, status):
        failures.append(f"{argv}: {doc['exit_code']} {doc['status']} instead of {code} {status}")
    if code != 0 and not any(d["severity"] == "error" for d in doc["diagnostics"]):
        failures.append(f"{argv}: no diagnostic")
    return doc


def run(code, *argv):
    done = subprocess.run([BIN / argv[0], *argv[1:]], env=ENV, capture_output=True, text=True)
    if done.returncode != code:
        failures.append(f"{argv}: exit {done.returncode} instead of {code}: {done.stderr}")
    return document(argv, done.stdout, code)


def handles(pid, number):
    """Whether the process has a handler for that signal by now."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return int(line.split()[1], 16) >> (number - 1) & 1
    return False


def interrupted(number, after=0.0):
    """rlx-run waits for whoever reads its outputs; nobody does."""
    fifo = WORK / "outputs.npz"
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    argv = ["rlx-run", MODEL, "--dim", "batch=2", "-o", str(fifo), "--json"]
    process = subprocess.Popen([BIN / argv[0], *argv[1:]], env=ENV, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not handles(process.pid, number):
        time.sleep(0.001)
    # While it allocates, locks, compiles, stores: what a handler does is safe anywhere.
    time.sleep(after)
    process.send_signal(number)
    stdout, _ = process.communicate(timeout=60)
    if process.returncode != -number:
        failures.append(f"{argv}: ended with {process.returncode} instead of signal {number}")
    document(argv, stdout, 128 + number)


# Usage errors.
for argv in (["rlxc"], ["rlxc", "--nosuch"], ["rlxc", MODEL, "-j", "many"],
             ["rlxc", MODEL, "--dim", "batch"], ["rlxc", MODEL, MODEL, "--key", "k"],
             ["rlxc", MODEL, "-t", "cpu:nosuch"], ["rlx-spec"], ["rlx-spec", "bind"],
             ["rlx-spec", "bind", MODEL], ["rlx-spec", "lst"], ["rlx-run"], ["rlx-run", "--nosuch"],
             ["rlx-run", MODEL, "--scale", "most"], ["rlx-cache"], ["rlx-cache", "lst"],
             ["rlx-cache", "ls", "--by", "name"], ["rlx-cache", "gc", "--max-size", "much"],
             ["rlx-cache", "export"]):
    run(2, *argv, "--json")
    if len(argv) > 1:
        run(2, argv[0], "--json", *argv[1:])

# Help is text in a document.
for tool in ("rlxc", "rlx-spec", "rlx-run", "rlx-cache"):
    for flag in ("--help", "--version"):
        if not run(0, tool, flag, "--json").get("items", [{}])[0].get("text"):
            failures.append(f"{tool} {flag}: no text")

# Stages of the compiler too, to stdout and to a file; what fails has an item and names its model.
item = run(0, "rlxc", MODEL, "--emit=hir", "--json")["items"][0]
if item["stage"] != "hir" or "graph" not in item["text"]:
    failures.append(f"--emit: {item}")
item = run(0, "rlxc", MODEL, "--emit=hir", "-o", str(WORK / "h"), "--json")["items"][0]
if item["output"] != str(WORK / "h") or "text" in item:
    failures.append(f"--emit -o: {item}")
run(2, "rlxc", MODEL, "--emit=nosuch", "--json")
doc = run(3, "rlxc", "missing.onnx", MODEL, "--keep-going", "--json")
if [(i["model"]["path"], i["state"], i["stored"]) for i in doc["items"]] != [
        ("missing.onnx", "failed", False), (MODEL, "built", True)]:
    failures.append(f"items: {doc['items']}")
if [d["model"] for d in doc["diagnostics"]] != ["missing.onnx"]:
    failures.append(f"diagnostics: {doc['diagnostics']}")
doc = run(5, "rlx-spec", "bind", MODEL, "--dim", "nosuch=1", "--json")
if doc["items"][0]["state"] != "failed" or doc["diagnostics"][0]["model"] != MODEL:
    failures.append(f"rlx-spec: {doc}")

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    # What is ignored here, as under nohup, is ignored there.
    signal.signal(number, signal.SIG_DFL)
    for step in range(25):
        shutil.rmtree(WORK / "cache", ignore_errors=True)
        interrupted(number, step * 0.002)

print("\n".join(failures))
sys.exit(bool(failures))
