"""What mutate_onnx.py does to a model: each mutation is a function of a source of chance and a model.

A mutation of the proto changes a ModelProto in place and raises NoPlace where the model has nothing that it could
change; one of the bytes takes the file's bytes and returns others.
"""
import struct

from onnx import AttributeProto, TensorProto, helper

INTEGERS = (0, 1, -1, 2, 3, -2, 5, 7, 64, 65, 1 << 16, (1 << 31) - 1, 1 << 31, -(1 << 31), 1 << 40, (1 << 62) + 1,
            (1 << 63) - 1, -(1 << 63))
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 3e38, -3e38, float("inf"), float("-inf"), float("nan"))
TEXTS = ("", "x", "SAME_UPPER", "VALID", "linear", "cubic", "max", "constant", "ij,jk->ik", "...", "\n", "é", "a" * 300)
NAMES = ("", "n", "n + 1", "2*n", "n-m", "unk__0", "-1", "a b", "\x00", "x.0")
LAST_TYPE = 26
SETS = (-1, 0, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 1 << 40)
LOCATIONS = ("", "data.bin", "../../etc/passwd", "/dev/zero", "/etc/passwd", ".", "nothing\x00here")
# An operator of another one's inputs.
OPERATORS = ("Add", "Relu", "MatMul", "Conv", "Gemm", "Reshape", "Concat", "Softmax", "Gather", "Slice", "Transpose",
             "Loop", "If", "Scan", "Cast", "Expand", "Where", "Pad", "Resize", "TopK", "ReduceSum", "ScatterND", "Einsum",
             "LSTM", "SequenceInsert", "Optional", "ConstantOfShape", "Range", "NonZero", "Split", "Tile", "Identity",
             "LayerNormalization", "BatchNormalization", "QuantizeLinear", "DequantizeLinear", "MaxPool", "CumSum")


class NoPlace(Exception):
    pass


def pick(rng, things):
    things = list(things)
    if not things:
        raise NoPlace
    return things[rng.randrange(len(things))]


def graphs_of(graph):
    """The graph and those of its nodes' attributes."""
    found = [graph]
    for graph in found:
        found += [held for node in graph.node for a in node.attribute for held in ([a.g] if a.HasField("g") else a.graphs)]
    return found


def a_graph(rng, model):
    return pick(rng, [model.graph, *graphs_of(model.graph)])


def a_node(rng, model):
    return pick(rng, (node for graph in graphs_of(model.graph) for node in graph.node))


def an_attribute(rng, model):
    return pick(rng, (a for graph in graphs_of(model.graph) for node in graph.node for a in node.attribute))


def tensors_of(model):
    for graph in graphs_of(model.graph):
        yield from graph.initializer
        yield from (a.t for node in graph.node for a in node.attribute if a.type == AttributeProto.TENSOR)


def types_of(model):
    """The declared types of tensors."""
    for graph in graphs_of(model.graph):
        for info in (*graph.input, *graph.output, *graph.value_info):
            if info.type.HasField("tensor_type"):
                yield info.type.tensor_type


def values_of(graph):
    names = [i.name for i in (*graph.input, *graph.initializer)]
    return names + [name for node in graph.node for name in node.output]


def swap(rng, things):
    """Exchanges two elements of a repeated field."""
    if len(things) < 2:
        raise NoPlace
    i, j = rng.sample(range(len(things)), 2)
    kept = [type(thing).FromString(thing.SerializeToString()) if hasattr(thing, "SerializeToString") else thing
            for thing in things]
    kept[i], kept[j] = kept[j], kept[i]
    del things[:]
    things.extend(kept)


def drop(rng, things):
    del things[pick(rng, range(len(things)))]


def repeat(rng, things):
    things.append(pick(rng, things))


# ---- Nodes and edges ----------------------------------------------------------------------------


def drop_node(rng, model):
    drop(rng, a_graph(rng, model).node)


def repeat_node(rng, model):
    repeat(rng, a_graph(rng, model).node)


def swap_nodes(rng, model):
    swap(rng, a_graph(rng, model).node)


def change_operator(rng, model):
    node = a_node(rng, model)
    node.op_type = pick(rng, (*OPERATORS, "", "Nothing"))
    node.domain = pick(rng, ("", "", "", "", "com.microsoft", "ai.onnx.ml", "nobody"))


def name_alike(rng, model):
    for node in a_graph(rng, model).node:
        node.name = "same"


def drop_input(rng, model):
    drop(rng, a_node(rng, model).input)


def leave_input_out(rng, model):
    node = a_node(rng, model)
    node.input[pick(rng, range(len(node.input)))] = ""


def repeat_input(rng, model):
    repeat(rng, a_node(rng, model).input)


def swap_inputs(rng, model):
    swap(rng, a_node(rng, model).input)


def rewire(rng, model):
    graph = a_graph(rng, model)
    node = pick(rng, graph.node)
    node.input[pick(rng, range(len(node.input)))] = pick(rng, (*values_of(graph), *values_of(model.graph), "nowhere"))


def change_outputs(rng, model):
    node = a_node(rng, model)
    pick(rng, (drop, repeat, swap))(rng, node.output)


def rename_output(rng, model):
    graph = a_graph(rng, model)
    node = pick(rng, graph.node)
    node.output[pick(rng, range(len(node.output)))] = pick(rng, ("", "fresh", *values_of(graph)))


def change_ends(rng, model):
    """Inputs and outputs of a graph."""
    graph = a_graph(rng, model)
    pick(rng, (drop, repeat, swap))(rng, pick(rng, (graph.input, graph.output, graph.initializer)))


def give_another(rng, model):
    graph = a_graph(rng, model)
    pick(rng, graph.output).name = pick(rng, (*values_of(graph), *values_of(model.graph), "nowhere", ""))


# ---- Attributes ---------------------------------------------------------------------------------


def drop_attribute(rng, model):
    drop(rng, a_node(rng, model).attribute)


def repeat_attribute(rng, model):
    repeat(rng, a_node(rng, model).attribute)


def change_attribute(rng, model):
    attribute = an_attribute(rng, model)
    attribute.i = pick(rng, INTEGERS)
    attribute.f = pick(rng, FLOATS)
    if attribute.type == AttributeProto.STRING:
        attribute.s = pick(rng, TEXTS).encode()
    for field, values in ((attribute.ints, INTEGERS), (attribute.floats, FLOATS)):
        if field:
            field[rng.randrange(len(field))] = pick(rng, values)


def resize_attribute(rng, model):
    attribute = pick(rng, (a for graph in graphs_of(model.graph) for node in graph.node for a in node.attribute
                           if a.ints or a.floats or a.strings))
    field = attribute.ints or attribute.floats or attribute.strings
    pick(rng, (drop, repeat, swap))(rng, field)


def retype_attribute(rng, model):
    an_attribute(rng, model).type = rng.randrange(15)


def rename_attribute(rng, model):
    an_attribute(rng, model).name = pick(rng, ("axis", "axes", "to", "value", "pads", "perm", "body", "none", ""))


def add_attribute(rng, model):
    name = pick(rng, ("axis", "axes", "keepdims", "group", "strides", "dilations", "pads", "auto_pad", "ceil_mode", "perm",
                      "to", "mode", "exclusive", "reverse", "num_outputs", "allowzero", "largest", "select_last_index"))
    value = pick(rng, (pick(rng, INTEGERS), pick(rng, FLOATS), pick(rng, TEXTS),
                       [pick(rng, INTEGERS) for _ in range(1 + rng.randrange(4))]))
    a_node(rng, model).attribute.append(helper.make_attribute(name, value))


def refer_attribute(rng, model):
    an_attribute(rng, model).ref_attr_name = "outer"


# ---- Types and tensors --------------------------------------------------------------------------


def change_dim(rng, model):
    declared = pick(rng, types_of(model))
    dim = pick(rng, declared.shape.dim)
    if rng.randrange(2):
        dim.dim_value = pick(rng, INTEGERS)
    else:
        dim.dim_param = pick(rng, NAMES)


def open_dims(rng, model):
    """Every input's dims, by the extents they have."""
    for info in model.graph.input:
        for dim in info.type.tensor_type.shape.dim:
            dim.dim_param = f"d{dim.dim_value}"


def change_rank(rng, model):
    shape = pick(rng, types_of(model)).shape
    if rng.randrange(2):
        shape.dim.add().dim_value = pick(rng, INTEGERS)
    else:
        drop(rng, shape.dim)


def change_type(rng, model):
    pick(rng, types_of(model)).elem_type = rng.randrange(LAST_TYPE)


def drop_shape(rng, model):
    pick(rng, types_of(model)).ClearField("shape")


def change_kind(rng, model):
    graph = a_graph(rng, model)
    info = pick(rng, (*graph.input, *graph.output))
    old = info.type.tensor_type
    new = pick(rng, (helper.make_sequence_type_proto, helper.make_optional_type_proto))(
        helper.make_tensor_type_proto(old.elem_type or 1, None))
    info.type.CopyFrom(new)


def reshape_tensor(rng, model):
    tensor = pick(rng, tensors_of(model))
    how = rng.randrange(3)
    if how == 0 or not tensor.dims:
        tensor.dims.append(pick(rng, INTEGERS))
    elif how == 1:
        tensor.dims[rng.randrange(len(tensor.dims))] = pick(rng, INTEGERS)
    else:
        drop(rng, tensor.dims)


def retype_tensor(rng, model):
    pick(rng, tensors_of(model)).data_type = rng.randrange(LAST_TYPE)


def resize_data(rng, model):
    tensor = pick(rng, tensors_of(model))
    tensor.raw_data = tensor.raw_data[:rng.randrange(len(tensor.raw_data) + 1)] + bytes(rng.randrange(9))


def change_data(rng, model):
    """An element, of the usual types."""
    tensor = pick(rng, (t for t in tensors_of(model) if t.raw_data or t.int64_data or t.float_data or t.int32_data))
    for field, values in ((tensor.int64_data, INTEGERS), (tensor.float_data, FLOATS), (tensor.int32_data, INTEGERS[:10])):
        if field:
            field[rng.randrange(len(field))] = pick(rng, values)
    element = {TensorProto.INT64: "<q", TensorProto.FLOAT: "<f"}.get(tensor.data_type, "<b")
    size = struct.calcsize(element)
    if len(tensor.raw_data) >= size:
        value = pick(rng, {"<q": INTEGERS, "<f": FLOATS, "<b": range(-128, 128)}[element])
        at = rng.randrange(len(tensor.raw_data) // size) * size
        tensor.raw_data = tensor.raw_data[:at] + struct.pack(element, value) + tensor.raw_data[at + size:]


def keep_elsewhere(rng, model):
    tensor = pick(rng, tensors_of(model))
    tensor.data_location = TensorProto.EXTERNAL
    for key, values in (("location", LOCATIONS), ("offset", INTEGERS), ("length", INTEGERS)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(pick(rng, values))


def make_input(rng, model):
    """Of an initializer."""
    tensor = pick(rng, model.graph.initializer)
    model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    if rng.randrange(2):
        model.graph.initializer.remove(tensor)


def make_constant(rng, model):
    """Of an input."""
    info = pick(rng, (i for i in model.graph.input if i.type.HasField("tensor_type")))
    declared = info.type.tensor_type
    dims = [dim.dim_value if 0 < dim.dim_value < 64 else 2 for dim in declared.shape.dim]
    count = 1
    for extent in dims:
        count *= extent
    if count > 1 << 16 or declared.elem_type not in (1, 6, 7, 9, 10, 11):
        raise NoPlace
    value = pick(rng, (0, 1, 2))
    model.graph.initializer.append(helper.make_tensor(info.name, declared.elem_type, dims, [value] * count))
    model.graph.input.remove(info)


# ---- The whole ----------------------------------------------------------------------------------


def change_set(rng, model):
    entry = pick(rng, model.opset_import)
    entry.version = pick(rng, SETS)


def change_sets(rng, model):
    pick(rng, (drop, repeat))(rng, model.opset_import)


def change_version(rng, model):
    model.ir_version = pick(rng, (0, 2, 3, 4, 8, 10, 11, 12, 13, 1000))


def branch_of(node, suffix):
    inner = type(node).FromString(node.SerializeToString())
    inner.output[:] = [f"{name}_{suffix}" for name in node.output]
    return helper.make_graph([inner], "branch", [], [helper.make_empty_tensor_value_info(name) for name in inner.output])


def nest(rng, model):
    """A node becomes an if with it in both branches, and that one again, some times over."""
    graph = a_graph(rng, model)
    at = pick(rng, range(len(graph.node)))
    node = graph.node[at]
    if not node.output:
        raise NoPlace
    plain = branch_of(node, "plain")
    for depth in range(pick(rng, (1, 1, 2, 3, 12))):
        branch = branch_of(node, depth)
        node = helper.make_node("If", ["nested"], list(node.output), f"if_{depth}", then_branch=branch, else_branch=plain)
    graph.node[at].CopyFrom(node)
    if not any(i.name == "nested" for i in (*model.graph.input, *model.graph.initializer)):
        model.graph.initializer.append(helper.make_tensor("nested", TensorProto.BOOL, [], [rng.randrange(2)]))
        if rng.randrange(2):
            model.graph.input.append(helper.make_tensor_value_info("nested", TensorProto.BOOL, []))
            del model.graph.initializer[-1]


def iterate(rng, model):
    """A node becomes the body of a loop that gives what it gave in the last step."""
    graph = a_graph(rng, model)
    at = pick(rng, range(len(graph.node)))
    node = graph.node[at]
    if not node.input or not node.output or not node.input[0]:
        raise NoPlace
    inner = type(node).FromString(node.SerializeToString())
    inner.input[0], inner.output[:] = "carried", [f"{name}_step" for name in node.output]
    state = helper.make_empty_tensor_value_info("carried")
    body = helper.make_graph([inner], "body", [helper.make_tensor_value_info("step", TensorProto.INT64, []),
                                               helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []), state],
                             [helper.make_empty_tensor_value_info("goes_on"),
                              *map(helper.make_empty_tensor_value_info, inner.output)])
    loop = helper.make_node("Loop", ["trips", "", node.input[0]], list(node.output), "loop", body=body)
    graph.node[at].CopyFrom(loop)
    model.graph.initializer.append(helper.make_tensor("trips", TensorProto.INT64, [], [pick(rng, (0, 1, 3, -1))]))


def make_function(rng, model):
    """A node becomes a call of a function of the model."""
    node = pick(rng, (node for node in model.graph.node if all(node.input) and node.output))
    inner = type(node).FromString(node.SerializeToString())
    model.functions.append(helper.make_function("own", "Called", list(dict.fromkeys(node.input)), list(node.output),
                                                [inner], list(model.opset_import), []))
    node.op_type, node.domain = "Called", "own"
    node.input[:] = dict.fromkeys(inner.input)
    del node.attribute[:]
    model.opset_import.append(helper.make_opsetid("own", 1))


PROTO = (drop_node, repeat_node, swap_nodes, change_operator, name_alike, drop_input, leave_input_out, repeat_input,
         swap_inputs, rewire, change_outputs, rename_output, change_ends, give_another, drop_attribute, repeat_attribute,
         change_attribute, change_attribute, change_attribute, resize_attribute, resize_attribute, retype_attribute,
         rename_attribute, add_attribute, add_attribute, refer_attribute, change_dim, change_dim, change_dim, open_dims,
         open_dims, open_dims, change_rank, change_type, change_type, drop_shape, change_kind, reshape_tensor, retype_tensor,
         resize_data, change_data, change_data, change_data, keep_elsewhere, make_input, make_constant, make_constant,
         change_set, change_set, change_sets, change_version, nest, iterate, make_function)


# ---- Bytes --------------------------------------------------------------------------------------


def flip_bits(rng, data):
    out = bytearray(data)
    for _ in range(1 + rng.randrange(4)):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def cut_off(rng, data):
    return data[:rng.randrange(len(data))]


def cut_out(rng, data):
    at = rng.randrange(len(data))
    return data[:at] + data[at + 1 + rng.randrange(16):]


def insert(rng, data):
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(1 + rng.randrange(10)) + data[at:]


def copy_over(rng, data):
    """A piece comes to lie elsewhere."""
    size = 1 + rng.randrange(min(64, len(data)))
    start, at = rng.randrange(len(data)), rng.randrange(len(data))
    return data[:at] + data[start:start + size] + data[at + size:]


def write_varint(rng, data):
    """The greatest number, or a length that no file has."""
    at = rng.randrange(len(data))
    return data[:at] + b"\xff" * (1 + rng.randrange(9)) + b"\x7f" + data[at + 1:]


BYTES = (flip_bits, cut_off, cut_out, insert, copy_over, write_varint)
