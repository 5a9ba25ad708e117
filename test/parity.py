#!/usr/bin/env python3
"""docs/rlx-parity.md: every row of the feature list that rlx has to match, and what shows that it does.

    test/parity.py           checks the page and writes its line of counts anew
    test/parity.py --check   exit 1 if a row is missing or says what cannot be, a test that it names is not
                             there, or the counts are old

The page is kept by hand. A row that is held names its tests; one that is partly held names tests and what
is missing; one that is refused says why; one that is not there yet names nothing.
"""

import fnmatch
import pathlib
import re
import sys

TEST = pathlib.Path(__file__).resolve().parent
PAGE = TEST.parent / "docs" / "rlx-parity.md"
CASES = [name for of in ("cases", "newer") for name in (TEST / "conformance" / f"{of}.txt").read_text().split()]
# How many rows each letter has; some were added between others.
LETTERS = {"T": 13, "H": 22, "O": 93, "M": 9, "L": 10, "P": 22, "R": 10, "A": 9, "C": 13, "S": 30, "B": 9,
           "F": 14, "X": 8}
BETWEEN = {"S6": "S6b", "B2": "B2b"}
STATES = ("held", "partly", "not yet", "refused")
# `path` or `path` "name of a case", and conformance `pattern`; a name may hold any mark but a quote.
CITED = re.compile(r'(conformance )?`([^`]+)`(?: "([^"]+)")?')
COUNTS = re.compile(r"^(?:\d+ [a-z ]+[,.] ?)+of \d+ rows\.$|^COUNTS$", re.M)


def wanted_rows():
    for letter, count in LETTERS.items():
        for number in range(1, count + 1):
            row = f"{letter}{number}"
            yield row
            if row in BETWEEN:
                yield BETWEEN[row]


def read_rows(text):
    for line in text.splitlines():
        if re.match(r"\| [A-Z]\d", line):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def wrong_with_test(row, conformance, path, case):
    """What is wrong with a test that a row names, or None."""
    if conformance:
        return None if fnmatch.filter(CASES, path) else f"no case {path}"
    file = TEST / path
    if not file.is_file():
        return f"no test/{path}"
    text = file.read_text()
    if path.endswith("_test.cpp"):
        # Without a name the case has the row's.
        name = f'TEST_CASE("{case}"' if case else f'TEST_CASE("{row}: '
        return None if name in text else f"no case {case or row} in test/{path}"
    if case:
        return f"test/{path} has no named cases"
    if file.suffix in (".mir", ".test") and "RUN:" not in text:
        return f"test/{path} tests nothing"
    return None


def faults_of_row(row, what, state, shown, why):
    tests = CITED.findall(shown)
    left = CITED.sub("", shown).replace(";", "").strip()
    if state not in STATES:
        yield f'"{state}" is no state'
    if not what:
        yield "says nothing"
    if left:
        yield f'"{left}" is no test'
    if bool(tests) != (state in ("held", "partly")):
        yield f"{state}, with {len(tests)} tests"
    if bool(why) != (state in ("partly", "refused")):
        yield f"{state}, and " + ("the last column is not empty" if why else "the last column is empty")
    for test in tests:
        if wrong := wrong_with_test(row, *test):
            yield wrong


def faults_of(rows):
    names = [row[0] for row in rows]
    wanted = list(wanted_rows())
    if names != wanted:
        first = next((a or b for a, b in zip(names + [None], wanted + [None]) if a != b), "the last")
        yield f"rows are not those of the list, in its order, from {first} on"
    for row in rows:
        if len(row) != 5:
            yield f"{row[0]}: {len(row)} columns"
        else:
            yield from (f"{row[0]}: {fault}" for fault in faults_of_row(*row))


def counts(rows):
    each = [sum(row[2] == state for row in rows) for state in STATES]
    return ", ".join(f"{count} {state}" for count, state in zip(each, STATES)) + f", of {len(rows)} rows."


def main():
    text = PAGE.read_text()
    rows = list(read_rows(text))
    faults = list(faults_of(rows))
    page = COUNTS.sub(counts(rows), text, count=1) if not faults else text
    if counts(rows) not in page:
        faults.append("no line of counts")
    if "--check" in sys.argv and page != text:
        faults.append(f"counts are old: run {pathlib.Path(__file__).name}")
    if faults:
        sys.exit("\n".join(f"{PAGE.name}: {fault}" for fault in faults))
    PAGE.write_text(page)
    print(counts(rows))


if __name__ == "__main__":
    main()
