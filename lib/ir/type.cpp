#include "ir/type.h"

#include "ir/dim_text.h"
#include "ir/type_text.h"

namespace rlx {
namespace {

std::string tensor_text(const Type& t) { return std::string(name(t.dtype)) + to_text(t.shape); }

Result<Type> parse_tensor(Cursor& in, Type::Kind kind) {
  auto dtype = dtype_named(in.word());
  if (!dtype) return in.error("a type is missing here");
  RLX_TRY(Vec<Dim> shape, parse_dims(in));
  return Type{kind, *dtype, std::move(shape), {}};
}

// Sequences of optionals of sequences end somewhere in any model.
constexpr int kMaxTypeDepth = 16;

Result<Type> parse_nested(Cursor& in, int depth);

Result<Type> parse_wrapped(Cursor& in, Type::Kind kind, int depth) {
  if (depth == kMaxTypeDepth) return in.error("this type is nested too deep");
  RLX_TRY_VOID(in.expect("("));
  RLX_TRY(Type inner,
          kind == Type::Kind::kState ? parse_tensor(in, kind) : parse_nested(in, depth + 1));
  RLX_TRY_VOID(in.expect(")"));
  if (kind == Type::Kind::kState) return inner;
  Type t{.kind = kind};
  t.element.push_back(std::move(inner));
  return t;
}

Result<Type> parse_nested(Cursor& in, int depth) {
  if (in.eat("?")) return Type::unknown();
  if (in.eat("seq")) return parse_wrapped(in, Type::Kind::kSequence, depth);
  if (in.eat("optional")) return parse_wrapped(in, Type::Kind::kOptional, depth);
  if (in.eat("state")) return parse_wrapped(in, Type::Kind::kState, depth);
  return parse_tensor(in, Type::Kind::kTensor);
}

}  // namespace

std::string to_text(const Type& t) {
  switch (t.kind) {
    case Type::Kind::kUnknown: return "?";
    case Type::Kind::kTensor: return tensor_text(t);
    case Type::Kind::kState: return "state(" + tensor_text(t) + ")";
    case Type::Kind::kSequence: return "seq(" + to_text(t.element.at(0)) + ")";
    case Type::Kind::kOptional: return "optional(" + to_text(t.element.at(0)) + ")";
  }
  return {};
}

Result<Type> parse_type(Cursor& in) { return parse_nested(in, 0); }

Result<Type> parse_type(std::string_view text) {
  Cursor in(text);
  RLX_TRY(Type t, parse_type(in));
  if (!in.done()) return in.error("this type goes on unexpectedly");
  return t;
}

Dim bytes_of(DType t, const Dim& count) {
  const int64_t bits = bits_of(t);
  return bits % 8 == 0 ? count * (bits / 8) : floor_div(count * bits + 7, 8);
}

}  // namespace rlx
