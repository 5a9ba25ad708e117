#!/usr/bin/env python3
"""Graphs of any size, to see how what the tools do grows with the nodes.

    test/scale/graphs.py SHAPE NODES > graph.mir

SHAPE is one of
    chain       layers of a product, a bias, an activation and a residual, one after the other
    wide        branches side by side from one input, joined by a tree of sums
    outputs     as many branches, each an output of its own
    symbolic    a chain over an open batch and length, with shape arithmetic in each layer
    inputs      sums of inputs whose extents all have names of their own, so that all are assumed equal
    alike       branches that are all the same, and so become one
    joined      branches side by side, joined by one node
    layered     branches side by side, the first nodes of all before the second ones
    shared      a chain whose layers all read one value, made before the first of them
    views       a chain with transposes that become indexes
"""

import sys


def product(lines, name, x, i, size=16):
    """A product with a constant that no other layer has."""
    lines.append(f"  %w{i} = constant {1 + i}e-6 : f32[{size}, {size}]")
    lines.append(f"  %{name} = matmul(%{x}, %w{i})")


def layers(lines, nodes, added, function):
    """Layers of four nodes from the input x, each with a residual: %added joins the product."""
    x = "x"
    for i in range(nodes // 4):
        product(lines, f"m{i}", x, i)
        lines += [
            f"  %a{i} = add(%m{i}, %{added})",
            f"  %f{i} = {function.format(f'%a{i}')}",
            f"  %y{i} = add(%f{i}, %{x})",
        ]
        x = f"y{i}"
    return lines + [f'  output "y" = %{x}']


def chain(nodes):
    lines = ['  %x = input "x" : f32[8, 16]', "  %b = constant 0.5 : f32[16]"]
    return layers(lines, nodes, "b", "relu({})")


def branches(lines, count):
    """Branches of three nodes from the input x."""
    for i in range(count):
        product(lines, f"m{i}", "x", i)
        lines += [f"  %s{i} = softmax(%m{i}) {{axis = -1}}", f"  %r{i} = relu(%s{i})"]
    return [f"r{i}" for i in range(count)]


def wide(nodes):
    lines = ['  %x = input "x" : f32[8, 16]']
    ends = branches(lines, nodes // 4)
    while len(ends) > 1:
        joined = []
        for a, b in zip(ends[::2], ends[1::2]):
            joined.append(f"{a}_{len(ends)}")
            lines.append(f"  %{joined[-1]} = add(%{a}, %{b})")
        ends = joined + ends[len(joined) * 2:]
    return lines + [f'  output "y" = %{ends[0]}']


def outputs(nodes):
    lines = ['  %x = input "x" : f32[8, 16]']
    ends = branches(lines, nodes // 3)
    return lines + [f'  output "y{i}" = %{end}' for i, end in enumerate(ends)]


def symbolic(nodes):
    lines = ['  %x = input "x" : f32[batch, length, 16]', "  %last = constant [16] : i64[1]",
             "  %first = constant [0] : i64[1]", "  %two = constant [2] : i64[1]"]
    x = "x"
    for i in range(nodes // 8):
        product(lines, f"m{i}", x, i)
        lines += [
            f"  %shape{i} = shape(%m{i})",
            f"  %lead{i} = slice(%shape{i}, %first, %two)",
            f"  %rows{i} = reduce_prod(%lead{i}) {{keepdims = 1}}",
            f"  %flat{i} = concat(%rows{i}, %last) {{axis = 0}}",
            f"  %f{i} = reshape(%m{i}, %flat{i})",
            f"  %s{i} = softmax(%f{i}) {{axis = -1}}",
            f"  %y{i} = reshape(%s{i}, %shape{i})",
        ]
        x = f"y{i}"
    return lines + [f'  output "y" = %{x}']


def inputs(nodes):
    lines = [f'  %x{i} = input "x{i}" : f32[n{i}, 16]' for i in range(nodes // 2)]
    x = "x0"
    for i in range(1, nodes // 2):
        lines += [f"  %s{i} = softmax(%{x}) {{axis = -1}}", f"  %y{i} = add(%s{i}, %x{i})"]
        x = f"y{i}"
    return lines + [f'  output "y" = %{x}']


def alike(nodes):
    lines, x = ['  %x = input "x" : f32[8, 16]'], "x"
    for i in range(nodes // 2):
        lines += [f"  %r{i} = relu(%x)", f"  %y{i} = add(%{x}, %r{i})"]
        x = f"y{i}"
    return lines + [f'  output "y" = %{x}']


def joined(nodes):
    lines = ['  %x = input "x" : f32[8, 16]']
    ends = ", ".join(f"%{end}" for end in branches(lines, nodes // 3))
    return lines + [f"  %y = concat({ends}) {{axis = 0}}", '  output "y" = %y']


def layered(nodes):
    lines, n = ['  %x = input "x" : f32[8, 16]'], nodes // 3
    for i in range(n):
        product(lines, f"m{i}", "x", i)
    lines += [f"  %r{i} = tanh(%m{i})" for i in range(n)]
    lines += [f"  %s{i} = softmax(%r{i}) {{axis = -1}}" for i in range(n)]
    return lines + [f'  output "y{i}" = %s{i}' for i in range(n)]


def shared(nodes):
    lines = ['  %x = input "x" : f32[8, 16]', '  %m = input "m" : f32[16]',
             "  %mask = softmax(%m) {axis = -1}"]
    return layers(lines, nodes, "mask", "softmax({}) {{axis = -1}}")


def views(nodes):
    lines, x = ['  %x = input "x" : f32[8, 16]'], "x"
    for i in range(nodes // 4):
        lines.append(f"  %t{i} = transpose(%{x}) {{perm = [1, 0]}}")
        product(lines, f"m{i}", f"t{i}", i, size=8)
        lines += [
            f"  %u{i} = transpose(%m{i}) {{perm = [1, 0]}}",
            f"  %y{i} = add(%u{i}, %{x})",
        ]
        x = f"y{i}"
    return lines + [f'  output "y" = %{x}']


SHAPES = {shape.__name__: shape for shape in (chain, wide, outputs, symbolic, inputs, alike, joined,
                                              layered, shared, views)}


def graph(shape, nodes):
    """The text of a graph of about so many nodes."""
    return "\n".join([f'graph "{shape}" {{'] + SHAPES[shape](nodes) + ["}"]) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in SHAPES:
        sys.exit(__doc__)
    sys.stdout.write(graph(sys.argv[1], int(sys.argv[2])))
