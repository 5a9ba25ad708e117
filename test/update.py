#!/usr/bin/env python3
"""Rewrites the CHECK lines of text tests that fail from what their commands print now.

    test/update.py [--build build/release] [FILE | FOLDER]...    all of test/ if none is named
    test/update.py --self-test

Then look at `git diff`: what it wrote is what the tools do, right or wrong. Lines that still fit stay as
they are; others are mended word by word, so that patterns ({{...}}, [[X]]) and lines told in part stay so;
between CHECK-NEXT lines, lines come and go. CHECK-NOT, -DAG and the like are left alone. A prefix without
any CHECK line gets the whole output: a new test needs its input and its RUN lines. What fails even so stays
as it was and is named; exit 1.
"""

import argparse
import concurrent.futures
import dataclasses
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import types

TEST = pathlib.Path(__file__).resolve().parent
RUN = re.compile(r"RUN:\s*(.*)$")
PREFIX = re.compile(r"--check-prefix(?:es)?[= ](\S+)")
# A variable, which may hold brackets in its pattern, or a pattern; what is between is literal.
PIECE = re.compile(r"(\{\{.*?\}\}|\[\[.*?\]\](?!\]))")
TOKEN = re.compile(r"\w+|\s+|\[\[|\{\{|.")
# To leave out a CHECK line, and to add one; to pass over a line of output, that a CHECK line finds what is
# near.
DROP, INSERT = 1.0, 0.4
GAP = {"": 0.002, "-NEXT": INSERT, "-LABEL": 0.0}


@dataclasses.dataclass
class Directive:
    at: int         # its line in the file
    lead: str       # "// CHECK"
    kind: str       # "", "-NEXT" or "-LABEL"
    text: str       # with the spaces before it

    def line(self):
        return f"{self.lead}{self.kind}:{self.text}"

    def pieces(self):
        return [piece for piece in PIECE.split(self.text.strip()) if piece]


# ---- One CHECK line and one line of output ------------------------------------------------------

def is_pattern(piece):
    return PIECE.fullmatch(piece) is not None


def regex_of(piece):
    if piece.startswith("{{"):
        return f"(?:{piece[2:-2]})"
    name, _, pattern = piece[2:-2].partition(":")
    return r"\d+" if name.startswith("#") else f"(?:{pattern or '.+?'})"


def fits(directive, line):
    """As FileCheck: anywhere in the line, any spaces for spaces. Variables fit what their patterns do."""
    pattern = "".join(regex_of(piece) if is_pattern(piece) else
                      r"\s+".join(re.escape(word) for word in re.split(r"\s+", piece))
                      for piece in directive.pieces())
    return re.search(pattern, line) is not None


def likeness(directive, line):
    """How much of what is told stands in the line, and a little of how much of the line is told."""
    told, line = PIECE.sub("", directive.text).strip(), line.strip()
    same = sum(block.size for block in difflib.SequenceMatcher(None, told, line, False).get_matching_blocks())
    return (0.8 * same + 0.1) / (len(told) + 0.1) + 0.2 * same / len(line)


def literal(text):
    """Output that FileCheck would take for a pattern or a variable."""
    return re.sub(r"\[\[|\{\{", lambda m: r"{{\[\[}}" if m.group() == "[[" else r"{{\{\{}}", text)


def mended(directive, line):
    """The CHECK line's text with as few words changed as make it fit. Words of the line before its
    beginning and after its end stay untold. Where little is left of what was told, the whole line is."""
    old = [token for piece in directive.pieces()
           for token in ([piece] if is_pattern(piece) else TOKEN.findall(piece))]
    new = TOKEN.findall(line.strip())
    # best[j]: (cost, text) of the old words so far against the first j new ones.
    best = [(0, "")] * (len(new) + 1)
    for token in old:
        if is_pattern(token):
            best = [min(after_pattern(best, token, new, j), key=lambda b: b[0]) for j in range(len(new) + 1)]
            continue
        row = []
        for j in range(len(new) + 1):
            ways = [(best[j][0] + 1.1, best[j][1])]
            if j:
                (changed, before), (added, so_far), word = best[j - 1], row[j - 1], literal(new[j - 1])
                ways += [(changed + (token != new[j - 1]), before + word), (added + 1, so_far + word)]
            row.append(min(ways, key=lambda b: b[0]))
        best = row
    cost, text = min(best, key=lambda b: b[0])
    if cost > len(old) / 2:
        return literal(line.strip())
    # The beginning of a name, up to what makes it unique, is told as such.
    end = text.rfind("_") + 1 if directive.text.endswith("_") else 0
    return text[:end or None].strip()


def after_pattern(best, token, new, j):
    yield best[j][0] + 3, best[j][1]
    for start in range(j + 1):
        if re.fullmatch(regex_of(token), "".join(new[start:j])):
            yield best[start][0], best[start][1] + token


# ---- All CHECK lines of a prefix and the output -------------------------------------------------

def directives_of(lines, prefix):
    """Those that say where a line is, in order."""
    line = re.compile(rf"^(\s*(?:(?://|#|;)\s*)?{re.escape(prefix)})(-NEXT|-LABEL|):(.*)$")
    return [Directive(at, *match.groups()) for at, text in enumerate(lines) if (match := line.match(text))]


def aligned(directives, out):
    """[(directive or None, line or None)]: pairs, dropped directives, lines that are to be added."""
    m, n = len(directives), len(out)
    costs = [[0.0] * (n + 1) for _ in range(m + 1)]
    steps = [[None] * (n + 1) for _ in range(m + 1)]
    for i in range(m - 1, -1, -1):
        gap = GAP[directives[i].kind]
        for j in range(n, -1, -1):
            ways = [(costs[i + 1][j] + DROP, "drop")]
            if j < n:
                ways.append((costs[i][j + 1] + gap, "add" if gap == INSERT else "skip"))
                ways.append((costs[i + 1][j + 1] + pair_cost(directives[i], out[j]), "pair"))
            costs[i][j], steps[i][j] = min(ways)
    i, j, pairs = 0, 0, []
    while i < m:
        step = steps[i][j]
        pairs += {"drop": [(directives[i], None)], "add": [(None, out[j] if j < n else None)], "skip": [],
                  "pair": [(directives[i], out[j] if j < n else None)]}[step]
        i, j = i + (step in ("drop", "pair")), j + (step != "drop")
    return pairs


def pair_cost(directive, line):
    return 0.0 if fits(directive, line) else 0.1 + 2 * max(0.0, 1 - likeness(directive, line))


def indent_of(text):
    return len(text) - len(text.lstrip())


def repaired(lines, prefix, out):
    """The test's lines with the CHECK lines of this prefix as the output wants them."""
    out = [line.rstrip() for line in out if line.strip()]
    directives = directives_of(lines, prefix)
    if not directives:
        kinds = [""] + ["-NEXT"] * (len(out) - 1)
        lead = next(line[:RUN.search(line).start()] for line in lines if RUN.search(line))
        return lines + [f"{lead}{prefix}{kind}: {literal(line)}" for kind, line in zip(kinds, out)]
    result, added, last = list(lines), {}, directives[0]
    shift = 0
    pairs = aligned(directives, out)
    for at, (directive, line) in enumerate(pairs):
        if directive is None:
            following = next(d for d, _ in pairs[at:] if d)
            text = " " * max(1, indent_of(line) + shift) + literal(line.strip())
            added.setdefault(following.at, []).append(Directive(0, last.lead, "-NEXT", text).line())
            continue
        if line is None:
            result[directive.at] = None
            continue
        if not fits(directive, line):
            directive.text = " " * indent_of(directive.text) + mended(directive, line)
            result[directive.at] = directive.line()
        last, shift = directive, indent_of(directive.text) - indent_of(line)
    return [text for at, line in enumerate(result)
            for text in [*added.get(at, []), *([] if line is None else [line])]]


# ---- Commands -----------------------------------------------------------------------------------

class Lit:
    """What test/lit.cfg.py says."""

    def __init__(self, build):
        config = types.SimpleNamespace(environment=dict(os.environ), substitutions=[],
                                       available_features=set())
        # The settings want a class to call; nothing of it is used here.
        formats = types.SimpleNamespace(ShTest=lambda **_: None)
        lit = types.SimpleNamespace(formats=formats)
        sys.modules.setdefault("lit", lit)
        sys.modules.setdefault("lit.formats", formats)
        path = TEST / "lit.cfg.py"
        params = types.SimpleNamespace(params={"build": build})
        exec(compile(path.read_text(), path, "exec"),
             {"__file__": str(path), "config": config, "lit_config": params})
        self.environment, self.substitutions = config.environment, config.substitutions
        self.suffixes, self.excludes = config.suffixes, config.excludes
        self.file_check = dict(self.substitutions)["%FileCheck"]

    def tests(self, path):
        if path.is_file():
            return [path]
        return sorted(file for file in path.rglob("*")
                      if file.suffix in self.suffixes and not set(self.excludes) & set(file.parts))

    def substitute(self, command, path, temporary):
        for name, value in [*self.substitutions, ("%s", path), ("%S", path.parent), ("%t", temporary)]:
            command = command.replace(name, str(value))
        return command


def run_lines(lines):
    command = ""
    for line in lines:
        if match := RUN.search(line):
            command += match.group(1)
            if command.endswith("\\"):
                command = command[:-1]
            else:
                yield command
                command = ""


def outputs(lit, path, folder):
    """(prefixes, what FileCheck would read) of each RUN line that ends in one."""
    found = []
    subprocess.run(["rm", "-rf", f"{folder}/t.cache"], check=True)
    for command in run_lines(path.read_text().splitlines()):
        text = folder / f"out{len(found)}"
        prefix = PREFIX.search(command)
        # FileCheck's own arguments are left over for sh.
        run = command.replace("%FileCheck", f"sh -c 'cat >{text}' --")
        subprocess.run(["bash", "-c", lit.substitute(run, path, folder / "t")], env=lit.environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
        if "%FileCheck" in command and text.exists():
            found.append((prefix.group(1).split(",") if prefix else ["CHECK"], text))
    return found


def passes(lit, path, prefixes, text):
    with text.open() as stdin:
        return subprocess.run([lit.file_check, path, "--check-prefixes=" + ",".join(prefixes)], stdin=stdin,
                              capture_output=True, env=lit.environment).returncode == 0


def update(lit, path):
    """"", "rewritten" or "fails": what does not come to fit stays as it was."""
    said = ""
    with tempfile.TemporaryDirectory() as name:
        for prefixes, text in outputs(lit, path, pathlib.Path(name)):
            if passes(lit, path, prefixes, text):
                continue
            before, out = path.read_text(), text.read_text(errors="replace")
            path.write_text("\n".join(repaired(before.splitlines(), prefixes[0], out.splitlines())) + "\n")
            if passes(lit, path, prefixes, text):
                said = said or "rewritten"
            else:
                path.write_text(before)
                said = "fails"
    return said


# ---- Self-test ----------------------------------------------------------------------------------

OUT = """kernel "reduce_max_7f3a" {
  grid i0 in n
  reduce %1.0 for i2 in 8 {
    v0 = load %0[i0, i2]
    v1 = max(v0, v0)
    l0[] = [[1, 2]]
  }
  map %1.1 {
    v0 = load l0[]
    %1[i0] = v0
  }
}
"""
RUN_LINE = "// RUN: cat %S/out | %FileCheck %s\n"
# Stale lines, and what they become.
SAMPLES = [
    # A name told in part, a line that came, one that went, one that changed, patterns that stay.
    ("""// CHECK-LABEL: kernel "softmax_
// CHECK:   grid i0 in n
// CHECK-NEXT:   reduce %1.0 for i1 in 8 {
// CHECK-NEXT:     [[V:v[0-9]+]] = load %0[i0, i1]
// CHECK-NEXT:     v1 = nothing
// CHECK-NEXT:     {{.*}} = maximum([[V]], [[V]])
// CHECK-NEXT:     l0[] = {{.*}}
// CHECK-NEXT:   }
// Why the rest matters.
// CHECK:     v0 = load l1[]
// CHECK-NEXT:   }
// CHECK-NOT: scan
""", """// CHECK-LABEL: kernel "reduce_max_
// CHECK:   grid i0 in n
// CHECK-NEXT:   reduce %1.0 for i2 in 8 {
// CHECK-NEXT:     [[V:v[0-9]+]] = load %0[i0, i2]
// CHECK-NEXT:     {{.*}} = max([[V]], [[V]])
// CHECK-NEXT:     l0[] = {{.*}}
// CHECK-NEXT:   }
// Why the rest matters.
// CHECK:     v0 = load l0[]
// CHECK-NEXT:     %1[i0] = v0
// CHECK-NEXT:   }
// CHECK-NOT: scan
"""),
    # What cannot be mended, as the variable is another, stays as it is.
    ("// CHECK: [[V:v[0-9]+]] = load\n// CHECK: {{^}}[[V]] = max\n",) * 2,
    # What fits stays, though it tells little.
    ("// CHECK: max(\n", "// CHECK: max(\n"),
    # A new test.
    ("", "".join(f"// CHECK{'-NEXT' if at else ''}: {line}\n" for at, line in enumerate(OUT.splitlines()))
     .replace("[[", r"{{\[\[}}")),
]


def self_test(lit):
    for stale, wanted in SAMPLES:
        with tempfile.TemporaryDirectory() as name:
            pathlib.Path(name, "out").write_text(OUT)
            path = pathlib.Path(name, "sample.mir")
            path.write_text(RUN_LINE + stale)
            said = update(lit, path)
            assert path.read_text() == RUN_LINE + wanted, path.read_text()
            assert said == ("fails" if "{{^}}" in stale else "rewritten" if stale != wanted else ""), said
            assert update(lit, path) in ("", said) and path.read_text() == RUN_LINE + wanted
    print(f"{len(SAMPLES)} samples")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=pathlib.Path, default=[TEST])
    parser.add_argument("--build", default=str(TEST.parent / "build" / "release"))
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    lit = Lit(arguments.build)
    if arguments.self_test:
        return self_test(lit)
    tests = [test for path in arguments.paths for test in lit.tests(path.resolve())]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda test: update(lit, test), tests))
    for test, result in zip(tests, results):
        if result:
            print(f"{os.path.relpath(test)}: {result}")
    return "fails" in results


if __name__ == "__main__":
    sys.exit(main())
