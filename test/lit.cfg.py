"""Text tests: files whose RUN: lines lit executes, with FileCheck to look at what comes out.

ctest runs them by folder. By hand, for the tools in build/release/bin:

    /usr/lib/llvm-22/bin/lit -v test/passes
    /usr/lib/llvm-22/bin/lit -v --param build=build/dev test/passes/fold_constants.mir
"""

import ctypes
import os
import subprocess
import sys

import lit.formats

here = os.path.dirname(os.path.abspath(__file__))
build = os.path.abspath(
    lit_config.params.get("build", os.path.join(here, "..", "build", "release")))
llvm = lit_config.params.get("llvm") or subprocess.run(
    ["llvm-config-22", "--bindir"], capture_output=True, text=True, check=True).stdout.strip()

config.name = "rlx"
config.suffixes = [".hir", ".kernel", ".lir", ".mir", ".test"]
config.excludes = ["corpus", "inputs"]
# Each test starts with an empty cache directory.
config.test_format = lit.formats.ShTest(preamble_commands=["rm -rf %t.cache"])
config.test_source_root = here
config.test_exec_root = os.path.join(build, "test", "text")

# The environment of whoever runs the tests must not change what the tools do.
for name in [name for name in config.environment if name.startswith("RLX_")]:
    del config.environment[name]
config.environment["PATH"] = os.pathsep.join([llvm, config.environment["PATH"]])
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

# Longer names first: lit replaces in order, and %rlx would be found inside %rlxc. The cache's name
# holds %t, which lit replaces last.
for name, tool in [("%rlx_cache", "rlx-cache"), ("%rlx_spec", "rlx-spec"), ("%rlx_run", "rlx-run"),
                   ("%rlxc", "rlxc")]:
    path = os.path.join(build, "bin", tool)
    config.substitutions.append((name, f"env RLX_CACHE_DIR=%t.cache {path}"))
config.substitutions.append(("%FileCheck", os.path.join(llvm, "FileCheck")))
config.substitutions.append(("%bin", os.path.join(build, "bin")))
config.substitutions.append(("%exits", "sh " + os.path.join(here, "e2e", "exits.sh")))
config.substitutions.append(("%onnx_of", "%s %s" % (
    sys.executable, os.path.join(here, "frontend", "inputs", "onnx_of.py"))))
config.substitutions.append(("%digits", os.path.join(here, "e2e", "digits")))

# A driver that drives nothing.
fake = os.path.join(build, "fake")
if os.path.exists(os.path.join(fake, "libcuda.so.1")):
    config.available_features.add("fake-gpu")
config.substitutions.append(("%fake_gpu", f"env LD_LIBRARY_PATH={fake}"))

# What is said where there is no GPU.
try:
    ctypes.CDLL("libcuda.so.1")
except OSError:
    config.available_features.add("no-gpu")

if lit_config.params.get("with_llvm", "ON") == "ON":
    config.available_features.add("llvm")
