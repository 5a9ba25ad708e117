// The parts of an ONNX file that the reader needs. Texts and data are views into the file's bytes, so
// they live as long as those; field numbers and enumerators are those of ONNX's specification.
#pragma once
#include <optional>
#include <string_view>

#include "support/result.h"

namespace rlx::onnx {

struct TensorProto {
  std::string_view name;
  int64_t data_type = 0;
  Vec<int64_t> dims;
  std::optional<std::string_view> raw_data;
  bool external = false;
  // Where external data lies: "location", "offset", "length".
  Vec<std::pair<std::string_view, std::string_view>> external_data;
  // The message itself: typed data is decoded from it when the tensor is used.
  std::string_view message;
};

struct DimProto {
  std::optional<int64_t> value;
  std::string_view param;
};

struct TypeProto {
  enum class Kind : uint8_t { kNone, kTensor, kSequence, kOptional, kOther };

  Kind kind = Kind::kNone;
  // Of a tensor.
  int64_t elem_type = 0;
  bool has_shape = false;
  Vec<DimProto> dims;
  // The one element type of a sequence or optional.
  Vec<TypeProto> element;
};

struct ValueInfoProto {
  std::string_view name;
  TypeProto type;
};

struct GraphProto;

struct AttributeProto {
  enum Type : uint8_t {
    kUndefined,
    kFloat,
    kInt,
    kString,
    kTensor,
    kGraph,
    kFloats,
    kInts,
    kStrings,
    kTensors,
    kGraphs,
    kSparseTensor,
    kSparseTensors,
    kTypeProto,
    kTypeProtos
  };

  std::string_view name;
  // In a function's body: the function's attribute whose value it has; else empty.
  std::string_view reference;
  int64_t type = kUndefined;
  float f = 0;
  int64_t i = 0;
  std::string_view s;
  Vec<float> floats;
  Vec<int64_t> ints;
  Vec<std::string_view> strings;
  // Of kTensor and kGraph: the one.
  Vec<TensorProto> tensors;
  Vec<GraphProto> graphs;
};

struct NodeProto {
  std::string_view name, op_type, domain;
  // Which of the functions of that name.
  std::string_view overload;
  Vec<std::string_view> inputs, outputs;
  Vec<AttributeProto> attributes;
};

struct GraphProto {
  std::string_view name;
  Vec<NodeProto> nodes;
  Vec<TensorProto> initializers;
  Vec<ValueInfoProto> inputs, outputs, value_infos;
  bool has_sparse_initializers = false;
};

struct OpsetProto {
  std::string_view domain;
  int64_t version = 0;
};

struct FunctionProto {
  std::string_view name, domain, overload;
  Vec<std::string_view> inputs, outputs, attributes;
  // Attributes that may be left out, with their values then.
  Vec<AttributeProto> defaults;
  Vec<NodeProto> nodes;
  Vec<OpsetProto> opsets;
};

struct ModelProto {
  int64_t ir_version = 0;
  Vec<OpsetProto> opsets;
  std::optional<GraphProto> graph;
  Vec<FunctionProto> functions;
};

// The model in a whole file. Errors name the offset and the field.
Result<ModelProto> parse_model(std::string_view file);
// What a file of test data holds: a tensor, or what a sequence or an optional holds. Which of the three it is, the file
// does not say; a tensor has extents or data.
struct ValueProto {
  std::optional<TensorProto> tensor;
  Vec<ValueProto> elements;
};
Result<ValueProto> parse_value(std::string_view file);

}  // namespace rlx::onnx
