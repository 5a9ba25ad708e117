// Positions told to heads by turning pairs of their elements: (a, b) becomes (a cos - b sin, a sin + b cos), with an angle
// for each position and pair (Su et al., RoFormer, 2021).
#pragma once
#include "ir/builder.h"
#include "op/concat.h"
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/formula.h"

namespace rlx::ops {

// Inputs: x[batch, heads, positions, size] or x[batch, positions, heads * size]; cosines and sines, either of the angles of
// each token [batch, positions, pairs], or tables [any, pairs] with a fourth input, the positions [batch, positions].
struct RotaryEmbedding {
  static constexpr std::string_view name = "rotary_embedding";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 3, .optional = 1};
  static constexpr DTypes dtypes = kFloats;

  // 1: a pair stands side by side; 0: its second element stands half of what is turned behind the first.
  int64_t interleaved = 0;
  // Of x with three axes.
  int64_t num_heads = 0;
  // The elements of a head that are turned, from its beginning; 0: all.
  int64_t rotary_embedding_dim = 0;

  static Result<Types> infer(const RotaryEmbedding& o, InferCtx& c) {
    RLX_TRY(const int64_t size, head_size(o, c));
    const int64_t turned = o.rotary_embedding_dim == 0 ? size : o.rotary_embedding_dim;
    if (turned < 0 || turned > size || turned % 2 != 0) {
      return c.error(kBadAttribute,
                     "rotary_embedding_dim is not an even number up to the size of a head");
    }
    RLX_TRY_VOID(check_angles(c, 1, turned / 2));
    RLX_TRY_VOID(check_angles(c, 2, turned / 2));
    if (c.has(3) && (c.in(3).rank() != 2 || !is_integer(c.in(3).dtype))) {
      return c.error(kBadInput, "positions are not integers [batch, positions]");
    }
    return Types{c.in(0)};
  }

  static Result<Values> expand(const RotaryEmbedding& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = f(block.inputs[0]);
    const Vec<Dim> shape = x.shape();
    Vec<Dim> heads = shape;
    if (shape.size() == 3) {
      heads = {shape[0], shape[1], o.num_heads, floor_div(shape[2], o.num_heads)};
    }
    const Wire whole = reshape(x, heads);
    const Dim size = heads[3];
    heads[3] = o.rotary_embedding_dim == 0 ? size : Dim(o.rotary_embedding_dim);
    const Wire cosine = angles(o, f, block, 1), sine = angles(o, f, block, 2);
    Wire y = turn(o, slice(whole, 3, 0, heads[3]), heads, cosine, sine);
    if (heads[3] != size) y = joined({y, slice(whole, 3, heads[3], size)}, 3);
    return f.values({reshape(y, shape)});
  }

 private:
  static Result<int64_t> head_size(const RotaryEmbedding& o, InferCtx& c) {
    const Type& x = c.in(0);
    if (x.rank() != 3 && x.rank() != 4) return c.error(kBadInput, "x has neither 3 nor 4 axes");
    if (x.rank() == 3 && o.num_heads <= 0) {
      return c.error(kBadAttribute, "x has 3 axes and num_heads is not given");
    }
    Dim size = x.shape.back();
    if (x.rank() == 3) {
      RLX_TRY(size, divided(c, size, o.num_heads, "the last axis by num_heads"));
    }
    if (auto known = size.constant()) return *known;
    return c.error(kMustBeKnown, "the size of a head is not known", "bind the dim");
  }

  static Status check_angles(InferCtx& c, int i, int64_t pairs) {
    const Type& x = c.in(0);
    const Type& angles = c.in(i);
    if (angles.dtype != x.dtype) {
      return c.error(kBadInput, "angles have another element type than x");
    }
    if (angles.rank() != (c.has(3) ? 2 : 3)) {
      return c.error(kBadInput, c.has(3) ? "tables of angles are not [any, pairs]"
                                         : "angles are not [batch, positions, pairs]");
    }
    RLX_TRY_VOID(c.require_equal(angles.shape.back(), pairs));
    const Vec<Dim>& tokens = c.in(c.has(3) ? 3 : i).shape;
    if (tokens.size() < 2) return {};
    const size_t positions = x.rank() == 3 ? 1 : 2;
    RLX_TRY(const Dim batch, c.broadcast(tokens[0], x.shape[0]));
    RLX_TRY_VOID(c.require_equal(batch, x.shape[0]));
    return c.require_equal(tokens[1], x.shape[positions]);
  }

  // Of the axes of heads in pairs [.., 2, pairs] or [.., pairs, 2]: where the two of a pair stand.
  static int pair_axis(const RotaryEmbedding& o) { return o.interleaved != 0 ? 4 : 3; }

  // As they broadcast to one of the two of all pairs.
  static Wire angles(const RotaryEmbedding& o, Formula& f, const Node& block, size_t i) {
    const Wire given = f(block.inputs[i]);
    Wire of_tokens = given;
    Vec<Dim> shape = given.shape();
    if (const Wire positions = f.input(block, 3); positions.valid()) {
      const Vec<Dim> tokens = positions.shape();
      shape = {tokens[0], tokens[1], shape[1]};
      of_tokens = f.make("gather", {given, positions});
    }
    const int head_axis = f(block.inputs[0]).rank() == 3 ? 2 : 1;
    shape.insert(shape.begin() + head_axis, 1);
    shape.insert(shape.begin() + pair_axis(o), 1);
    return reshape(of_tokens, shape);
  }

  static Wire joined(const Vec<Wire>& parts, int axis) {
    return parts[0].formula->make(attrs(Concat{.axis = axis}), parts);
  }

  static Wire turn(const RotaryEmbedding& o, Wire x, const Vec<Dim>& shape, Wire cosine,
                   Wire sine) {
    const int axis = pair_axis(o);
    Vec<Dim> pairs = shape;
    pairs.back() = floor_div(shape.back(), 2);
    pairs.insert(pairs.begin() + axis, 2);
    const Wire both = reshape(x, pairs);
    const Wire first = slice(both, axis, 0, 1), second = slice(both, axis, 1, 2);
    const Wire level = first * cosine;
    const Wire turned_first = level - second * sine;
    const Wire across = first * sine;
    const Wire turned_second = across + second * cosine;
    return reshape(joined({turned_first, turned_second}, axis), shape);
  }
};
RLX_OP(RotaryEmbedding);

}  // namespace rlx::ops
