// Operators: one header each, a plain struct whose members are its attributes, with static rules.
//
//   // Normalised exponential along one axis.
//   struct Softmax {
//     static constexpr std::string_view name = "softmax";
//     static constexpr int version = 1;
//     static constexpr Arity arity{.in = 1};
//     static constexpr DTypes dtypes = kFloats;
//     int64_t axis = -1;
//     static Result<Types> infer(const Softmax&, InferCtx&);
//     static Status lower(const Softmax&, KernelBuilder&);
//   };
//   RLX_OP(Softmax);   // in namespace rlx::ops
//
// and one sorted line in op/ops.def. Members are named as ONNX names the attribute. Optional
// statics: `effect`, `regions`, `elementwise`, `view`, `commutative`, `reshapes`, `tells`, `own`, `linear` (in input 0,
// and in no other), and the hooks `canonicalise` (ir/op_def.h), `grad`, `jvp` and `batch` (ir/hooks.h); block
// operators have `expand` instead of `lower`, those that own regions neither, those on sequences `on_lists`
// (op/sequences.h) instead of both. Everything else (OpDef, printing,
// parsing, JSON, hash, equality) is derived here from the struct.
//
// In `lower`, at most one operand of an expression adds nodes to the body: compilers differ in the
// order in which they evaluate operands, and a kernel is the same whoever compiled rlx.
#pragma once
#include "ir/infer_ctx.h"
#include "kernel/builder.h"
#include "op/shared/map_hooks.h"
#include "support/record.h"

namespace rlx {

template <class O>
inline constexpr bool kIsRecord = std::is_aggregate_v<O>;
template <class O>
inline constexpr bool kHasName = requires {
  { O::name } -> std::convertible_to<std::string_view>;
};
template <class O>
inline constexpr bool kHasVersion = requires {
  { O::version } -> std::convertible_to<int>;
};
template <class O>
inline constexpr bool kHasArity = requires {
  { O::arity } -> std::convertible_to<Arity>;
};
template <class O>
inline constexpr bool kHasDTypes = requires {
  { O::dtypes } -> std::convertible_to<DTypes>;
};
template <class O>
inline constexpr bool kHasInfer = requires(const O& o, InferCtx& c) {
  { O::infer(o, c) } -> std::same_as<Result<Types>>;
};
template <class O>
inline constexpr bool kHasLower = requires(const O& o, KernelBuilder& b) {
  { O::lower(o, b) } -> std::same_as<Status>;
};
template <class O>
inline constexpr bool kHasExpand = requires(const O& o, GraphBuilder& b, const Node& n) {
  { O::expand(o, b, n) } -> std::same_as<Result<Values>>;
};
template <class O>
inline constexpr bool kHasOnLists = requires(const O& o, ListCtx& c) {
  { O::on_lists(o, c) } -> std::same_as<Result<ListResult>>;
};
template <class O>
inline constexpr bool kHasCanonicalise = requires(const O& o, GraphBuilder& b, const Node& n) {
  { O::canonicalise(o, b, n) } -> std::same_as<std::optional<ValueId>>;
};
template <class O>
inline constexpr bool kHasGrad = requires(const O& o, GraphBuilder& b, const GradIn& in) {
  { O::grad(o, b, in) } -> std::same_as<Result<Values>>;
};
template <class O>
inline constexpr bool kHasJvp = requires(const O& o, GraphBuilder& b, const JvpIn& in) {
  { O::jvp(o, b, in) } -> std::same_as<Result<Values>>;
};
template <class O>
inline constexpr bool kHasBatch = requires(const O& o, GraphBuilder& b, const BatchIn& in) {
  { O::batch(o, b, in) } -> std::same_as<Result<Values>>;
};
template <class O>
inline constexpr bool kIsElementwise = requires { requires O::elementwise; };
template <class O>
inline constexpr bool kReshapes = requires { requires O::reshapes; };
template <class O>
inline constexpr bool kIsLinear = requires { requires O::linear; };

template <class O>
inline constexpr bool kTells = requires { requires O::tells; };
template <class O>
inline constexpr bool kHasRegions = requires {
  { O::regions } -> std::convertible_to<int>;
};

template <class O>
inline constexpr bool kHasAttributes = [] {
  if constexpr (!kIsRecord<O>) {
    return true;
  } else {
    return []<class... M>(std::tuple<M*...>*) {
      return (std::is_constructible_v<AttrRef, std::remove_const_t<M>*> && ...);
    }(static_cast<decltype(record::tie(std::declval<O&>()))*>(nullptr));
  }
}();

// Arguments stand in the order of the node's inputs and outputs, whatever `lower` looks at first.
inline void name_operands(KernelBuilder& b) {
  for (int i = 0; i < b.inputs(); ++i) {
    if (b.has(i)) b.input(i);
  }
  for (int i = 0; i < b.outputs(); ++i) b.output(i);
}

// The hooks of ir/hooks.h: the struct's own, or what follows from its traits.
template <class O>
constexpr void set_hooks(OpDef& d) {
  if constexpr (kHasGrad<O>) {
    d.grad = [](const void* o, GraphBuilder& b, const GradIn& in) {
      return O::grad(*static_cast<const O*>(o), b, in);
    };
  } else if constexpr (kReshapes<O>) {
    d.grad = [](const void*, GraphBuilder& b, const GradIn& in) { return grad_of_reshape(b, in); };
  } else if constexpr (kIsElementwise<O>) {
    d.grad = [](const void*, GraphBuilder& b, const GradIn& in) { return grad_of_map(b, in); };
  }
  if constexpr (kHasJvp<O>) {
    d.jvp = [](const void* o, GraphBuilder& b, const JvpIn& in) {
      return O::jvp(*static_cast<const O*>(o), b, in);
    };
  } else if constexpr (kReshapes<O> || kIsLinear<O>) {
    d.jvp = [](const void*, GraphBuilder& b, const JvpIn& in) { return jvp_of_linear(b, in); };
  } else if constexpr (kIsElementwise<O>) {
    d.jvp = [](const void*, GraphBuilder& b, const JvpIn& in) { return jvp_of_map(b, in); };
  }
  if constexpr (kHasBatch<O>) {
    d.batch = [](const void* o, GraphBuilder& b, const BatchIn& in) {
      return O::batch(*static_cast<const O*>(o), b, in);
    };
  } else if constexpr (kReshapes<O>) {
    d.batch = [](const void*, GraphBuilder& b, const BatchIn& in) {
      return batch_of_reshape(b, in);
    };
  } else if constexpr (kIsElementwise<O>) {
    d.batch = [](const void*, GraphBuilder& b, const BatchIn& in) { return batch_of_map(b, in); };
  }
}

// The OpDef of a struct, made of its statics and members.
template <class O>
constexpr OpDef op_def_of() {
  OpDef d;
  d.name = O::name;
  d.version = O::version;
  d.arity = O::arity;
  d.dtypes = O::dtypes;
  if constexpr (requires { O::effect; }) d.effect = O::effect;
  if constexpr (requires { O::regions; }) d.regions = O::regions;
  if constexpr (requires { O::elementwise; }) d.elementwise = O::elementwise;
  if constexpr (requires { O::view; }) d.view = O::view;
  if constexpr (requires { O::commutative; }) d.commutative = O::commutative;
  if constexpr (requires { O::reshapes; }) d.reshapes = O::reshapes;
  if constexpr (kTells<O>) d.tells = true;
  if constexpr (requires { O::own; }) d.own = O::own;
  d.make = []() -> void* { return new O(); };
  d.clone = [](const void* o) -> void* { return new O(*static_cast<const O*>(o)); };
  d.destroy = [](void* o) { delete static_cast<O*>(o); };
  d.each_attribute = [](void* o, const AttrVisitor& visit) {
    each_member(*static_cast<O*>(o),
                [&](std::string_view name, auto& member) { visit(name, AttrRef(&member)); });
  };
  d.infer = [](const void* o, InferCtx& c) -> Result<Types> {
    // What a list holds is more than a type says.
    if constexpr (kHasOnLists<O>) return Types(static_cast<size_t>(c.outputs()), Type::unknown());
    if constexpr (!kHasOnLists<O>) return O::infer(*static_cast<const O*>(o), c);
  };
  if constexpr (kHasOnLists<O>) {
    d.on_lists = [](const void* o, ListCtx& c) {
      return O::on_lists(*static_cast<const O*>(o), c);
    };
  }
  if constexpr (kHasLower<O>) {
    d.lower = [](const void* o, KernelBuilder& b) {
      name_operands(b);
      return O::lower(*static_cast<const O*>(o), b);
    };
  }
  if constexpr (kHasExpand<O>) {
    d.expand = [](const void* o, GraphBuilder& b, const Node& n) {
      return O::expand(*static_cast<const O*>(o), b, n);
    };
  }
  if constexpr (kHasCanonicalise<O>) {
    d.canonicalise = [](const void* o, GraphBuilder& b, const Node& n) {
      return O::canonicalise(*static_cast<const O*>(o), b, n);
    };
  }
  set_hooks<O>(d);
  return d;
}

// The table's entry for a struct.
template <class O>
const OpDef* op() {
  static constexpr OpDef kDef = op_def_of<O>();
  return &kDef;
}

// The node's attributes as O, or null where it is another operator.
template <class O>
const O* as(const Node& n) {
  return n.attrs.op() == op<O>() ? static_cast<const O*>(n.attrs.data()) : nullptr;
}

// Attributes of a struct's value: attrs(ops::Softmax{.axis = 1}).
template <class O>
Attrs attrs(O value) {
  Attrs a(op<O>());
  *static_cast<O*>(a.data()) = std::move(value);
  return a;
}

}  // namespace rlx

// After the struct, where its type is complete: what is missing is said in one line.
#define RLX_OP(O)                                                                              \
  static_assert(rlx::kIsRecord<O>,                                                             \
                #O ": an operator is a plain struct: no constructor, base or private member"); \
  static_assert(rlx::kHasName<O>, #O ": needs `static constexpr std::string_view name`");      \
  static_assert(rlx::kHasVersion<O>, #O ": needs `static constexpr int version`");             \
  static_assert(rlx::kHasArity<O>, #O ": needs `static constexpr Arity arity`");               \
  static_assert(rlx::kHasDTypes<O>, #O ": needs `static constexpr DTypes dtypes`");            \
  static_assert(rlx::kHasAttributes<O>, #O ": a member's type is not an attribute type");      \
  static_assert(rlx::kHasInfer<O> || rlx::kHasOnLists<O>,                                      \
                #O ": needs `static Result<Types> infer(const " #O "&, InferCtx&)`");          \
  static_assert(rlx::kHasLower<O> || rlx::kHasExpand<O> || rlx::kHasRegions<O> ||              \
                    rlx::kHasOnLists<O> || rlx::kTells<O>,                                     \
                #O ": needs `lower` or `expand`");                                             \
  RLX_LIST_OP(O)

// In op_table.cpp, and nowhere else, RLX_OP also numbers the operators of the headers in ops.def.
#ifdef RLX_OP_TABLE
namespace rlx::ops {
template <int number>
struct Listed;
}
#define RLX_LIST_OP(O)         \
  template <>                  \
  struct Listed<__COUNTER__> { \
    using Struct = O;          \
  }
#else
#define RLX_LIST_OP(O) static_assert(true)
#endif
