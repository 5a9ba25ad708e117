#!/usr/bin/env python3
"""docs/rlx-parity.md: which test shows each row of the system that rlx succeeds.

    test/parity.py           writes the page
    test/parity.py --check   exit 1 if it is not what the tests say
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "rlx-parity.md"
CASE = re.compile(r'TEST_CASE\("([A-Z]+\d+): ([^"]+)"')
# Rows owed so far.
OWED = [f"C{i}" for i in range(1, 14)]
HEAD = """# Parity

Rows of the original system's feature list that rlx has, each with the test that shows it. Made by
`test/parity.py` from the names of the tests.

| row | what holds | test |
|---|---|---|
"""


def rows():
    found = {}
    for path in sorted((ROOT / "test").rglob("*_test.cpp")):
        for row, what in CASE.findall(path.read_text()):
            if row in found:
                sys.exit(f"{row} has two tests")
            found[row] = (what, path.relative_to(ROOT))
    return found


def main():
    found = rows()
    missing = [row for row in OWED if row not in found]
    if missing:
        sys.exit(f"no test for {', '.join(missing)}")
    order = sorted(found, key=lambda row: (re.sub(r"\d", "", row), int(re.sub(r"\D", "", row))))
    page = HEAD + "".join(f"| {row} | {found[row][0]} | `{found[row][1]}` |\n" for row in order)
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.exists() and PAGE.read_text() == page else f"run {__file__}: {PAGE} is old")
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
