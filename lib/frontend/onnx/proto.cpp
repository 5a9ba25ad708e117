#include "frontend/onnx/proto.h"

#include <algorithm>

#include "frontend/onnx/wire.h"

namespace rlx::onnx {
namespace {

// Graphs inside attributes and types inside types nest no deeper than this in any real model.
constexpr int kMaxDepth = 24;

void check_depth(std::string_view message, int depth) {
  if (depth > kMaxDepth) throw Broken(message, "graphs or types are nested too deep");
}

OpsetProto read_opset(std::string_view message) {
  OpsetProto opset;
  each_field(message, "OperatorSetIdProto", [&](Fields& f) {
    switch (f.tag()) {
      case 1: opset.domain = bytes(f); break;
      case 2: opset.version = integer(f); break;
      default: f.skip();
    }
  });
  return opset;
}

// ---- Tensors and types ------------------------------------------------------------------------

std::pair<std::string_view, std::string_view> read_entry(std::string_view message) {
  std::pair<std::string_view, std::string_view> entry;
  each_field(message, "StringStringEntryProto", [&](Fields& f) {
    switch (f.tag()) {
      case 1: entry.first = bytes(f); break;
      case 2: entry.second = bytes(f); break;
      default: f.skip();
    }
  });
  return entry;
}

TensorProto read_tensor(std::string_view message) {
  TensorProto t;
  t.message = message;
  each_field(message, "TensorProto", [&](Fields& f) {
    switch (f.tag()) {
      case 1: each_integer(f, [&](int64_t d) { t.dims.push_back(d); }); break;
      case 2: t.data_type = integer(f); break;
      case 8: t.name = bytes(f); break;
      case 9: t.raw_data = bytes(f); break;
      case 13: t.external_data.push_back(read_entry(bytes(f))); break;
      case 14: t.external = integer(f) == 1; break;
      default: f.skip();
    }
  });
  return t;
}

// The fields of a message that tell whether it is a tensor: SequenceProto and OptionalProto have a name as field 1, tensors
// as field 3, and sequences as field 5, of elements of type 3.
struct ValueFields {
  bool has_extents = false, has_data = false;
  int64_t type = 0;
  Vec<std::string_view> tensors, fifth;

  // The message of a sequence is empty, or begins with the tag of a name, a type or a tensor.
  bool has_sequences() const {
    constexpr int64_t kSequences = 3;
    return type == kSequences && !has_extents && !fifth.empty() &&
           std::ranges::all_of(fifth, [](std::string_view m) {
             return m.empty() || (m.size() > 1 && (m[0] == 0x0a || m[0] == 0x10 || m[0] == 0x1a));
           });
  }
  bool is_tensor() const {
    if (!tensors.empty() || has_sequences()) return false;
    return has_extents || has_data || !fifth.empty();
  }
};

ValueFields read_value_fields(std::string_view message) {
  ValueFields v;
  each_field(message, "TensorProto", [&](Fields& f) {
    const bool is_message = f.wire_type() == protozero::pbf_wire_type::length_delimited;
    if (f.tag() == 2) return void(v.type = integer(f));
    if (f.tag() == 3 && is_message) return v.tensors.push_back(bytes(f));
    if (f.tag() == 5 && is_message) return v.fifth.push_back(bytes(f));
    if (f.tag() == 1 && !is_message) v.has_extents = true;
    if (f.tag() > 3 && f.tag() != 8 && f.tag() != 12) v.has_data = true;
    f.skip();
  });
  return v;
}

ValueProto read_value(std::string_view message, int depth) {
  check_depth(message, depth);
  const ValueFields fields = read_value_fields(message);
  if (fields.is_tensor()) return {.tensor = read_tensor(message)};
  ValueProto list;
  for (const std::string_view t : fields.tensors) {
    list.elements.push_back({.tensor = read_tensor(t)});
  }
  if (!fields.has_sequences()) return list;
  for (const std::string_view s : fields.fifth) {
    list.elements.push_back(read_value(s, depth + 1));
  }
  return list;
}

DimProto read_dim(std::string_view message) {
  DimProto dim;
  each_field(message, "Dimension", [&](Fields& f) {
    switch (f.tag()) {
      case 1: dim.value = integer(f); break;
      case 2: dim.param = bytes(f); break;
      default: f.skip();
    }
  });
  return dim;
}

void read_shape(std::string_view message, TypeProto& type) {
  type.has_shape = true;
  each_field(message, "TensorShapeProto", [&](Fields& f) {
    if (f.tag() == 1) return type.dims.push_back(read_dim(bytes(f)));
    f.skip();
  });
}

void read_tensor_type(std::string_view message, TypeProto& type) {
  type.kind = TypeProto::Kind::kTensor;
  each_field(message, "TypeProto.Tensor", [&](Fields& f) {
    switch (f.tag()) {
      case 1: type.elem_type = integer(f); break;
      case 2: read_shape(bytes(f), type); break;
      default: f.skip();
    }
  });
}

TypeProto read_type(std::string_view message, int depth);

void read_element_type(std::string_view message, TypeProto::Kind kind, TypeProto& type, int depth) {
  type.kind = kind;
  type.element.assign(1, {});
  each_field(message, "TypeProto.Sequence", [&](Fields& f) {
    if (f.tag() != 1) return f.skip();
    type.element.front() = read_type(bytes(f), depth + 1);
  });
}

TypeProto read_type(std::string_view message, int depth) {
  check_depth(message, depth);
  TypeProto type;
  each_field(message, "TypeProto", [&](Fields& f) {
    switch (f.tag()) {
      case 1: read_tensor_type(bytes(f), type); break;
      case 4: read_element_type(bytes(f), TypeProto::Kind::kSequence, type, depth); break;
      case 9: read_element_type(bytes(f), TypeProto::Kind::kOptional, type, depth); break;
      // A map, an opaque type and a sparse tensor.
      case 5:
      case 7:
      case 8:
        f.skip();
        type.kind = TypeProto::Kind::kOther;
        break;
      default: f.skip();
    }
  });
  return type;
}

ValueInfoProto read_value_info(std::string_view message) {
  ValueInfoProto info;
  each_field(message, "ValueInfoProto", [&](Fields& f) {
    switch (f.tag()) {
      case 1: info.name = bytes(f); break;
      case 2: info.type = read_type(bytes(f), 0); break;
      default: f.skip();
    }
  });
  return info;
}

// ---- Nodes and graphs -------------------------------------------------------------------------

GraphProto read_graph(std::string_view message, int depth);

AttributeProto read_attribute(std::string_view message, int depth) {
  AttributeProto a;
  each_field(message, "AttributeProto", [&](Fields& f) {
    switch (f.tag()) {
      case 1: a.name = bytes(f); break;
      case 2: a.f = real(f); break;
      case 3: a.i = integer(f); break;
      case 4: a.s = bytes(f); break;
      case 5:
      case 10: a.tensors.push_back(read_tensor(bytes(f))); break;
      case 6:
      case 11: a.graphs.push_back(read_graph(bytes(f), depth + 1)); break;
      case 7: each_float(f, [&](float v) { a.floats.push_back(v); }); break;
      case 8: each_integer(f, [&](int64_t v) { a.ints.push_back(v); }); break;
      case 9: a.strings.push_back(bytes(f)); break;
      case 20: a.type = integer(f); break;
      case 21: a.reference = bytes(f); break;
      default: f.skip();
    }
  });
  if (!a.reference.empty()) return a;
  const bool has_value = (a.type != AttributeProto::kTensor || a.tensors.size() == 1) &&
                         (a.type != AttributeProto::kGraph || a.graphs.size() == 1);
  if (!has_value) throw Broken(message, "an attribute has not the one value of its type");
  return a;
}

NodeProto read_node(std::string_view message, int depth) {
  NodeProto n;
  each_field(message, "NodeProto", [&](Fields& f) {
    switch (f.tag()) {
      case 1: n.inputs.push_back(bytes(f)); break;
      case 2: n.outputs.push_back(bytes(f)); break;
      case 3: n.name = bytes(f); break;
      case 4: n.op_type = bytes(f); break;
      case 5: n.attributes.push_back(read_attribute(bytes(f), depth)); break;
      case 7: n.domain = bytes(f); break;
      case 8: n.overload = bytes(f); break;
      default: f.skip();
    }
  });
  return n;
}

GraphProto read_graph(std::string_view message, int depth) {
  check_depth(message, depth);
  GraphProto g;
  each_field(message, "GraphProto", [&](Fields& f) {
    switch (f.tag()) {
      case 1: g.nodes.push_back(read_node(bytes(f), depth)); break;
      case 2: g.name = bytes(f); break;
      case 5: g.initializers.push_back(read_tensor(bytes(f))); break;
      case 11: g.inputs.push_back(read_value_info(bytes(f))); break;
      case 12: g.outputs.push_back(read_value_info(bytes(f))); break;
      case 13: g.value_infos.push_back(read_value_info(bytes(f))); break;
      case 15:
        f.skip();
        g.has_sparse_initializers = true;
        break;
      default: f.skip();
    }
  });
  return g;
}

FunctionProto read_function(std::string_view message) {
  FunctionProto fn;
  each_field(message, "FunctionProto", [&](Fields& f) {
    switch (f.tag()) {
      case 1: fn.name = bytes(f); break;
      case 4: fn.inputs.push_back(bytes(f)); break;
      case 5: fn.outputs.push_back(bytes(f)); break;
      case 6: fn.attributes.push_back(bytes(f)); break;
      case 7: fn.nodes.push_back(read_node(bytes(f), 0)); break;
      case 9: fn.opsets.push_back(read_opset(bytes(f))); break;
      case 10: fn.domain = bytes(f); break;
      case 11: fn.defaults.push_back(read_attribute(bytes(f), 0)); break;
      case 13: fn.overload = bytes(f); break;
      default: f.skip();
    }
  });
  return fn;
}

ModelProto read_model(std::string_view message) {
  ModelProto m;
  each_field(message, "ModelProto", [&](Fields& f) {
    switch (f.tag()) {
      case 1: m.ir_version = integer(f); break;
      case 7: m.graph = read_graph(bytes(f), 0); break;
      case 8: m.opsets.push_back(read_opset(bytes(f))); break;
      case 25: m.functions.push_back(read_function(bytes(f))); break;
      default: f.skip();
    }
  });
  return m;
}

}  // namespace

Result<ModelProto> parse_model(std::string_view file) {
  return guarded(file, [&] { return read_model(file); });
}

Result<ValueProto> parse_value(std::string_view file) {
  return guarded(file, [&] { return read_value(file, 0); });
}

}  // namespace rlx::onnx
