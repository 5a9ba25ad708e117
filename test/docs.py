#!/usr/bin/env python3
"""Pages and comments name what is there: links lead somewhere, paths exist, functions are defined,
README's map is lib/, CI's shares have their minutes.

    test/docs.py             prints each fault as file:line: what
    test/docs.py --self-test checks that each rule finds a fault planted in a small tree

A path is told from the root, from lib/ or test/, or from the folder of whoever names it; `*` stands for
any text. A word in capitals is a placeholder (KEY.lir.json), and what follows `/`, `$`, `%` or `<` is part of
something else.
"""

import fnmatch
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOPS = ("lib", "test", "tools")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
# A source file, of which the name is enough; a file in a folder; a folder of the tree.
PATH = re.compile(r"""(?<![\w./%$<{}~:-]) (
    [\w.*-]+ (?:/[\w.*-]+)* \.(?:cpp|h|def|py|sh|md|cmake)
  | [\w.*-]+ (?:/[\w.*-]+)+ \.(?:mir|hir|lir|kernel|test|txt|json|npy|toml)
  | (?:lib|test|tools|docs|cache-format) / [\w./*-]* [\w*]
  ) (?![\w*<{}-])""", re.X)
PLACEHOLDER = re.compile(r"(?:^|/)(?!README)[A-Z]{2,}(?![a-z])")
CALL = re.compile(r"(\w+)\(\)")
NAME = re.compile(r"(\w+)\s*[(<]")
STRING = re.compile(r'"(?:\\.|[^"\\])*"')
HASH = re.compile(r"(?:^|\s)#(.*)")
COMMENTED = {".h": "//", ".cpp": "//", ".def": "//", ".mir": "//", ".kernel": "//", ".test": "//",
             ".py": "#", ".sh": "#", ".txt": "#", "": "#"}
SHARE_ROW = re.compile(r"^\| (\w+) \| (\d+) \|", re.M)
SHARES = re.compile(r"^shares=\(([\w ]+)\)", re.M)
MINUTES = 70
MAP_ROW = re.compile(r"\| `(\w+)/` \|")


def pages(root):
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("cache-format/**/*.md")])


def sources(root):
    found = [path for top in TOPS for path in (root / top).rglob("*")]
    return sorted(path for path in [*root.glob("CMakeLists.txt"), *found]
                  if path.suffix in COMMENTED and path.is_file() and "corpus" not in path.parts)


def split(path, line):
    """(code, comment) of a line; a string is neither."""
    line = STRING.sub('""', line)
    if COMMENTED[path.suffix] == "//":
        code, _, comment = line.partition("//")
        return code, comment
    comment = HASH.search(line)
    return (line[:comment.start()], comment.group(1)) if comment else (line, "")


def told(path):
    """(code, what is told) of each line: a page tells all of it, a source its comments and docstrings."""
    in_string = is_docstring = False
    for line in path.read_text(errors="replace").splitlines():
        if path.suffix == ".md":
            yield "", line
            continue
        quotes = line.count('"""')
        if not in_string:
            is_docstring = line.lstrip().startswith('"""')
        yield ("", line if is_docstring else "") if in_string or quotes else split(path, line)
        in_string ^= quotes % 2 == 1


class Tree:
    """What pages and comments may name."""

    def __init__(self, root):
        self.root = root
        self.told = {path: list(told(path)) for path in [*pages(root), *sources(root)]}
        self.functions = {name for lines in self.told.values() for code, _ in lines
                          for name in NAME.findall(code)}
        self.names = {path.name for top in TOPS for path in (root / top).rglob("*")}

    def has(self, teller, name):
        tops = (teller.parent, self.root, self.root / "lib", self.root / "test")
        if PLACEHOLDER.search(name) or fnmatch.filter(self.names, name):
            return True
        return any(next(top.glob(name), None) if "*" in name else (top / name).exists() for top in tops)

    def faults(self):
        for path, lines in self.told.items():
            for number, (_, text) in enumerate(lines, 1):
                for what in self.missing(path, text):
                    yield f"{path.relative_to(self.root)}:{number}: no {what}"

    def missing(self, path, text):
        if path.suffix == ".md":
            yield from (to for to in LINK.findall(text)
                        if "://" not in to and not (path.parent / to).exists())
        text = LINK.sub("", text)
        yield from (name for name in PATH.findall(text) if not self.has(path, name))
        yield from (f"{name}()" for name in CALL.findall(text) if name not in self.functions)


def faults_of_map(root):
    told = set(MAP_ROW.findall((root / "README.md").read_text()))
    there = {path.name for path in (root / "lib").iterdir() if any(path.rglob("*.h"))}
    for name in sorted(told ^ there):
        yield f"README.md:1: lib/{name} " + ("is in the map only" if name in told else "is not in the map")


def faults_of_budget(root):
    """docs/ci.md gives minutes to each share of test/run.sh, all in all 70 of them."""
    told = SHARE_ROW.findall((root / "docs/ci.md").read_text())
    runs = SHARES.search((root / "test/run.sh").read_text()).group(1).split()
    if [name for name, _ in told] != runs:
        yield "docs/ci.md:1: its shares are not those of test/run.sh, in their order"
    if (total := sum(int(minutes) for _, minutes in told)) > MINUTES:
        yield f"docs/ci.md:1: {total} minutes in all"


def faults_of(root):
    return [*faults_of_map(root), *faults_of_budget(root), *Tree(root).faults()]


def self_test():
    good = {"README.md": "[a](docs/a.md)\n| `ir/` | graphs |\n",
            "docs/a.md": "`ir/dim.h`, `lib/ir/`, `dim.h`, d*.h, lib/ir/d*.h, KEY.lir.md, /lib/x.h, `fold()`\n",
            "lib/ir/dim.h": "// See dim.h.\nint fold(int a);\n", "docs/ci.md": "| asan | 40 | |\n| fuzz | 20 | |\n",
            "test/run.sh": "shares=(asan fuzz)\n"}
    planted = [
        ("docs/b.md", "see [c](c.md)\n", "docs/b.md:1: no c.md"),
        ("docs/b.md", "\n`driver/bind.cpp`\n", "docs/b.md:2: no driver/bind.cpp"),
        ("docs/b.md", "`bind.cpp`\n", "docs/b.md:1: no bind.cpp"),
        ("docs/b.md", "run `test/gone.sh --all`\n", "docs/b.md:1: no test/gone.sh"),
        ("docs/b.md", "`lib/host/`\n", "docs/b.md:1: no lib/host"),
        ("docs/b.md", "    run ir/dim*.cpp\n", "docs/b.md:1: no ir/dim*.cpp"),
        ("docs/b.md", "`Dim::unfold()`\n", "docs/b.md:1: no unfold()"),
        ("lib/ir/b.h", "\nint a;  // Of ir/gone.h.\n", "lib/ir/b.h:2: no ir/gone.h"),
        ("lib/ir/b.cpp", "// Ahead of gone().\n", "lib/ir/b.cpp:1: no gone()"),
        ("test/b.py", '"""Says.\n\n    test/gone.py\n"""\n', "test/b.py:3: no test/gone.py"),
        ("test/b.sh", "run  # as in test/gone.sh\n", "test/b.sh:1: no test/gone.sh"),
        ("test/b.mir", "// RUN: x\n// Of lib/gone\n", "test/b.mir:2: no lib/gone"),
        ("docs/ci.md", "| asan | 51 | |\n| fuzz | 20 | |\n", "docs/ci.md:1: 71 minutes in all"),
        ("test/run.sh", "shares=(asan fuzz tidy)\n",
         "docs/ci.md:1: its shares are not those of test/run.sh, in their order"),
        ("lib/host/x.h", "", "README.md:1: lib/host is not in the map"),
        ("README.md", good["README.md"] + "| `host/` | |\n", "README.md:1: lib/host is in the map only"),
    ]

    def faults(files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return faults_of(pathlib.Path(folder))

    assert faults(good) == [], faults(good)
    for name, text, wanted in planted:
        assert faults({**good, name: text}) == [wanted], (wanted, faults({**good, name: text}))
    print(f"{len(planted)} planted faults found")
    return 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    faults = faults_of(ROOT)
    print("\n".join(faults) or "pages and comments name what is there")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
