#!/usr/bin/env python3
"""Valid ONNX files, a little broken: the tools end with a result or a diagnosis, whatever they are given.

    test/fuzz/mutate_onnx.py --bin BUILD/bin [--seed S] [--minutes M | --mutants N] [--jobs N] [--keep DIR] [--ort]
    test/fuzz/mutate_onnx.py --bin BUILD/bin --seed S --replay NUMBER

A mutant is one of ONNX's operator cases, a text of test/cases, a small model of test/models/make.py or the digits'
network, with one to four of the mutations of mutations.py. Which follows from the seed and the mutant's number, so
that each can be had again. All are compiled, many in a process; those that compile are run in checked memory, with
the case's inputs or generated ones, open dims from 0 to 8, the template or the bound variant.

A find is an end by a signal, an exit code that is no refusal (a bug, a sanitizer's report), a failure that says
nothing, more than the time limit in the compiler, or a run that waits. One that computes for long is counted apart,
for a number of the model may ask for it. A find's mutations are dropped one by one while it stays one; then the file
is kept, and the command that shows it printed. With --ort, outputs that onnxruntime gives otherwise are printed too
and no finds: many models have no meaning that both have to share.

Ends with "N passed, M failed". Needs numpy and onnx.
"""
import argparse
import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import onnx

import mutations

HERE = pathlib.Path(__file__).resolve().parent
# Both have a run.py; it is that of conformance which is imported.
sys.path[1:1] = [str(HERE.parent / "conformance"), str(HERE.parent / "models")]
CASES = pathlib.Path("/usr/include/onnx/backend/test/data")
# A class of exit codes each: an invalid model, one that is not supported, bad dims or inputs, a limit.
REFUSALS = {3, 4, 5, 11}
BATCH = 32
COMPILE_LIMIT_S = 60
RUN_LIMIT_S = 120
CPU_LIMIT_S = 10
MEMORY = 4 << 30
EXTENTS = (0, 1, 2, 3, 5, 8)
# A sanitizer's tools have no limit on addresses, and end of what is too big for them.
SANITIZER = {"ASAN_OPTIONS": "max_allocation_size_mb=4096:hard_rss_limit_mb=6144:detect_leaks=0:handle_abort=0"}
NO_MEMORY = re.compile(r"allocation-size-too-big|out-of-memory|hard rss limit|rss-limit|calloc-overflow")


@dataclasses.dataclass
class Mutant:
    number: int
    name: str
    recipe: list
    data: bytes
    dims: list
    inputs: pathlib.Path | None


# ---- What is mutated ----------------------------------------------------------------------------


def texts():
    """Models of test/cases."""
    for path in sorted((HERE.parent / "cases").rglob("*.txt")):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        yield path.stem, onnx.parser.parse_model("\n".join(lines)).SerializeToString(), None


def operator_cases():
    from older_set import raised
    from run import FOLDERS
    for path in sorted(path for folder in FOLDERS for path in (CASES / folder).glob("test_*/model.onnx")):
        yield path.parent.name, raised(path.read_bytes()), path.parent / "test_data_set_0"


def whole_models():
    import make
    for name in make.ARCHITECTURES:
        yield name, make.make(name, 0)[0].SerializeToString(), None
    digits = HERE.parent / "e2e/digits/digits.onnx"
    yield "digits", digits.read_bytes(), None
    for path in sorted((HERE / "corpus/onnx_fuzz").glob("*.onnx")):
        yield path.stem, path.read_bytes(), None


def bases():
    """(name, file, folder of inputs or None); what is composed of several operators a third of all."""
    cases, others = list(operator_cases()), [*texts(), *whole_models()]
    return cases + others * max(1, len(cases) // (2 * len(others)))


def recipe_of(rng):
    """Seeds of mutations; the last may be one of bytes."""
    steps = [("proto", rng.getrandbits(32)) for _ in range(rng.choice((1, 1, 2, 2, 3, 4)))]
    return steps + [("bytes", rng.getrandbits(32))] if rng.random() < 0.12 else steps


def change_proto(seed, data):
    """The name of what was done, and the file after it; of what has no place another is tried."""
    rng = random.Random(seed)
    for _ in range(20):
        model, change = onnx.ModelProto.FromString(data), rng.choice(mutations.PROTO)
        try:
            change(rng, model)
            return change.__name__, model.SerializeToString()
        except (mutations.NoPlace, ValueError, TypeError):
            # Protobuf refuses numbers that no field holds.
            continue
    return "nothing", data


def change_bytes(seed, data):
    rng = random.Random(seed)
    change = rng.choice(mutations.BYTES)
    return change.__name__, change(rng, data)


def mutated(data, recipe):
    done = []
    for kind, seed in recipe:
        name, data = (change_proto if kind == "proto" else change_bytes)(seed, data)
        done.append(name)
    return "+".join(done), data


def open_dims(data):
    try:
        graph = onnx.ModelProto.FromString(data).graph
    except Exception:  # protobuf's own kind of error
        return []
    return sorted({dim.dim_param for info in graph.input for dim in info.type.tensor_type.shape.dim
                   # What is no UTF-8 comes as bytes.
                   if isinstance(dim.dim_param, str) and re.fullmatch(r"\w+", dim.dim_param)})


def mutant_of(seed, number, models, recipe=None):
    rng = random.Random(f"{seed}:{number}")
    name, data, inputs = rng.choice(models)
    recipe, drawn = recipe if recipe is not None else recipe_of(rng), random.Random(f"{seed}:{number}:run")
    what, changed = mutated(data, recipe)
    mode = ["--on-miss=template"] if drawn.random() < 0.5 else []
    mode += ["--threads", str(1 + drawn.randrange(2))]
    given = inputs if drawn.random() < 0.6 else None
    extents = [] if given else [f"--dim={dim}={drawn.choice(EXTENTS)}" for dim in open_dims(changed)]
    return Mutant(number, f"{name}: {what}", recipe, changed, mode + extents, given)


# ---- One run of a tool --------------------------------------------------------------------------


def is_sanitized(tools):
    """Such a tool has address space for its shadow alone that no limit may cut."""
    return b"__asan_init" in (tools / "rlxc").read_bytes()


class Tools:
    def __init__(self, folder, work):
        self.folder, self.sanitized = folder, is_sanitized(folder)
        self.slow = 6 if self.sanitized else 1
        self.env = dict(os.environ, RLX_CACHE_DIR=str(work / "cache"), **SANITIZER)

    def limits(self, cpu):
        if not self.sanitized:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))

    def call(self, tool, *arguments, limit, cpu):
        """The exit code, or what ended it in words; stdout; stderr."""
        done = subprocess.Popen([self.folder / tool, *map(str, arguments)], env=self.env, text=True, errors="replace",
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                preexec_fn=lambda: self.limits(cpu * self.slow))
        try:
            out, said = done.communicate(timeout=limit * self.slow)
        except subprocess.TimeoutExpired:
            done.kill()
            done.communicate()
            return "no end", "", ""
        if self.sanitized and NO_MEMORY.search(said):
            return 11, "", "error: the sanitizer's memory is at its end"
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            return "long", out, said
        return done.returncode, out, said

    def compile_all(self, files):
        """The state of each file, or None where the process says it of none."""
        limit = COMPILE_LIMIT_S + len(files)
        code, out, _ = self.call("rlxc", "--json", "--keep-going", "--emit=asm", *files, limit=limit, cpu=limit)
        if code not in REFUSALS | {0}:
            return None
        said = json.loads(out)
        codes = {d["model"]: d["code"] for d in said["diagnostics"] if d["severity"] == "error" and "model" in d}
        codes = codes or {str(files[0]): d["code"] for d in said["diagnostics"] if d["severity"] == "error"}
        failed = [item["model"]["path"] for item in said["items"] if item.get("state") == "failed"]
        if not set(failed) <= set(codes) or any(class_of(code) not in REFUSALS for code in codes.values()):
            return None
        return [codes.get(str(file)) for file in files]

    def compile_fault(self, file):
        code, out, said = self.call("rlxc", "--emit=asm", file, limit=COMPILE_LIMIT_S, cpu=COMPILE_LIMIT_S)
        return fault_of(code, said + out[-2000:] * (code not in REFUSALS | {0}))

    def run(self, file, mutant, *more):
        given = ["--inputs", mutant.inputs] if mutant.inputs else ["--seed", "1"]
        return self.call("rlx-run", "run", file, "--check-memory", *given, *mutant.dims, *more, limit=RUN_LIMIT_S,
                         cpu=CPU_LIMIT_S)


def class_of(code):
    return int(re.sub(r"\D", "", code)) // 1000


def fault_of(code, said):
    """What is wrong with how a tool ended, or None."""
    if code == 0:
        return None
    if code not in REFUSALS:
        lines = [line for line in said.splitlines() if re.search(r"error|bug|SUMMARY|Assertion", line)]
        return f"exit {code}: {' | '.join(lines[:2])[:400]}"
    return None if "error" in said else f"exit {code}, and nothing is said"


# ---- The search ---------------------------------------------------------------------------------


class Search:
    def __init__(self, a, work):
        self.a, self.work = a, work
        self.tools, self.models = Tools(a.bin, work), bases()
        self.tally, self.finds, self.stop_at = collections.Counter(), {}, time.monotonic() + a.minutes * 60

    def fault(self, mutant, folder):
        """What one mutant does that it should not, whether it compiled."""
        file = folder / f"{mutant.number}.onnx"
        file.write_bytes(mutant.data)
        return self.tools.compile_fault(file) or self.run_fault(file, mutant)

    def run_fault(self, file, mutant):
        code, _, said = self.tools.run(file, mutant)
        self.tally["ran" if code == 0 else "long" if code == "long" else "refused"] += 1
        if code == "long":
            dims = [option for option in mutant.dims if option.startswith("--dim")]
            if self.tools.call("rlxc", "--emit=asm", *dims, file, limit=COMPILE_LIMIT_S, cpu=COMPILE_LIMIT_S)[0] == "long":
                return "no end in the compiler"
            print(f"long {mutant.number}: {mutant.name} {' '.join(mutant.dims)}", flush=True)
            return None
        return fault_of(code, said)

    def batch(self, numbers):
        """The mutants of these numbers."""
        if time.monotonic() > self.stop_at:
            return
        with tempfile.TemporaryDirectory(dir=self.work) as made:
            folder = pathlib.Path(made)
            mutants = [mutant_of(self.a.seed, number, self.models) for number in numbers]
            files = [folder / f"{mutant.number}.onnx" for mutant in mutants]
            for file, mutant in zip(files, mutants):
                file.write_bytes(mutant.data)
            states = self.tools.compile_all(files)
            for at, (file, mutant) in enumerate(zip(files, mutants)):
                self.one(file, mutant, folder, states[at] if states else "unknown")
            if not states:
                self.tally["single"] += len(mutants)
        shutil.rmtree(self.work / "cache", ignore_errors=True)

    def one(self, file, mutant, folder, state):
        wrong = None
        if state == "unknown":
            wrong = self.fault(mutant, folder)
        elif state is None:
            wrong = self.run_fault(file, mutant)
        else:
            self.tally[state] += 1
        if wrong:
            self.found(mutant, wrong, folder)
        elif self.a.ort and state is None:
            self.compare(file, mutant)
        self.tally["passed"] += not wrong

    def found(self, mutant, wrong, folder):
        """Makes it smaller, keeps it, says it once a kind."""
        smaller = True
        while smaller:
            smaller = False
            for at in range(len(mutant.recipe)):
                less = mutant_of(self.a.seed, mutant.number, self.models, mutant.recipe[:at] + mutant.recipe[at + 1:])
                if said := self.fault(less, folder):
                    mutant, wrong, smaller = less, said, True
                    break
        kind = re.sub(r"[\w./-]*\d[\w.]*", "N", wrong)[:120]
        self.finds.setdefault(kind, []).append(mutant.number)
        if len(self.finds[kind]) > 3:
            return
        kept = self.a.keep / f"{self.a.seed}_{mutant.number}.onnx"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(mutant.data)
        given = f"--inputs {mutant.inputs}" if mutant.inputs else "--seed 1"
        print(f"FAILED {mutant.number}: {mutant.name}: {wrong}\n    rlx-run run {kept} --check-memory {given} "
              f"{' '.join(mutant.dims)}", flush=True)

    def compare(self, file, mutant):
        """What onnxruntime gives for the same inputs, in a process of its own."""
        if not mutant.inputs:
            return
        out = file.with_suffix(".npz")
        code, _, _ = self.tools.run(file, mutant, "--outputs", out)
        if code != 0:
            return
        done = subprocess.run([sys.executable, HERE / "compare_ort.py", file, mutant.inputs, out], capture_output=True,
                              text=True, timeout=60, check=False)
        self.tally[f"ort {done.returncode}"] += 1
        if done.returncode == 9:
            self.a.keep.mkdir(parents=True, exist_ok=True)
            kept = self.a.keep / f"{self.a.seed}_{mutant.number}.ort.onnx"
            kept.write_bytes(mutant.data)
            print(f"onnxruntime differs {mutant.number}: {mutant.name}: {done.stdout.strip()[:200]}\n    {kept} "
                  f"--inputs {mutant.inputs} {' '.join(mutant.dims)}", flush=True)

    def all(self):
        batches = (range(at, min(at + BATCH, self.a.mutants)) for at in range(0, self.a.mutants, BATCH))
        with concurrent.futures.ThreadPoolExecutor(self.a.jobs) as pool:
            pending = set()
            for numbers in batches:
                if time.monotonic() > self.stop_at:
                    break
                pending.add(pool.submit(self.batch, numbers))
                if len(pending) >= 2 * self.a.jobs:
                    done, pending = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
                    for one in done:
                        one.result()
            for one in pending:
                one.result()


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", type=lambda p: pathlib.Path(p).resolve(), required=True, help="folder of the tools")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--mutants", type=int, default=1 << 40, help="at most so many")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=pathlib.Path, default=HERE.parents[1] / "build/mutants", help="where finds go")
    parser.add_argument("--ort", action="store_true", help="compare with onnxruntime")
    parser.add_argument("--replay", type=int, help="write this mutant into the folder of finds, and run it")
    return parser.parse_args()


def replay(a, search):
    mutant = mutant_of(a.seed, a.replay, search.models)
    a.keep.mkdir(parents=True, exist_ok=True)
    print(f"{mutant.name}: {mutant.inputs or 'generated inputs'} {' '.join(mutant.dims)}")
    wrong = search.fault(mutant, a.keep)
    print(f"FAILED {a.replay}: {wrong}" if wrong else "passed")
    return bool(wrong)


def main():
    a = parse()
    with tempfile.TemporaryDirectory() as work:
        search = Search(a, pathlib.Path(work))
        if a.replay is not None:
            return replay(a, search)
        search.all()
    failed = sum(map(len, search.finds.values()))
    for kind, numbers in search.finds.items():
        print(f"{len(numbers):5} times {kind}")
    tally = search.tally
    print(", ".join(f"{count} {what}" for what, count in tally.most_common() if what != "passed"))
    print(f"{tally['passed']} passed, {failed} failed")
    return bool(failed) or not tally["passed"]


if __name__ == "__main__":
    sys.exit(main())
