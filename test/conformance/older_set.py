"""Cases of operator sets before the first that rlx reads, in that one: what onnx.version_converter does to them.

A case states the set in which its operator had last changed.
"""
from wire import embedded, encoded, fields, first, rank

FIRST_SET = 7
# What says how its operands broadcast, which they do as they do now in all cases, and that it does not train.
DROPPED = {b"broadcast": None, b"axis": {b"Add", b"Sub", b"Mul", b"Div", b"Pow"}, b"is_test": None}


def joined(parts):
    return b"".join(encoded(number << 3) + encoded(value) if isinstance(value, int) else embedded(number, value)
                    for number, value in parts)


def is_old(model):
    """Of ONNX's own domain."""
    return any(not first(entry, 1, b"") and first(entry, 2, 1) < FIRST_SET
               for number, entry in fields(model) if number == 8)


def raised(model):
    """The model in the first set, or in its own."""
    if not is_old(model):
        return model
    slopes = slopes_of(model)
    return joined((number, raised_set(value) if number == 8 else raised_graph(value, slopes) if number == 7 else value)
                  for number, value in fields(model))


def raised_set(entry):
    return entry if first(entry, 1, b"") else encoded(2 << 3) + encoded(FIRST_SET)


def raised_graph(graph, slopes):
    def part(number, value):
        if number == 1:
            return raised_node(value)
        if number == 5 and first(value, 8) in slopes:
            return with_axes(value, slopes[first(value, 8)])
        return value
    # A slope's own shape is said by its data.
    return joined((number, part(number, value)) for number, value in fields(graph)
                  if not (number == 11 and first(value, 1) in slopes))


def raised_node(node):
    operator = first(node, 4)

    def is_dropped(attribute):
        of = DROPPED.get(first(attribute, 1), ())
        return of is None or operator in of
    return joined((number, value) for number, value in fields(node) if not (number == 5 and is_dropped(value)))


# ---- The slope of PRelu, of an element a channel, broadcasts from behind since set 7 -----------


def slopes_of(model):
    """How many axes each slope needs behind its own, by name: those of a model's input behind its channels."""
    graph = first(model, 7)
    ranks = {first(info, 1): rank_of(info) for number, info in fields(graph) if number == 11}
    slopes = {}
    for node in (value for number, value in fields(graph) if number == 1 and first(value, 4) == b"PRelu"):
        x, slope = [value for number, value in fields(node) if number == 1]
        slopes[slope] = ranks[x] - 2
    return slopes


def rank_of(info):
    shape = first(first(first(info, 2), 1), 2)
    return sum(number == 1 for number, _ in fields(shape))


def with_axes(tensor, count):
    assert rank(tensor) == 1
    parts = list(fields(tensor))
    return joined(
        [*(part for part in parts if part[0] == 1), *[(1, 1)] * count, *(part for part in parts if part[0] != 1)])
