#!/usr/bin/env python3
"""Times rlx on a GPU against PyTorch, eager in a CUDA graph and torch.compile in one, in the same run.

    test/bench/gpu.py --bin BUILD/bin [--models DIR] [--only WORD,WORD] [--rounds 3] [--seconds 0.3] [--device cuda:0]
        [--peers eager,compile] [--keep DIR] [--out FILE.json] [--table PAGE.md]
    test/bench/gpu.py --list | --self-test

A model is DIR/NAME.onnx, or is written of the torch module itself, with its weights (kept in --keep, where that is
given); then outputs are compared with torch's first, and one that is wrong has no time. Every round times each side once;
a ratio is the median over the rounds of other / rlx, so that above 1 rlx is faster. What is timed is a call: inputs from pinned
memory of the host to the GPU, the model, outputs back. "alone" is torch's graph without its copies. Ends with a line
"N timed, M failed".

Needs torch, torchvision, numpy and onnx.
"""
import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

PAST, STEPS = 512, 40
# Of the largest wanted value: what bf16 and what fp32 leave.
NEAR = {"bf16": 5e-2, "fp32": 1e-3}
# What it is called: model, batch, precision, and the least time that bytes, operations and dependent steps leave, in us.
CASES = {
    "llama_1b b1 step after 512 bf16": ("llama_1b", 1, "bf16", 575),
    "llama_1b b8 step after 512 bf16": ("llama_1b", 8, "bf16", 590),
    "bert_base b1 s128 bf16": ("bert_base", 1, "bf16", 120),
    "bert_base b32 s128 bf16": ("bert_base", 32, "bf16", 1020),
    "bert_base b1 s128 fp32": ("bert_base", 1, "fp32", 440),
    "vit_b_16 b1 bf16": ("vit_b_16", 1, "bf16", 120),
    "vit_b_16 b64 bf16": ("vit_b_16", 64, "bf16", 3200),
    "resnet50 b1 bf16": ("resnet50", 1, "bf16", 106),
    "resnet50 b128 bf16": ("resnet50", 128, "bf16", 2250),
}


class Wrong(Exception):
    pass


# ---- rlx ------------------------------------------------------------------------------------------------


class Rlx:
    """The tools on one model, with a cache of their own."""

    def __init__(self, a, case, model, work):
        self.a, self.model, self.work = a, str(model), pathlib.Path(work)
        self.name, self.batch, self.precision, _ = CASES[case]
        self.env = dict(os.environ, RLX_CACHE_DIR=str(self.work / "cache"))
        # Weights of the model itself are in bf16.
        self.switches = ["--precision", "bf16"] if self.precision == "bf16" and self.name != "llama_1b" else []

    def call(self, *arguments):
        command = [pathlib.Path(self.a.bin, "rlx-run"), *arguments, "--device", self.a.device, "--json", *self.switches]
        done = subprocess.run([str(c) for c in command], env=self.env, capture_output=True, text=True, errors="replace",
                              check=False)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["nothing said"]
            raise Wrong(f"exit {done.returncode}: {next((line for line in lines if 'error' in line), lines[-1])[:300]}")
        return json.loads(done.stdout)["items"][0]

    def loop(self, steps):
        return ["--feed", "present_*=past_*", "--steps", steps] if self.name == "llama_1b" else []

    def prepare(self, arrays, want):
        import numpy as np
        self.inputs, out = self.work / "in.npz", self.work / "out.npz"
        np.savez(self.inputs, **arrays)
        start = time.perf_counter()
        self.call("run", self.model, "--inputs", self.inputs, "--outputs", out, *self.loop(1))
        self.first_s = time.perf_counter() - start
        for name, wanted in want.items():
            got = floats(np.load(out)[name])
            error = float(np.abs(got - wanted).max() / max(1.0, np.abs(wanted).max()))
            if not error <= NEAR[self.precision]:
                raise Wrong(f"WRONG: {name} by {error:.3g} of scale")
        profile = self.call("profile", self.model, "--inputs", self.inputs, *self.loop(2))
        self.kernels = len(profile["profile"])

    def time(self):
        if self.name == "llama_1b":
            item = self.call("run", self.model, "--inputs", self.inputs, *self.loop(STEPS))
        else:
            item = self.call("bench", self.model, "--inputs", self.inputs, "--min-time", f"{round(self.a.seconds * 1e3)}ms")
        return item["latency_ns"]["median"] / 1e3


def floats(array):
    """Of bf16 too, which numpy has no type for."""
    import numpy as np
    if array.dtype != np.dtype("V2"):
        return array.astype(np.float64)
    return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32).astype(np.float64)


# ---- PyTorch --------------------------------------------------------------------------------------------


class Torch:
    """A module on the GPU as one CUDA graph, and the copies around it."""

    def __init__(self, module, given, seconds, compiled):
        """given: tensors on the host, by argument; lists of tensors stay on the GPU."""
        import torch
        self.torch, self.seconds = torch, seconds
        self.host = [t.pin_memory() if torch.is_tensor(t) else None for t in given]
        self.there = [t.cuda() if torch.is_tensor(t) else t for t in given]
        run = torch.compile(module) if compiled else module
        self.graph = torch.cuda.CUDAGraph()
        with torch.no_grad():
            aside = torch.cuda.Stream()
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(3):
                    run(*self.there)
            torch.cuda.current_stream().wait_stream(aside)
            with torch.cuda.graph(self.graph):
                out = run(*self.there)
        self.outputs = [out] if torch.is_tensor(out) else list(out)
        self.back = [torch.empty_like(t, device="cpu").pin_memory() for t in self.outputs]

    def call(self):
        for host, there in zip(self.host, self.there):
            if host is not None:
                there.copy_(host, non_blocking=True)
        self.graph.replay()
        for back, out in zip(self.back, self.outputs):
            back.copy_(out, non_blocking=True)
        self.torch.cuda.synchronize()

    def alone(self):
        self.graph.replay()
        self.torch.cuda.synchronize()

    def time_of(self, run):
        for _ in range(3):
            run()
        end, times = time.perf_counter() + self.seconds, []
        while time.perf_counter() < end or len(times) < 10:
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1e6

    def time(self):
        return self.time_of(self.call)

    def values(self):
        self.call()
        return [t.float().numpy().astype("float64") for t in self.back]


def prepared(case, a, work):
    """The module on the GPU, what it is given, the arrays that rlx is given, the model's file, and whether the file has the
    module's weights."""
    import numpy as np
    import torch
    import gpu_models
    name, batch, precision, _ = CASES[case]
    module = gpu_models.make(name)
    path = pathlib.Path(a.models or work, f"{name}.onnx")
    is_own = not path.exists()
    if is_own:
        path = pathlib.Path(a.keep or work, f"{name}_b{batch}.onnx" if name == "llama_1b" else f"{name}.onnx")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            gpu_models.write(name, module, path, batch)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    module = module.cuda().to(dtype)
    if name == "llama_1b":
        # Positions are counted in fp32.
        module.frequencies = gpu_models.frequencies(module.size).cuda()
        return (module, *decode_inputs(module, batch), path, is_own)
    arrays = gpu_models.inputs_of(name, batch)
    if name == "resnet50":
        module = module.to(memory_format=torch.channels_last)
    given = [torch.from_numpy(np.asarray(v)) for v in arrays.values()]
    return gpu_models.Cast(module, dtype), given, arrays, path, is_own


def decode_inputs(module, batch):
    import torch
    shape = (batch, module.kept, PAST + 1, module.size)
    kept = [[torch.randn(shape, device="cuda", dtype=torch.bfloat16) for _ in range(module.count)] for _ in range(2)]
    ids = torch.arange(batch).view(batch, 1) + 17
    arrays = {"ids": ids.numpy()}
    for what, tensors in zip(("key", "value"), kept):
        for i, t in enumerate(tensors):
            bits = t[:, :, :PAST].contiguous().view(torch.int16).cpu().numpy()
            arrays[f"past_{i}_{what}"] = bits.view("V2")
    return [ids, *kept], arrays


# ---- A case ---------------------------------------------------------------------------------------------


def sides_of(case, a, work):
    import torch
    import gpu_models
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    name = CASES[case][0]
    module, given, arrays, path, is_own = prepared(case, a, work)
    sides, wrong, want = {}, {}, {}
    for peer in a.peers:
        try:
            sides[peer] = Torch(module, given, a.seconds, peer == "compile")
        except Exception as e:  # a peer that cannot run a model is a result
            wrong[peer] = str(e).splitlines()[0][:200]
    if is_own and "eager" in sides:
        want = dict(zip(gpu_models.OUTPUTS.get(name, ["logits"]), sides["eager"].values()))
    rlx = Rlx(a, case, path, work)
    try:
        rlx.prepare(arrays, want)
        sides["rlx"] = rlx
    except Wrong as e:
        wrong["rlx"] = str(e)
    return sides, wrong


def measure(case, a):
    with tempfile.TemporaryDirectory() as work:
        sides, wrong = sides_of(case, a, work)
        row = {"case": case, "floor": CASES[case][3], "wrong": wrong}
        times = {name: [] for name in sides}
        for turn in range(a.rounds):
            for name in sorted(sides)[turn % len(sides):] + sorted(sides)[:turn % len(sides)]:
                times[name].append(sides[name].time())
        row["us"] = {name: statistics.median(of) for name, of in times.items()}
        row["alone"] = {name: sides[name].time_of(sides[name].alone) for name in sides if name != "rlx"}
        if "rlx" in sides:
            row["kernels"], row["first_s"] = sides["rlx"].kernels, sides["rlx"].first_s
            row["ratio"] = {name: statistics.median(o / r for o, r in zip(of, times["rlx"]))
                            for name, of in times.items() if name != "rlx"}
    return row


def line_of(row):
    times = "  ".join(f"{name} {us:.0f} us" for name, us in row["us"].items())
    alone = "  ".join(f"{name} alone {us:.0f} us" for name, us in row["alone"].items())
    ratios = "  ".join(f"{name}/rlx {of:.2f}" for name, of in row.get("ratio", {}).items())
    kernels = f"{row['kernels']} kernels" if "kernels" in row else ""
    wrong = "  ".join(f"{name}: {what}" for name, what in row["wrong"].items())
    return "  ".join(filter(None, (f"{row['case']:34}", times, ratios, alone, kernels, f"floor {row['floor']} us", wrong)))


def page(rows, a, versions):
    head = ["case", "rlx us", "eager us", "compile us", "eager / rlx", "compile / rlx", "floor us", "kernels"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        us, ratio = row["us"], row.get("ratio", {})
        lines.append([row["case"], *(f"{us[n]:.0f}" if n in us else row["wrong"].get(n, "–")[:50].replace("|", "/")
                                     for n in ("rlx", "eager", "compile")),
                      *(f"{ratio[n]:.2f}" if n in ratio else "–" for n in ("eager", "compile")),
                      str(row["floor"]), str(row.get("kernels", "–"))])
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"""# Performance on a GPU

Written by `test/bench/gpu.py --table`, which times all sides in the same rounds, after outputs were compared. A time is
that of a call, in microseconds: inputs from pinned memory, the model, outputs back; the median over {a.rounds} rounds of
{a.seconds:g} s. A ratio is the median over the rounds of the other's time / rlx's, so that above 1 rlx is faster. PyTorch runs
as one CUDA graph, eager and compiled. The floor is what bytes, operations and dependent steps leave.

{datetime.date.today()}; {versions}.

{table}
"""


def versions_of(a):
    import torch
    said = subprocess.run([pathlib.Path(a.bin, "rlx-run"), "--version"], capture_output=True, text=True, check=False).stdout
    return f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, rlx {said.strip()}"


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="folder of the tools")
    parser.add_argument("--models", help="folder of NAME.onnx; else models are written")
    parser.add_argument("--keep", help="folder where models that are written stay")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[""], help="cases with one of these in their names")
    parser.add_argument("--peers", type=lambda text: [w for w in text.split(",") if w], default=["eager", "compile"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3, help="a side and round")
    parser.add_argument("--out", type=pathlib.Path, help="the rows as JSON")
    parser.add_argument("--table", type=pathlib.Path, help="the rows as a page")
    return parser.parse_args(arguments)


def main(arguments):
    a = parse(arguments)
    rows = []
    for case in CASES:
        if any(word in case for word in a.only):
            rows.append(measure(case, a))
            print(line_of(rows[-1]), flush=True)
            if a.out:
                a.out.write_text(json.dumps(rows, indent=1))
    if a.table:
        a.table.write_text(page(rows, a, versions_of(a)))
    failed = sum("rlx" in row["wrong"] for row in rows)
    print(f"{len(rows) - failed} timed, {failed} failed")
    return 1 if failed or not rows else 0


def self_test():
    row = {"case": "c", "floor": 10, "wrong": {"compile": "no"}, "us": {"rlx": 20, "eager": 30}, "alone": {"eager": 25},
           "ratio": {"eager": 1.5}, "kernels": 4}
    assert "eager/rlx 1.50" in line_of(row) and "compile: no" in line_of(row)
    assert "| c | 20 | 30 | no | 1.50 | – | 10 | 4 |" in page([row], parse(["--bin", "x"]), "here")
    print("rows are said in lines and in a table")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    if sys.argv[1:] == ["--list"]:
        print("\n".join(CASES))
        sys.exit(0)
    sys.exit(main(sys.argv[1:]))
