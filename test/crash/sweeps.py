"""T1, T2: a kill, or an error, at every file operation of every command that writes."""

import itertools

from world import MODEL, Failed, keys_of

ERRORS = ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "EMFILE", "EINTR", "short"]

COMPILE = ["rlxc", MODEL, "-j1"]
BIND = ["rlx-spec", "bind", MODEL, "--dim", "batch=360", "-j1"]
GC = ["rlx-cache", "gc", "--max-size=0"]


def remove_images(cache):
    """The native code goes, LIR and weights stay: the next run makes it again."""
    biggest_first = sorted((cache / "cas").rglob("*"), key=lambda p: p.stat().st_size)
    for path in [p for p in biggest_first if p.is_file() and is_image(p)]:
        path.unlink()


def alter_images(cache):
    for path in [p for p in (cache / "cas").rglob("*") if p.is_file() and is_image(p)]:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.chmod(0o644)
        path.write_bytes(data)
        path.chmod(0o444)


def is_image(path):
    return path.read_bytes()[:6] == b"RLXIMG"


class Scenario:
    """A command, the cache that it starts from, and the cache that it ends with."""

    def __init__(self, world, name, argv, start, whole=True):
        self.world, self.name, self.argv, self.start = world, name, argv, start
        # Where it starts with damage, that may still be there after a kill.
        self.whole = whole
        end = world.copy_of(start, "end-" + name)
        world.must(argv, end)
        world.check_outputs(end)
        self.end = end
        self.operations = world.count(argv, world.copy_of(start))


def scenarios(world):
    compiled = world.state("compiled", COMPILE)
    bound = world.state("bound", COMPILE, BIND)
    bundle = world.work / "entries.rlx"
    if not bundle.exists():
        world.must(["rlx-cache", "export", *keys_of(bound), "-o", bundle], bound)
    no_image = world.state("no-image", COMPILE, BIND, spoil=remove_images)
    bad_image = world.state("bad-image", COMPILE, BIND, spoil=alter_images)
    run = ["rlx-run", "run", MODEL, "--dim", "batch=360"]
    return [
        Scenario(world, "rlxc, cold", COMPILE, None),
        Scenario(world, "rlxc, warm", COMPILE, compiled),
        Scenario(world, "rlx-spec", BIND, compiled),
        Scenario(world, "rlx-run, image gone", run, no_image, whole=False),
        Scenario(world, "rlx-run, image damaged", run, bad_image, whole=False),
        Scenario(world, "rlx-cache gc", GC, bound),
        Scenario(world, "rlx-cache import", ["rlx-cache", "import", bundle, "--allow-unsigned"],
                 None),
    ]


def kill_at(world, scenario, n):
    cache = world.copy_of(scenario.start)
    done = world.run(scenario.argv, cache, shim={"at": n, "do": "kill"})
    if done.returncode == 0:
        return
    if done.returncode != -9:
        raise Failed(f"exit {done.returncode} instead of a kill: {done.stderr}")
    if cache.exists() and scenario.whole:
        world.check_whole(cache)
    world.must(scenario.argv, cache)
    world.check_outputs(cache)
    world.check_nothing_left(cache)
    if scenario.argv[0] in ("rlxc", "rlx-spec"):
        world.check_same(cache, expected(world, scenario))


def expected(world, scenario):
    """What the run after the kill leaves: the entry for the inputs is bound too by then."""
    if not hasattr(scenario, "after"):
        scenario.after = world.copy_of(scenario.end, "after-" + scenario.name)
        world.check_outputs(scenario.after)
    return scenario.after


def error_at(world, scenario, n, error, on):
    cache = world.copy_of(scenario.start)
    maintenance = scenario.argv[0] == "rlx-cache"
    strict = on == "strict" and not maintenance
    argv = [*scenario.argv, "--cache-strict"] if strict else scenario.argv
    done = world.run(argv, cache, shim={"at": n, "do": error, "on": "from" if strict else on})
    # Under --cache-strict, for those who look after the cache, and for those whose only result is an
    # entry, trouble is exit 8, and 11 where there is no space.
    compiles = scenario.argv[0] in ("rlxc", "rlx-spec")
    may_fail = maintenance or strict or compiles
    if done.returncode != 0 and not (may_fail and done.returncode in (8, 11)):
        raise Failed(f"exit {done.returncode}: {done.stderr}")
    if compiles and done.returncode == 0 and done.stdout.split()[0] not in world.entries(cache):
        raise Failed(f"exit 0, and nothing is stored: {done.stdout}{done.stderr}")
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning")]
    if len(warnings) > 1:
        raise Failed("more than one complaint:\n" + done.stderr)
    if cache.exists() and scenario.whole:
        world.check_whole(cache)
    world.check_outputs(cache)
    # A note that could not be removed goes with the next collection.
    world.must(["rlx-cache", "gc"], cache)
    world.check_nothing_left(cache)


def shares(cases, part, seed):
    """Every part-th case, from a place that the seed gives, so that all are seen in the end."""
    return itertools.islice(cases, seed % part, None, part)


def sweep_kills(world, part, seed):
    cases = [(s, n) for s in scenarios(world) for n in range(1, s.operations + 1)]
    for scenario, n in shares(cases, part, seed):
        yield f"{scenario.name}, operation {n}", lambda s=scenario, k=n: kill_at(world, s, k)


def sweep_errors(world, part, seed):
    cases = [(s, n, error, on) for s in scenarios(world) for n in range(1, s.operations + 1)
             for error in ERRORS for on in ("once", "from", "strict")
             # Nobody is interrupted for ever.
             if error != "EINTR" or on == "once"]
    for s, n, error, on in shares(cases, part, seed):
        yield (f"{s.name}, operation {n}, {error} {on}",
               lambda s=s, n=n, e=error, o=on: error_at(world, s, n, e, o))
