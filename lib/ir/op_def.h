// What the rest of the compiler knows of an operator: a record of plain functions, derived from the
// operator's struct by op/op.h. Only op/ and the few passes that need one operator see the structs.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <variant>

#include "ir/type.h"

namespace rlx {

class InferCtx;
class KernelBuilder;
class GraphBuilder;
struct Node;
struct GradIn;
struct JvpIn;
struct BatchIn;
class ListCtx;
struct ListResult;

using Values = Vec<ValueId>;

// Fewest inputs, further optional ones (left out: an invalid ValueId), and outputs, the last of which a
// node may lack. With variadic the last input repeats.
struct Arity {
  int in = 0;
  int optional = 0;
  int out = 1;
  bool variadic = false;
};

// What running a node does besides its outputs; CSE, DCE and fusion ask only this.
enum class Effect : uint8_t { kPure, kState };

// An attribute in place: the closed list of attribute types.
using AttrRef =
    std::variant<int64_t*, float*, bool*, DType*, std::string*, Vec<int64_t>*, Vec<float>*,
                 Vec<std::string>*, std::optional<int64_t>*, std::optional<float>*>;
using AttrVisitor = std::function<void(std::string_view name, AttrRef attribute)>;

struct OpDef {
  std::string_view name;
  int version = 1;
  Arity arity;
  // Of the first input (of the output where there is none).
  DTypes dtypes;
  Effect effect = Effect::kPure;
  // Number of regions a node owns.
  int regions = 0;
  // One output element from the elements at the same (broadcast) place: what passes ask instead of names.
  bool elementwise = false;
  // Element order and values are the input's: reshape, transpose, slice, ...
  bool view = false;
  // Two operands may change places: the result has the same bits.
  bool commutative = false;
  // The output is the first input under another shape: the same elements in the same order.
  bool reshapes = false;
  // Nothing is computed: the run makes symbols of the operand's elements (ir/tellers.h).
  bool tells = false;
  // Of rlx alone: another format's operator of that name is another one.
  bool own = false;

  // Attributes are an object of the operator's struct behind void*.
  void* (*make)() = nullptr;
  void* (*clone)(const void*) = nullptr;
  void (*destroy)(void*) = nullptr;
  // In the struct's order.
  void (*each_attribute)(void*, const AttrVisitor&) = nullptr;

  Result<Types> (*infer)(const void*, InferCtx&) = nullptr;
  // Null for block operators, which expand, and where there is a region or a list.
  Status (*lower)(const void*, KernelBuilder&) = nullptr;
  // The block's outputs, made of other operators: of their types, in which it may have named symbols.
  Result<Values> (*expand)(const void*, GraphBuilder&, const Node& block) = nullptr;
  // Of operators on sequences and optionals, which have neither: what the node's output is (op/shared/list_ctx.h).
  Result<ListResult> (*on_lists)(const void*, ListCtx&) = nullptr;
  // A simpler spelling of what the node alone says, of the same bits and type: its input, or what it adds
  // to the builder; nullopt where it is simple already. It does not look at how its inputs are made.
  std::optional<ValueId> (*canonicalise)(const void*, GraphBuilder&, const Node&) = nullptr;
  // Graphs made of graphs (ir/hooks.h): the gradient by each input, the tangent of each output, and each
  // output with a leading axis more. Null: the operator has none.
  Result<Values> (*grad)(const void*, GraphBuilder&, const GradIn&) = nullptr;
  Result<Values> (*jvp)(const void*, GraphBuilder&, const JvpIn&) = nullptr;
  Result<Values> (*batch)(const void*, GraphBuilder&, const BatchIn&) = nullptr;
};

// The operator of that name; null where there is none. Defined in op/op_table.cpp.
const OpDef* find_op(std::string_view name);
// All, sorted by name.
const Vec<const OpDef*>& all_ops();

// An operator's attributes as a value.
class Attrs {
 public:
  Attrs() = default;
  explicit Attrs(const OpDef* op) : op_(op), data_(op->make()) {}
  Attrs(const Attrs& o) : op_(o.op_), data_(o.data_ ? o.op_->clone(o.data_) : nullptr) {}
  Attrs(Attrs&& o) noexcept : op_(o.op_), data_(o.data_) { o.data_ = nullptr; }
  Attrs& operator=(Attrs o) noexcept {
    std::swap(op_, o.op_);
    std::swap(data_, o.data_);
    return *this;
  }
  ~Attrs() {
    if (data_) op_->destroy(data_);
  }

  const OpDef* op() const { return op_; }
  const void* data() const { return data_; }
  void* data() { return data_; }
  void each(const AttrVisitor& visit) { op_->each_attribute(data_, visit); }
  // The visitor must not write.
  void each(const AttrVisitor& visit) const { op_->each_attribute(data_, visit); }
  bool operator==(const Attrs& o) const;

 private:
  const OpDef* op_ = nullptr;
  void* data_ = nullptr;
};

// "axis = -1, pads = [1, 1]": attributes that differ from their defaults, in the struct's order.
std::string to_text(const Attrs& attrs);

}  // namespace rlx
