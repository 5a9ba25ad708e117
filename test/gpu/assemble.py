#!/usr/bin/env python3
"""Whole models compiled for GPUs on a machine without one, and assembled.

    test/gpu/assemble.py --bin BUILD/bin [--ptxas FILE] [--arch sm_80,sm_90,sm_100] [--only WORD,WORD] DIR...

Every case of test/models/cases.py whose model lies in a DIR (build/models: test/models/fetch.py), with its dims bound and
as a template. A model that the host's own target refuses too (exit 4) is counted apart. Ends with "N passed, M failed".
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import ptxas

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "models"))
REFUSED = 4


def ways_of(label, shapes):
    """Options by what they make of a model."""
    from cases import BOUND, shape_options
    return {"bound": [*BOUND.get(label, ()), *shape_options(shapes)], "template": []}


class Compiler:
    def __init__(self, folder, assembler, cache):
        self.tool = pathlib.Path(folder, "rlxc")
        self.env = dict(os.environ, RLX_CACHE_DIR=cache, RLX_PTXAS=str(assembler))

    def compile(self, model, target, options):
        """Its exit code, and the first error."""
        done = subprocess.run([self.tool, model, "-t", target, *options], env=self.env, capture_output=True, text=True,
                              errors="replace", check=False)
        errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
        return done.returncode, (errors or [""])[0][:200]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", required=True, help="folder of the tools")
    parser.add_argument("--ptxas", help="else that of the Python package, or on the PATH")
    parser.add_argument("--arch", default=ptxas.ARCHITECTURES, type=lambda text: text.split(","))
    parser.add_argument("--only", type=lambda text: text.split(","))
    parser.add_argument("folders", nargs="+", metavar="DIR")
    a = parser.parse_args()
    from cases import chosen_cases
    assembler = a.ptxas or ptxas.find_ptxas()
    if not assembler:
        return "there is no ptxas: --ptxas, or the Python package nvidia-cuda-nvcc"
    passed = failed = refused = 0
    with tempfile.TemporaryDirectory() as cache:
        compiler = Compiler(a.bin, assembler, cache)
        for label, model, shapes in chosen_cases(a.folders, a.only):
            for way, options in ways_of(label, shapes).items():
                for arch in a.arch:
                    code, error = compiler.compile(model, f"cuda:{arch}", options)
                    if code == REFUSED and compiler.compile(model, "host", options)[0] == REFUSED:
                        refused += 1
                    elif code:
                        failed += 1
                        print(f"{label}, {way}, {arch}: exit {code}: {error}", flush=True)
                    else:
                        passed += 1
    print(f"{refused} refused for the host too")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
