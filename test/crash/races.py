"""T4, T13, T16: many processes at once on one cache."""

import concurrent.futures
import os
import random
import shutil
import signal
import subprocess
import time

from world import INPUTS, MODEL, Failed


def together(world, argvs, cache):
    """Starts them all, then waits; every one must succeed."""
    env = world.environment(cache)
    started = [subprocess.Popen([str(world.bin / a[0]), *map(str, a[1:])], env=env, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE) for a in argvs]
    outputs = []
    for process in started:
        try:
            out, err = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failed("a process hangs")
        outputs.append((process.returncode, out, err))
    return outputs


def one_cold_key(world, processes):
    """All ask for the same key of an empty cache: one compiles, all get the same."""
    cache = world.fresh()
    argv = ["rlxc", MODEL, "-j1"]
    outputs = together(world, [argv] * processes, cache)
    bad = [err for code, _, err in outputs if code != 0]
    if bad:
        raise Failed(f"{len(bad)} failed: {bad[0]}")
    if len({out.split()[0] for _, out, _ in outputs}) != 1:
        raise Failed("several keys")
    built = sum("  built  " in out for _, out, _ in outputs)
    if built != 1:
        raise Failed(f"{built} processes compiled instead of 1")
    world.check_whole(cache)
    world.check_nothing_left(cache)


def leader_dies(world, processes, seed):
    """The same, and one of them is killed at a time of its own."""
    cache = world.fresh()
    env = world.environment(cache)
    argv = [str(world.bin / "rlxc"), str(MODEL), "-j1"]
    started = [subprocess.Popen(argv, env=env, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE) for _ in range(processes)]
    time.sleep(random.Random(seed).uniform(0.0, 0.12))
    started[seed % processes].send_signal(signal.SIGKILL)
    built = 0
    for i, process in enumerate(started):
        out, err = process.communicate(timeout=120)
        built += "  built  " in out
        if process.returncode != 0 and not (i == seed % processes and process.returncode == -9):
            raise Failed(f"exit {process.returncode}: {err}")
    if built > 2:
        raise Failed(f"{built} processes compiled, with one killed")
    world.check_outputs(cache)
    world.check_nothing_left(cache)


def distinct_keys(world, processes):
    cache = world.fresh()
    argvs = [["rlxc", MODEL, "--dim", f"batch={i + 1}", "-j1"] for i in range(processes)]
    outputs = together(world, argvs, cache)
    if any(code != 0 for code, _, _ in outputs):
        raise Failed(str(outputs))
    if len(world.entries(cache)) != processes:
        raise Failed("an entry is missing")
    world.check_whole(cache)


def under_collection(world, seconds, seed):
    """Readers and writers while a collector keeps the cache at a tenth of what they make."""
    cache = world.fresh()
    wanted = world.wanted()
    end = time.monotonic() + seconds
    pick = random.Random(seed)

    def use(_):
        out = world.work / f"gc-{os.getpid()}-{pick.random()}.npz"
        runs = 0
        while time.monotonic() < end:
            if pick.random() < 0.5:
                world.must(["rlx-run", "run", MODEL, "--inputs", INPUTS, "--outputs", out], cache)
                if out.read_bytes() != wanted.read_bytes():
                    raise Failed("other outputs while collecting")
                out.unlink()
            else:
                world.must(["rlxc", MODEL, "--dim", f"batch={pick.randint(1, 40)}", "-j1"], cache)
            runs += 1
        return runs

    # Two that collect, and one that verifies what they remove: nobody is in anybody's way.
    def look_after(argv):
        while time.monotonic() < end:
            done = world.run(["rlx-cache", *argv], cache)
            if done.returncode != 0:
                raise Failed(f"{argv[0]}: exit {done.returncode}: {done.stdout}{done.stderr}")
            time.sleep(0.02)

    with concurrent.futures.ThreadPoolExecutor(max_workers=7) as pool:
        users = [pool.submit(use, i) for i in range(4)]
        keepers = [pool.submit(look_after, argv)
                   for argv in (["gc", "--max-size=150k"], ["gc", "--max-size=100k"], ["verify"])]
        runs = sum(u.result() for u in users)
        for keeper in keepers:
            keeper.result()
    if runs == 0:
        raise Failed("nothing ran")
    world.check_whole(cache)
    world.check_outputs(cache)


def model_changes(world, seed):
    """The model's file is written over while it is compiled: what is stored is what was hashed."""
    cache = world.fresh()
    model = world.work / "changing.onnx"
    original = MODEL.read_bytes()
    other = bytearray(original)
    # A weight in the middle of the file.
    other[len(other) // 2] ^= 0x01
    model.write_bytes(original)
    pick = random.Random(seed)
    argv = [str(world.bin / "rlxc"), str(model), "-j1"]
    process = subprocess.Popen(argv, env=world.environment(cache), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(pick.uniform(0.0, 0.06))
    with open(model, "r+b") as file:
        file.write(bytes(other))
    process.communicate(timeout=60)
    # Whatever was stored under the key of the original gives the original's outputs.
    shutil.copy(MODEL, model)
    world.check_outputs(cache, model=model)
    world.check_whole(cache)


def races(world, part, seed, minutes):
    rounds = max(1, int(minutes * 4 / part))
    for r in range(rounds):
        yield f"64 processes, one cold key, round {r}", lambda: one_cold_key(world, 64)
        yield (f"16 processes, the leader dies, round {r}",
               lambda r=r: leader_dies(world, 16, seed + r))
        yield f"the model changes meanwhile, round {r}", lambda r=r: model_changes(world, seed + r)
    yield "24 processes, 24 keys", lambda: distinct_keys(world, 24)
    yield ("readers, writers and a collector",
           lambda: under_collection(world, max(5.0, minutes * 60 / 8), seed))
