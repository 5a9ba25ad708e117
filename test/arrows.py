#!/usr/bin/env python3
"""Holds the shape of the source tree: which folder may include which, and the house rules.

    test/arrows.py [ROOT]        checks the tree; prints each fault as file:line: what
    test/arrows.py --self-test   checks that each rule finds a fault planted in a small tree
"""

import pathlib
import re
import sys
import tempfile

# folder: the folders it stands on; an arrow covers everything upstream of it.
ARROWS = {
    "support": [],
    "host": ["support"],
    "ir": ["support"],
    "kernel": ["host", "ir"],
    "op": ["kernel"],
    "frontend": ["op"],
    "passes": ["op"],
    "target": ["kernel"],
    "lir": ["target"],
    "image": ["support"],
    "plan": ["op", "lir", "image"],
    "backend": ["lir", "image"],
    "runtime": ["host", "image"],
    "cache": ["support"],
    "driver": ["frontend", "passes", "plan", "backend", "runtime", "cache"],
    "tools": ["driver"],
}

# A room of a folder: the files outside that may include it, its doors.
ROOMS = {
    "backend/llvm/": ["lib/backend/cpu/", "lib/backend/cuda/"],
    "backend/cpu/": ["lib/driver/backends.cpp"],
    "backend/cuda/": ["lib/driver/backends.cpp"],
    "runtime/cpu/": ["lib/runtime/device.cpp"],
    "runtime/cuda/": ["lib/runtime/device.cpp"],
}

# Each library from outside: how its headers begin, and the places that may include them.
HOMES = {
    "CLI/": ["tools/"],
    "protozero/": ["lib/frontend/onnx/", "lib/cache/"],
    "simdjson": ["lib/support/json", "lib/ir/", "lib/lir/", "lib/cache/", "lib/frontend/hir_json"],
    "spdlog/": ["lib/support/log"],
    "fmt/": ["lib/", "tools/"],
    "llvm": ["lib/backend/llvm/", "lib/backend/cpu/", "lib/backend/cuda/"],
    "openssl/": ["lib/support/hash", "lib/cache/"],
    "archive": ["lib/cache/bundle"],
    "curl/": ["lib/cache/"],
    "toml++/": ["lib/driver/manifest"],
    "zlib.h": ["lib/support/", "lib/runtime/", "lib/driver/"],
    "catch2/": ["test/"],
}

# The C and C++ libraries, POSIX, Linux and the compilers' intrinsics are at home everywhere.
SYSTEM = re.compile(
    r"[a-z_0-9]+$|(sys|linux|asm|arpa|netinet)/"
    r"|(cpuid|dirent|dlfcn|elf|errno|fcntl|fnmatch|glob|immintrin|link|poll|pthread|sched|signal"
    r"|spawn|termios|unistd|x86intrin)\.h$")

# Made in the build folder, from the sources.
GENERATED = {"toolchain_id.h"}

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
# Where the value is not used: a statement, or what a loop does after each round.
POST_INCREMENT = re.compile(r"(?:^\s*|\) )[\w.\[\]>*-]+(?:\+\+|--);|; [\w.\[\]>*-]+(?:\+\+|--)\)(?:;| |$)")
TEXT_TESTS = {".hir", ".kernel", ".lir", ".mir", ".test"}
CODE = re.compile(r"\b(k\w+) = (\d{4,5})[;,]")
LITERAL_CODE = re.compile(r"\b(?:Error\(|\.code = )(\d{4,5})\b")
MAX_LINES = 600
# Lists that a tool writes.
WRITTEN = {"test/conformance/cases.txt", "test/conformance/newer.txt"}
MAX_TOOL_LINES = 155


def upstream(folder):
    """The folder and everything that it stands on."""
    seen, queue = set(), [folder]
    while queue:
        folder = queue.pop()
        if folder not in seen:
            seen.add(folder)
            queue += ARROWS[folder]
    return seen


def has_command(path, lines):
    """Whether lit has something to do; inputs of other tests need no command."""
    return "inputs" in path.parts or any("RUN:" in line for line in lines)


UPSTREAM = {folder: upstream(folder) for folder in ARROWS}


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.faults = []

    def fault(self, path, line, what):
        self.faults.append(f"{path.relative_to(self.root)}:{line}: {what}")

    def files(self, *tops):
        kinds = {".h", ".cpp", ".def", ".py", ".sh", ".txt", *TEXT_TESTS}
        for top in tops:
            for path in sorted((self.root / top).rglob("*")):
                if path.suffix in kinds and path.is_file() and "corpus" not in path.parts:
                    yield path

    def check(self):
        for path in self.files("lib", "tools", "test"):
            lines = path.read_text().splitlines()
            self.check_text(path, lines)
            if path.suffix in (".h", ".cpp", ".def"):
                self.check_includes(path, lines)
        self.check_operators()
        self.check_codes()
        return self.faults

    def check_text(self, path, lines):
        name = path.relative_to(self.root).as_posix()
        if len(lines) > MAX_LINES and name not in WRITTEN:
            self.fault(path, len(lines), f"longer than {MAX_LINES} lines")
        if name.startswith("tools/") and path.suffix == ".cpp" and len(lines) > MAX_TOOL_LINES:
            self.fault(path, len(lines), f"a tool's file is longer than {MAX_TOOL_LINES} lines")
        if name.startswith("test/") and path.suffix in TEXT_TESTS and not has_command(path, lines):
            self.fault(path, 1, "a text test without a RUN: line tests nothing")
        for number, line in enumerate(lines, 1):
            if UNFINISHED.search(line):
                self.fault(path, number, "unfinished business belongs in the tracker")
            if path.suffix in (".h", ".cpp") and POST_INCREMENT.search(line):
                self.fault(path, number, "an increment whose value is not used is written ++i")

    def check_includes(self, path, lines):
        name = path.relative_to(self.root).as_posix()
        includes = [(number, *match.groups()) for number, line in enumerate(lines, 1)
                    if (match := INCLUDE.match(line))]
        for number, quote, header in includes:
            if quote == '"':
                self.check_arrow(path, name, number, header)
            else:
                self.check_home(path, name, number, header)
        self.check_own_header_first(path, name, includes)

    def check_arrow(self, path, name, number, header):
        parts = name.split("/")
        if parts[0] == "test" or header in GENERATED:
            return
        if parts[0] == "tools" and (path.parent / header).exists():
            return
        source = parts[1] if parts[0] == "lib" else "tools"
        target = header.split("/")[0]
        if source not in UPSTREAM:
            self.fault(path, number, f"lib/{source} is not a folder of the design")
        elif not (self.root / "lib" / header).exists():
            self.fault(path, number, f'"{header}" is not a path from lib/')
        elif target not in UPSTREAM[source]:
            self.fault(path, number, f"{source} must not include {target}")
        for room, doors in ROOMS.items():
            if header.startswith(room) and not name.startswith((f"lib/{room}", *doors)):
                self.fault(path, number, f"only {', '.join(doors)} may include {room}")

    def check_home(self, path, name, number, header):
        if SYSTEM.match(header):
            return
        for prefix, homes in HOMES.items():
            if header.startswith(prefix):
                if not name.startswith((*homes, "test/")):
                    self.fault(path, number, f"<{header}> has its home in {', '.join(homes)}")
                return
        if not name.startswith("test/"):
            self.fault(path, number, f"<{header}> is of a library without a home in {__file__}")

    def check_own_header_first(self, path, name, includes):
        own = path.with_suffix(".h")
        if path.suffix != ".cpp" or not own.exists() or not includes:
            return
        if pathlib.PurePosixPath(includes[0][2]).name != own.name:
            self.fault(path, includes[0][0], f"{own.name} is not included first")

    def check_operators(self):
        """Operators that have a header stand in ops.def, sorted; one left out would not be there."""
        table = self.root / "lib/op/ops.def"
        lines = table.read_text().splitlines() if table.exists() else []
        listed = [(line, at) for at, line in enumerate(lines, 1) if line.startswith("#include")]
        for (before, _), (line, at) in zip(listed, listed[1:]):
            if line <= before:
                self.fault(table, at, "is not sorted")
        for path in self.files("lib/op"):
            is_operator = path.suffix == ".h" and re.search(r"^RLX_OP\(", path.read_text(), re.M)
            if is_operator and f'#include "op/{path.name}"' not in lines:
                self.fault(path, 1, "does not stand in op/ops.def")

    def check_codes(self):
        """Each diagnostic code has one meaning and stands in docs/errors.md."""
        document = self.root / "docs/errors.md"
        explained = set(re.findall(r"\d{4,5}", document.read_text())) if document.exists() else set()
        names = {}
        for path in self.files("lib", "tools"):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                defined = CODE.search(line) if path.name.endswith("codes.h") else None
                used = LITERAL_CODE.search(line)
                if not defined and not used:
                    continue
                code = defined.group(2) if defined else used.group(1)
                name = f"{path.name} {defined.group(1)}" if defined else "a literal"
                if names.setdefault(code, name) != name:
                    self.fault(path, number, f"code {code} has two meanings")
                if code not in explained:
                    self.fault(path, number, f"code {code} does not stand in docs/errors.md")


def self_test():
    good = {
        "lib/support/a.h": "#include <vector>\n",
        "lib/support/a.cpp": '#include "support/a.h"\n\n#include <sys/mman.h>\n',
        "lib/op/relu.h": '#include "support/a.h"\nRLX_OP(Relu);\n',
        "lib/op/ops.def": '#include "op/relu.h"\n',
        "lib/runtime/cpu/a.h": '#include "support/a.h"\n',
        "lib/runtime/cpu/b.h": '#include "runtime/cpu/a.h"\n',
        "lib/runtime/device.cpp": '#include "runtime/cpu/a.h"\n',
        "lib/driver/run.h": '#include "op/relu.h"\n',
        "tools/rlxc/main.cpp": '#include <CLI/CLI.hpp>\n#include "driver/run.h"\n#include "own.h"\n',
        "tools/rlxc/own.h": "",
        "test/op/relu.mir": "// RUN: %rlxc %s\n",
    }
    bad = [
        ("lib/support/b.h", '#include "op/relu.h"\n', "support must not include op"),
        ("lib/runtime/b.h", '#include "lir/l.h"\n', "is not a path from lib/"),
        ("lib/runtime/session.cpp", '#include "runtime/cpu/a.h"\n', "only lib/runtime/device.cpp may"),
        ("lib/backend/b.cpp", '#include "op/relu.h"\n', "backend must not include op"),
        ("lib/odd/b.h", '#include "support/a.h"\n', "is not a folder of the design"),
        ("lib/runtime/b.cpp", "#include <llvm/IR/Module.h>\n", "has its home in"),
        ("lib/driver/b.cpp", "#include <CLI/CLI.hpp>\n", "has its home in"),
        ("lib/ir/b.cpp", "#include <catch2/catch.hpp>\n", "has its home in"),
        ("lib/ir/b.cpp", "#include <boost/any.hpp>\n", "without a home"),
        ("lib/backend/cuda/b.cpp", "#include <cuda.h>\n", "without a home"),
        ("lib/support/b.cpp", "// TO" "DO: more\n", "unfinished"),
        ("lib/support/a.cpp", '#include <vector>\n#include "support/a.h"\n', "not included first"),
        ("lib/support/b.cpp", "  for (int i = 0; i < n; i++) a(i--);\n", "is written ++i"),
        ("lib/support/b.cpp", "  if (a[i++]) a->n--;\n", "is written ++i"),
        ("lib/support/b.cpp", "\n" * (MAX_LINES + 1), "longer than"),
        ("tools/rlxc/b.cpp", "\n" * (MAX_TOOL_LINES + 1), "longer than"),
        ("test/ir/b.mir", "func\n", "without a RUN: line"),
        ("lib/op/tanh.h", "RLX_OP(Tanh);\n", "does not stand in op/ops.def"),
        ("lib/op/ops.def", '#include "op/relu.h"\n' * 2, "is not sorted"),
        ("lib/ir/codes.h", "constexpr int kA = 3001;\n", "does not stand in docs/errors.md"),
        ("lib/ir/b.cpp", "return Error(3001, what);\n", "does not stand in docs/errors.md"),
    ]

    def faults_of(files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return Tree(root).check()

    assert faults_of(good) == [], faults_of(good)
    for name, text, wanted in bad:
        faults = faults_of({**good, name: text})
        assert len(faults) == 1 and wanted in faults[0], (name, text, faults)
    print(f"{len(bad)} planted faults found")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    faults = Tree(root).check()
    print("\n".join(faults) or "the tree holds its shape")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
