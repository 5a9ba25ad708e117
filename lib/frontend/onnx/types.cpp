#include "frontend/onnx/types.h"

#include <set>

#include <fmt/format.h>

#include "frontend/codes.h"
#include "frontend/onnx/tensor.h"

namespace rlx::onnx {
namespace {

constexpr size_t kMaxRank = 32;

bool has_loop(const Dim& d) {
  bool found = false;
  each_atom(d, [&](const Atom& a) { found |= a.kind == Atom::Kind::kLoop; });
  return found;
}

// What a dim_param means; a text that is no expression is a name as it stands.
Dim parse_param(std::string_view param) {
  auto dim = parse_dim(param);
  return dim && !has_loop(*dim) ? *dim : Dim::symbol(param);
}

bool is_named(const DimProto& d) { return !d.value && !d.param.empty() && d.param != "?"; }

// An upper bound of |coefficients| however the extent is multiplied out.
std::optional<int64_t> weight(const Dim& d) {
  int64_t sum = 0;
  for (const Term& t : d.terms()) {
    if (t.coefficient == INT64_MIN) return std::nullopt;
    if (__builtin_add_overflow(sum, std::abs(t.coefficient), &sum)) return std::nullopt;
  }
  return std::max<int64_t>(sum, 1);
}

// Later arithmetic on extents trusts that their products stay far from overflow.
bool is_moderate(DType dtype, const Vec<Dim>& shape) {
  Vec<int64_t> weights;
  for (const Dim& d : shape) {
    auto w = weight(d);
    if (!w) return false;
    weights.push_back(*w);
  }
  return byte_size(dtype == DType::kString ? DType::kU8 : dtype, weights).has_value();
}

class InputTypes {
 public:
  explicit InputTypes(Graph& g) : symbols_(g.symbols) {}

  // Every symbol that stands alone as an extent, in order of inputs and axes.
  void define_symbols(const TypeProto& type, int input) {
    if (type.dims.size() > kMaxRank) return;
    for (size_t axis = 0; axis < type.dims.size(); ++axis) {
      if (!is_named(type.dims[axis])) continue;
      auto name = parse_param(type.dims[axis].param).as_symbol();
      if (name) symbol(*name, input, static_cast<int>(axis));
    }
  }

  Result<Type> type(const TypeProto& t, std::string_view name, int input) {
    using Kind = TypeProto::Kind;
    switch (t.kind) {
      case Kind::kTensor: return tensor_type(t, name, input);
      case Kind::kNone: return Error(kInvalidModel, fmt::format("input \"{}\" has no type", name));
      case Kind::kSequence:
      case Kind::kOptional:
      case Kind::kOther: break;
    }
    return Error(
        kUnsupportedType,
        fmt::format("input \"{}\" is or holds a map, a sparse tensor or what is opaque, which is "
                    "not supported",
                    name));
  }

 private:
  Result<Type> tensor_type(const TypeProto& t, std::string_view name, int input) {
    auto dtype = dtype_of(t.elem_type);
    if (!dtype) {
      return Error(kUnsupportedType,
                   fmt::format("input \"{}\" has elements of type {}, which is not supported", name,
                               onnx_type_name(t.elem_type)));
    }
    if (!t.has_shape) {
      return Error(kUnsupportedType, fmt::format("input \"{}\" has no shape", name),
                   "give it its number of axes; extents may be names");
    }
    if (t.dims.size() > kMaxRank) {
      return Error(kUnsupportedType, fmt::format("input \"{}\" has {} axes, more than {}", name,
                                                 t.dims.size(), kMaxRank));
    }
    Vec<Dim> shape;
    for (size_t axis = 0; axis < t.dims.size(); ++axis) {
      shape.push_back(extent(t.dims[axis], name, input, static_cast<int>(axis)));
    }
    if (!is_moderate(*dtype, shape)) {
      return Error(kInvalidModel, fmt::format("input \"{}\" has an impossible shape", name));
    }
    return Type::tensor(*dtype, std::move(shape));
  }

  Dim extent(const DimProto& d, std::string_view input_name, int input, int axis) {
    if (d.value && *d.value >= 0) return *d.value;
    if (!is_named(d)) return unnamed(input_name, input, axis);
    const Dim dim = parse_param(d.param);
    if (auto value = dim.constant()) return *value >= 0 ? dim : unnamed(input_name, input, axis);
    return is_defined(dim) ? dim : symbol(std::string(d.param), input, axis);
  }

  bool is_defined(const Dim& d) const {
    bool all = true;
    each_atom(d, [&](const Atom& a) {
      all &= a.kind != Atom::Kind::kSymbol || known_.contains(a.symbol);
    });
    return all;
  }

  Dim unnamed(std::string_view input_name, int input, int axis) {
    std::string name = fmt::format("{}_d{}", input_name, axis);
    while (known_.contains(name)) name += '_';
    return symbol(name, input, axis);
  }

  // The first axis to use a name gives its value.
  Dim symbol(const std::string& name, int input, int axis) {
    if (known_.insert(name).second) {
      symbols_.push_back({.name = name, .input = input, .axis = axis});
    }
    return Dim::symbol(name);
  }

  KeyedList<Symbol>& symbols_;
  std::set<std::string> known_;
};

}  // namespace

Types input_types(const Vec<const ValueInfoProto*>& inputs, Graph& g, Vec<Diagnostic>& problems) {
  InputTypes read(g);
  for (size_t i = 0; i < inputs.size(); ++i) {
    read.define_symbols(inputs[i]->type, static_cast<int>(i));
  }
  Types types;
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto type = read.type(inputs[i]->type, inputs[i]->name, static_cast<int>(i));
    if (!type) problems.push_back(type.error().first());
    types.push_back(type ? *type : Type::unknown());
  }
  return types;
}

Type declared_type(const TypeProto& type) {
  auto dtype = dtype_of(type.elem_type);
  if (type.kind != TypeProto::Kind::kTensor || !type.has_shape || !dtype) return Type::unknown();
  Vec<Dim> shape;
  for (const DimProto& d : type.dims) {
    shape.push_back(d.value.value_or(0) > 0 ? Dim(*d.value) : Dim::symbol("?"));
  }
  return Type::tensor(*dtype, std::move(shape));
}

std::string declared_text(const TypeProto& type) {
  auto dtype = dtype_of(type.elem_type);
  if (type.kind != TypeProto::Kind::kTensor) return {};
  std::string element(dtype ? name(*dtype) : std::string_view("?"));
  if (!type.has_shape) return element;
  Vec<std::string> dims;
  for (const DimProto& d : type.dims) {
    dims.push_back(d.value           ? std::to_string(*d.value)
                   : d.param.empty() ? "?"
                                     : std::string(d.param));
  }
  return fmt::format("{}[{}]", element, fmt::join(dims, ", "));
}

}  // namespace rlx::onnx
