"""T5, T7, T8, T11, T12, T19: damaged and hostile files, names, places; keys; the same bits by every way."""

import os
import random
import shutil
import stat
import subprocess
import time

from sweeps import BIND, COMPILE
from world import MODEL, Failed


def harm(world, name, change):
    """One file of a whole cache is changed; the next run is right and says at most a line or two."""
    cache = world.copy_of(world.state("bound", COMPILE, BIND))
    path = cache / name
    mode = stat.S_IMODE(path.stat().st_mode)
    data = change(path.read_bytes())
    path.unlink()
    path.write_bytes(data)
    path.chmod(mode)
    world.check_outputs(cache)
    world.check_outputs(cache, RLX_CACHE_MODE="ro")


def flip(position):
    def change(data):
        data = bytearray(data)
        data[position // 8] ^= 1 << position % 8
        return bytes(data)
    return change


def damages(world, part, seed):
    state = world.state("bound", COMPILE, BIND)
    pick = random.Random(seed)
    files = [p.relative_to(state) for p in sorted(state.rglob("*")) if p.is_file()]
    for name in files:
        size = (state / name).stat().st_size
        if size == 0:
            continue
        for _ in range(max(2, 120 // part)):
            bit = pick.randrange(size * 8)
            yield f"{name}, bit {bit} flipped", lambda n=name, b=bit: harm(world, n, flip(b))
        for length in sorted({0, 1, size // 2, size - 1}):
            yield f"{name}, cut to {length}", lambda n=name, k=length: harm(
                world, n, lambda data: data[:k])
        yield f"{name}, a byte too many", lambda n=name: harm(world, n, lambda data: data + b"x")
    metas = [n for n in files if str(n).endswith(".meta.json")]
    for a in metas:
        other = next(m for m in metas if m != a)
        yield f"{a} is that of another key", lambda a=a, b=other: harm(
            world, a, lambda _: (state / b).read_bytes())


# ---- names and places

HOSTILE = ["../x", "/etc/passwd", "a/../../x", "x\ny", "%2e%2e%2fx", "x" * 4096, ".", "..", "-",
           "CON", "a\u202eb", "\u00e9", "a//b", "~root", "$(id)", ";ls", "*", "\\..\\x"]


def hostile_name(world, name):
    """No command takes it for more than a name that does not exist."""
    cache = world.copy_of(world.state("compiled", COMPILE))
    before = {p: p.read_bytes() for p in world.work.rglob("*")
              if p.is_file() and cache not in p.parents and p.name != "count"}
    for argv in (["rlx-cache", "show"], ["rlx-cache", "rm"], ["rlx-cache", "pin"],
                 ["rlx-cache", "tag", "--", "t"], ["rlx-run", "run"]):
        separator = [] if "--" in argv else ["--"]
        done = world.run([*argv, *separator, name], cache)
        if done.returncode in (0, 1) or done.returncode < 0:
            raise Failed(f"exit {done.returncode}: {argv} {name!r}\n{done.stderr}")
    after = {p: p.read_bytes() for p in before if p.exists()}
    if before != after:
        raise Failed("a file outside of the cache was changed")
    world.check_outputs(cache)


def in_place_of(world, name, kind):
    """A link, pipe, socket, folder or foreign file stands where the cache has one of its own."""
    cache = world.copy_of(world.state("bound", COMPILE, BIND))
    victim = world.work / "victim"
    shutil.rmtree(victim, ignore_errors=True)
    victim.mkdir()
    (victim / "file").write_text("precious")
    path = cache / name
    was_folder = path.is_dir()
    if was_folder:
        shutil.rmtree(path)
    else:
        path.unlink()
    if kind == "link":
        path.symlink_to(victim if was_folder else victim / "file")
    elif kind == "hard link":
        os.link(victim / "file", path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling link":
        path.symlink_to(victim / "nowhere")
    start = time.monotonic()
    done = world.run(["rlx-run", "run", MODEL, "--dim", "batch=360"], cache)
    if time.monotonic() - start > 10:
        raise Failed("it hung")
    if done.returncode != 0:
        raise Failed(f"exit {done.returncode}: {done.stderr}")
    world.check_outputs(cache)
    if sorted(p.name for p in victim.iterdir()) != ["file"]:
        raise Failed("something was made outside of the cache")
    if (victim / "file").read_text() != "precious":
        raise Failed("a file outside of the cache was written")


def places(world):
    for name in HOSTILE:
        yield f"the name {name[:20]!r}", lambda n=name: hostile_name(world, n)
    state = world.state("bound", COMPILE, BIND)
    names = [p.relative_to(state) for p in sorted(state.rglob("*"))]
    for name in names:
        folder = (state / name).is_dir()
        for kind in ("link", "dangling link", "pipe") + (() if folder else ("folder", "hard link")):
            yield (f"{name}: a {kind} in its place",
                   lambda n=name, k=kind: in_place_of(world, n, k))


# ---- keys

def key_of(world, argv, cwd=None, **more):
    done = subprocess.run([str(world.bin / "rlx-cache"), "key", *map(str, argv)], text=True,
                          env=world.environment(world.work / "nowhere", **more), cwd=cwd,
                          capture_output=True, check=True)
    return done.stdout.strip()


def keys_stay(world):
    """Place, user, language, order and number of threads are not in a key."""
    wanted = key_of(world, [MODEL])
    copy = world.work / "elsewhere" / "digits.onnx"
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(MODEL, copy)
    same = [key_of(world, [copy]), key_of(world, ["digits.onnx"], cwd=copy.parent),
            key_of(world, [MODEL], LC_ALL="tr_TR.UTF-8"), key_of(world, [MODEL], LC_ALL="de_DE"),
            key_of(world, [MODEL], HOME="/nonexistent", USER="nobody", TZ="Asia/Tokyo"),
            key_of(world, [MODEL, "-j7"]), key_of(world, [MODEL], RLX_THREADS="3")]
    if set(same) != {wanted}:
        raise Failed(f"{wanted} became {same}")
    two = ["--dim", "batch=4"]
    if key_of(world, [MODEL, *two]) == wanted:
        raise Failed("a dim is not in the key")


def keys_change(world, mutations, seed):
    """One bit of one weight, anywhere, is another key."""
    data = MODEL.read_bytes()
    pick = random.Random(seed)
    model = world.work / "mutant.onnx"
    seen = {key_of(world, [MODEL]).split("-", 1)[1]}
    made = 0
    begin, end = weights_of(data)
    for _ in range(mutations):
        bit = pick.randrange(begin * 8, end * 8)
        mutant = bytearray(data)
        mutant[bit // 8] ^= 1 << bit % 8
        model.write_bytes(mutant)
        key = key_of(world, [model]).split("-", 1)[1]
        if key in seen:
            raise Failed(f"bit {bit} of the model does not change the key")
        seen.add(key)
        made += 1
    # Targets that are no machine's own.
    for change in (["--target=cpu:x86-64-v3,-movbe"], ["--target=cpu:x86-64-v4,-movbe"],
                   ["--dim", "batch=1"], ["--dim", "batch=2"]):
        key = key_of(world, [MODEL, *change]).split("-", 1)[1]
        if key in seen:
            raise Failed(f"{change} does not change the key")
        seen.add(key)
    if key_of(world, [MODEL], RLX_CACHE_SALT="x").split("-", 1)[1] in seen:
        raise Failed("the salt does not change the key")


def weights_of(data):
    """The longest raw_data of the model: field 9 of a TensorProto, found by its length."""
    best = (0, 0)
    for at in range(len(data) - 6):
        if data[at] != 0x4A:
            continue
        size, shift, place = 0, 0, at + 1
        while place < len(data):
            size |= (data[place] & 0x7F) << shift
            place, shift = place + 1, shift + 7
            if data[place - 1] < 0x80 or shift > 28:
                break
        if place + size <= len(data) and size > best[1] - best[0] and size % 4 == 0:
            best = (place, place + size)
    return best


# ---- T9: whose folder it is

def in_a_root_of(world, mode, owner, wanted):
    """The folder's mode and owner decide whether it is used at all."""
    cache = world.copy_of(world.state("compiled", COMPILE))
    cache.chmod(mode)
    os.chown(cache, owner, owner)
    done = world.run(["rlx-run", "run", MODEL, "--dim", "batch=360"], cache)
    if done.returncode != wanted:
        raise Failed(f"exit {done.returncode} instead of {wanted}: {done.stderr}")


def two_users(world):
    """They share a folder and trust each other's keys; a third, whom nobody trusts, is not believed."""
    home = world.work / "users"
    shutil.rmtree(home, ignore_errors=True)
    cache = home / "cache"
    cache.mkdir(parents=True)
    os.chown(cache, 0, 5000)
    cache.chmod(0o2770)
    for folder in (world.work, home):
        folder.chmod(0o755)
    model = home / MODEL.name
    shutil.copy(MODEL, model)
    model.chmod(0o644)
    # Where every user gets at them.
    (home / "bin").mkdir(mode=0o755)
    for name in ("rlxc", "rlx-cache"):
        shutil.copy(world.bin / name, home / "bin" / name)
    configs = {}
    for user in (5001, 5002, 5003):
        configs[user] = home / str(user)
        (configs[user] / "rlx").mkdir(parents=True)
        (configs[user] / "rlx" / "trusted_dirs").write_text(f"{cache}\n")
        for path in (configs[user], *configs[user].rglob("*")):
            os.chown(path, user, 5000)

    def tool(user, *argv):
        env = world.environment(cache, XDG_CONFIG_HOME=configs[user], HOME=configs[user])
        return subprocess.run([str(home / "bin" / argv[0]), *map(str, argv[1:])], env=env, text=True,
                              capture_output=True, user=user, group=5000, extra_groups=[],
                              cwd=home, umask=0o022, timeout=60)

    def must(user, *argv):
        done = tool(user, *argv)
        if done.returncode != 0:
            raise Failed(f"user {user}: exit {done.returncode}: {argv}\n{done.stderr}")
        return done.stdout

    for user in configs:
        must(user, "rlx-cache", "keygen")
    for reader, maker in ((5001, 5001), (5001, 5002), (5002, 5001), (5002, 5002), (5003, 5003)):
        must(reader, "rlx-cache", "trust", configs[maker] / "rlx" / "signing.key.pub")
    if "built" not in must(5001, "rlxc", model):
        raise Failed("nothing was compiled")
    if "hit" not in must(5002, "rlxc", model):
        raise Failed("the other user's entry is not used")
    if "built" not in must(5002, "rlxc", model, "--dim", "batch=3"):
        raise Failed("the second user cannot store")
    if "hit" not in must(5001, "rlxc", model, "--dim", "batch=3"):
        raise Failed("the first user does not see it")
    # What only the third vouches for is nothing to the others.
    must(5003, "rlxc", model, "--dim", "batch=4")
    done = tool(5001, "rlxc", model, "--dim", "batch=4")
    if "built" not in done.stdout or "signed by no trusted key" not in done.stderr:
        raise Failed(f"a stranger's entry was used: {done.stdout}{done.stderr}")


def owners(world):
    yield "a folder that others can write", lambda: in_a_root_of(world, 0o777, os.geteuid(), 8)
    yield "a private folder", lambda: in_a_root_of(world, 0o700, os.geteuid(), 0)
    # The rest takes other users, and only root can be them.
    if os.geteuid() == 0:
        yield "a folder of another user", lambda: in_a_root_of(world, 0o700, 5001, 8)
        yield "two users and a stranger", lambda: two_users(world)


# ---- the same bits by every way

def same_by_every_way(world):
    cold = world.fresh("cold")
    world.check_outputs(cold)
    world.check_outputs(cold)
    bundle = world.work / "all.rlx"
    world.must(["rlx-cache", "export", *world.entries(cold), "-o", bundle], cold)
    imported = world.fresh("imported")
    world.must(["rlx-cache", "import", bundle, "--allow-unsigned"], imported)
    world.check_outputs(imported, RLX_ON_MISS="error")
    layered = world.fresh("layered")
    world.check_outputs(layered, RLX_CACHE_PATH=f"{layered}:{cold}", RLX_ON_MISS="error")
    world.check_outputs(world.fresh("off"), RLX_CACHE_MODE="off")
    languages = world.fresh("languages")
    world.check_outputs(languages, LC_ALL="de_DE.UTF-8")
    world.check_outputs(languages, LC_ALL="C")
    world.check_same(languages, cold)
