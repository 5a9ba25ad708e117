"""What versus.py measured, as a page of documentation."""
import datetime
import importlib.metadata
import os
import pathlib
import re
import subprocess

FEATURES = ("avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile",
            "amx_int8", "amx_bf16")
# Of what went wrong.
WORDS = 50
PEERS = {"ort": ("ONNX Runtime", "onnxruntime"), "ov": ("OpenVINO", "openvino")}


def machine():
    """What a reader needs to judge by, and nothing that says whose it is."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    found = re.search(r"^flags\s*: (.*)$", info, re.M)
    flags = found.group(1).split() if found else []
    return f"{len(os.sched_getaffinity(0))} cores with {', '.join(f for f in FEATURES if f in flags) or 'no AVX2'}"


def versions(a):
    said = subprocess.run([pathlib.Path(a.bin, "rlx-run"), "--version"], capture_output=True, text=True, check=False).stdout
    peers = [f"{title} {importlib.metadata.version(package)}" for name, (title, package) in PEERS.items() if name in a.peers]
    return ", ".join([f"rlx {said.strip()}", *peers])


def cells(row, names):
    ms, ratios, wrong = row.get("ms", {}), row.get("ratio", {}), row["wrong"]
    def time(name):
        return f"{ms[name]:.3g}" if name in ms else wrong.get(name, "–").replace("|", "/").split(" from ")[0][:WORDS]
    return [row["case"], str(row["threads"]), time("new"), *(time(name) for name in names),
            *(f"{ratios[name]:.2f}" if name in ratios else "–" for name in names)]


def sums(rows, names, geomean):
    """A line a number of threads: the geometric means of the ratios."""
    for threads in sorted({row["threads"] for row in rows}):
        of = [row.get("ratio", {}) for row in rows if row["threads"] == threads]
        known = {name: [ratio[name] for ratio in of if name in ratio] for name in names}
        yield ["**geometric mean**", str(threads), *[""] * (1 + len(names)),
               *(f"**{geomean(known[name]):.2f}**" if known[name] else "–" for name in names)]


def page(rows, a, geomean):
    names = [name for name in ("base", *PEERS) if any(name in row.get("ms", {}) or name in row["wrong"] for row in rows)]
    titles = [PEERS[name][0] if name in PEERS else "the build before" for name in names]
    head = ["model", "threads", "rlx ms", *(f"{title} ms" for title in titles), *(f"{title} / rlx" for title in titles)]
    table = [head, ["---"] * len(head), *(cells(row, names) for row in rows), *sums(rows, names, geomean)]
    lines = "\n".join("| " + " | ".join(row) + " |" for row in table)
    return f"""# Performance

Written by `test/bench/versus.py --table`, which times all sides in the same rounds and compares outputs with ONNX
Runtime's first: one that is wrong has no time. A time is the median over {a.rounds} rounds of {a.seconds:g} s; a ratio the median
over the rounds of the other's time / rlx's, so that above 1 rlx is faster.

{datetime.date.today()}, {machine()}; {versions(a)}.

{lines}
"""
