#!/usr/bin/env python3
"""Pages name what is there: links lead somewhere, paths in code spans exist, README's map is lib/, CI's
shares have their minutes.

    test/docs.py             prints each fault as file:line: what
    test/docs.py --self-test checks that each rule finds a fault planted in a small tree
"""

import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CODE_SPAN = re.compile(r"`([^`]+)`")
# What looks like a path of the tree: a folder and a file, or a source file alone.
SOURCE = re.compile(r"[\w.-]+(?:/[\w.-]+)*\.(?:cpp|h|def|py|sh|md|mir|cmake)(?=$|[\s:;,)])")
FOLDER = re.compile(r"(?:lib|test|tools|docs|cache-format)(?:/[\w.-]+)*/?(?=$|[\s:;,)])")
SHARE_ROW = re.compile(r"^\| (\w+) \| (\d+) \|", re.M)
SHARES = re.compile(r"^shares=\(([\w ]+)\)", re.M)
MINUTES = 60
MAP_ROW = re.compile(r"\| `(\w+)/` \|")
# What a page tells its reader to make, or gives as an example.
EXAMPLES = {"x.mir", "d.mir", "model.mir", "test.mir", "MODEL.mir"}


def pages(root):
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("cache-format/**/*.md")])


def exists(root, page, name):
    """A path from the page, the root or lib/, or the mere name of a source file."""
    if any((top / name).exists() for top in (page.parent, root, root / "lib", root / "test")):
        return True
    return "/" not in name and any(next((root / top).rglob(name), None) for top in ("lib", "test", "tools"))


def faults_of_page(root, page):
    for number, line in enumerate(page.read_text().splitlines(), 1):
        where = f"{page.relative_to(root)}:{number}"
        for target in LINK.findall(line):
            if "://" not in target and not (page.parent / target).exists():
                yield f"{where}: no {target}"
        for span in CODE_SPAN.findall(line):
            match = SOURCE.match(span) or FOLDER.match(span)
            if match and match.group() not in EXAMPLES and not exists(root, page, match.group()):
                yield f"{where}: no {match.group()}"


def faults_of_map(root):
    told = set(MAP_ROW.findall((root / "README.md").read_text()))
    there = {path.name for path in (root / "lib").iterdir() if any(path.rglob("*.h"))}
    for name in sorted(told ^ there):
        yield f"README.md:1: lib/{name} " + ("is in the map only" if name in told else "is not in the map")


def faults_of_budget(root):
    """docs/ci.md gives minutes to each share of test/run.sh, all in all an hour."""
    told = SHARE_ROW.findall((root / "docs/ci.md").read_text())
    runs = SHARES.search((root / "test/run.sh").read_text()).group(1).split()
    if [name for name, _ in told] != runs:
        yield "docs/ci.md:1: its shares are not those of test/run.sh, in their order"
    if (total := sum(int(minutes) for _, minutes in told)) > MINUTES:
        yield f"docs/ci.md:1: {total} minutes in all"


def faults_of(root):
    return [*faults_of_map(root), *faults_of_budget(root), *(f for page in pages(root) for f in faults_of_page(root, page))]


def self_test():
    good = {"README.md": "[a](docs/a.md)\n| `ir/` | graphs |\n", "docs/a.md": "`ir/dim.h`, `lib/ir/`, `dim.h`\n",
            "lib/ir/dim.h": "", "docs/ci.md": "| asan | 40 | |\n| fuzz | 20 | |\n",
            "test/run.sh": "shares=(asan fuzz)\n"}
    planted = [
        ("docs/b.md", "see [c](c.md)\n", "docs/b.md:1: no c.md"),
        ("docs/b.md", "\n`driver/bind.cpp`\n", "docs/b.md:2: no driver/bind.cpp"),
        ("docs/b.md", "`bind.cpp`\n", "docs/b.md:1: no bind.cpp"),
        ("docs/b.md", "run `test/gone.sh --all`\n", "docs/b.md:1: no test/gone.sh"),
        ("docs/b.md", "`lib/host/`\n", "docs/b.md:1: no lib/host/"),
        ("docs/ci.md", "| asan | 41 | |\n| fuzz | 20 | |\n", "docs/ci.md:1: 61 minutes in all"),
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
    print("\n".join(faults) or "pages name what is there")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
