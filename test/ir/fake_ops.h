// Operators that tests of the graph use; the real ones lie downstream of it.
#pragma once
#include "ir/builder.h"
#include "support/record.h"

namespace rlx::fake {

// Elementwise with broadcasting.
struct Add {
  static constexpr std::string_view name = "add";
  static constexpr Arity arity{.in = 2};
  static Result<Types> infer(const Add&, InferCtx& c);
};

// The elements of the shape, which inference solves.
struct Shape {
  static constexpr std::string_view name = "shape";
  static constexpr Arity arity{.in = 1};
  static Result<Types> infer(const Shape&, InferCtx& c);
};

// To a shape that is known or unknown.
struct Reshape {
  static constexpr std::string_view name = "reshape";
  static constexpr Arity arity{.in = 2};
  static Result<Types> infer(const Reshape&, InferCtx& c);
};

// The first `at` rows and the others.
struct Split {
  static constexpr std::string_view name = "split";
  static constexpr Arity arity{.in = 1, .out = 2};
  int64_t at = 1;
  static Result<Types> infer(const Split&, InferCtx& c);
};

// One attribute of every type; the second input may be left out.
struct Everything {
  static constexpr std::string_view name = "everything";
  static constexpr Arity arity{.in = 1, .optional = 2};
  int64_t i = -1;
  float f = 0.5f;
  bool b = false;
  DType t = DType::kF32;
  std::string s = "same";
  Vec<int64_t> is = {1, 1};
  Vec<float> fs = {};
  Vec<std::string> ss = {};
  std::optional<int64_t> oi = std::nullopt;
  std::optional<float> of = 1.0f;
  static Result<Types> infer(const Everything&, InferCtx& c);
};

// Owns two regions of the same result.
struct If {
  static constexpr std::string_view name = "if";
  static constexpr Arity arity{.in = 1};
  static constexpr int regions = 2;
  static Result<Types> infer(const If&, InferCtx& c);
};

// A block: it only expands.
struct Block {
  static constexpr std::string_view name = "block";
  static constexpr Arity arity{.in = 1};
  static Result<Types> infer(const Block&, InferCtx& c);
  static Result<Values> expand(const Block&, GraphBuilder& b, const Node& block);
};

template <class O>
Attrs attrs(O value) {
  Attrs a(find_op(O::name));
  *static_cast<O*>(a.data()) = std::move(value);
  return a;
}

}  // namespace rlx::fake
