"""docs/conformance.md: how many of ONNX's cases are right, and why the others are not.

Each of its two halves, between marks, is written by run.py --update from a run; the other stays.
"""
import collections
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs/conformance.md"
HEAD = """# Conformance

ONNX's own operator cases: a model each with inputs and the outputs that are wanted. A case is right if `rlx-run` gives
these within its tolerances of the element type, in checked memory. Written by `test/conformance/run.py --update`, which
runs all; `test/conformance/run.py` fails if a case is lost or won against the lists beside it, and `--check` if this
page is not that of the lists.
"""
TITLES = {
    "cases": ("libonnx-testdata", "The cases of Debian's libonnx-testdata. Models of an operator set before 7 are raised "
                                  "to 7 first (`test/conformance/older_set.py`)."),
    "newer": ("The newest operator sets", "The cases that the Python package onnx of `test/requirements.txt` makes, of "
                                          "operator sets up to 25 (`--newer`)."),
}


def reason_of(wrong):
    """What is alike in what several cases say: without the node, the tensor and numbers of the case."""
    text = re.sub(r"; hint: .*| \[(node|opset) .*", "", wrong)
    text = re.sub(r'^(RLX-E\d+: )tensor "[^"]*" has', r"\1a tensor has", text)
    return re.sub(r" of set '[^']*'", "", text)


def half(kind, by_suite, wrong):
    title, about = TITLES[kind]
    lines = [f"## {title}", "", about, "", "| suite | right | cases | share |", "|---|---|---|---|"]
    for suite, names in by_suite.items():
        right = sum(name not in wrong for name in names)
        lines.append(f"| {suite} | {right} | {len(names)} | {100 * right / len(names):.1f} % |")
    groups = collections.defaultdict(list)
    for name, why in wrong.items():
        groups[reason_of(why)].append(name)
    lines += ["", "| why not | number | cases |", "|---|---|---|"]
    for why, names in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        cases = ", ".join(f"`{name}`" for name in sorted(names))
        lines.append(f"| {why.replace('|', '&#124;')} | {len(names)} | {cases} |")
    return "\n".join(lines) + "\n"


def halves():
    text = PAGE.read_text() if PAGE.exists() else ""
    return {kind: found.group(0) for kind, (title, _) in TITLES.items()
            if (found := re.search(rf"^## {title}\n.*?(?=\n## |\Z)", text, re.M | re.S))}


def write(kind, by_suite, wrong):
    kept = halves() | {kind: half(kind, by_suite, wrong)}
    PAGE.write_text("\n".join([HEAD, *(kept[kind].strip() + "\n" for kind in TITLES if kind in kept)]))


def check():
    """That each half counts as many right ones as its list has, and names none of them as wrong."""
    faults = []
    for kind in TITLES:
        listed, text = set((HERE / f"{kind}.txt").read_text().split()), halves().get(kind, "")
        right = sum(int(count) for count in re.findall(r"^\| [\w-]+ \| (\d+) \| \d+ \| [\d.]+ % \|$", text, re.M))
        wrong = set(re.findall(r"`(test_\w+)`", text))
        if right != len(listed):
            faults.append(f"{kind}: {right} are right on the page, {len(listed)} in the list")
        faults += [f"{kind}: {name} is right in the list and not on the page" for name in sorted(wrong & listed)]
    print("\n".join(faults) or "docs/conformance.md is that of the lists")
    return 1 if faults else 0
