#!/usr/bin/env python3
"""Assembles PTX with NVIDIA's ptxas, for every architecture that rlx compiles for.

    test/gpu/ptxas.py --bin build/release/bin [FILE.mir ...]

The kernels are those of test_gpu's corpus, and those of the graphs given. ptxas is the one of --ptxas, the PATH, the
Python package nvidia-cuda-nvcc (test/requirements.txt), or a CUDA toolkit; without one, this says so and is skipped.
"""

import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile

ARCHITECTURES = ["sm_80", "sm_90", "sm_100"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77


def find_ptxas():
    """Where it is, or None."""
    found = shutil.which("ptxas")
    if found:
        return found
    packages = [pathlib.Path(sysconfig.get_path("purelib")), *ROOT.glob("build/venv/lib/python3*/site-packages")]
    for place in packages:
        for candidate in sorted(place.glob("nvidia/*/bin/ptxas")):
            return str(candidate)
    for candidate in sorted(pathlib.Path("/usr/local").glob("cuda*/bin/ptxas")):
        return str(candidate)
    return None


def write_ptx(bin_dir, graphs, folder):
    """The corpus and the graphs as files named after their architectures."""
    subprocess.run([bin_dir / "test_gpu", "[.ptx]"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "RLX_PTX": str(folder)})
    for graph in graphs:
        for arch in ARCHITECTURES:
            out = folder / f"{arch}.{pathlib.Path(graph).stem}.ptx"
            subprocess.run([bin_dir / "rlxc", graph, f"--target=cuda:{arch}", "--emit=ptx", "-o", out],
                           check=True)


def assemble(ptxas, path):
    """What ptxas says against the file; None: nothing."""
    arch = path.name.split(".")[0]
    command = [ptxas, f"-arch={arch}", path, "-o", path.with_suffix(".cubin")]
    done = subprocess.run(command, capture_output=True, text=True)
    said = (done.stdout + done.stderr).strip()
    return None if done.returncode == 0 and not said else f"{path.name}: {said}"


def stored(bin_dir, ptxas, graph):
    """What is wrong with an entry that gets machine code; None: nothing."""
    with tempfile.TemporaryDirectory() as cache:
        command = [bin_dir / "rlxc", graph, "--target=cuda:sm_90"]
        env = {**os.environ, "RLX_CACHE_DIR": cache}
        done = subprocess.run([*command, "--ptxas", ptxas], env=env, capture_output=True, text=True)
        code = b"".join(path.read_bytes() for path in pathlib.Path(cache).glob("cas/sha256/*/*"))
    if done.returncode:
        return f"{graph}: {done.stderr}"
    return None if b"\x7fELF" in code and b".version" in code else f"{graph}: no machine code is stored beside the PTX"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--ptxas")
    parser.add_argument("graphs", nargs="*")
    options = parser.parse_args()
    ptxas = options.ptxas or find_ptxas()
    if not ptxas:
        print("skipped: no ptxas on the PATH, in the Python package nvidia-cuda-nvcc, or in a CUDA toolkit")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_ptx(options.bin, options.graphs, folder)
        files = sorted(folder.glob("*.ptx"))
        kernels = sum(path.read_text().count(".entry ") for path in files)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            faults = [fault for fault in pool.map(lambda path: assemble(ptxas, path), files) if fault]
    faults += [fault for graph in options.graphs if (fault := stored(options.bin, ptxas, graph))]
    print("\n".join(faults[:20]))
    print(f"{ptxas} took all but {len(faults)} of {len(files)} files, {kernels} kernels in all")
    return 1 if faults or not kernels else 0


if __name__ == "__main__":
    sys.exit(main())
