// Elements around a tensor: a constant, mirrored, the edge's or wrapped around; negative pads cut
// off.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, pads (known: the low ends of all axes, then the high ends), the constant (left out:
// 0), axes (known; left out: all).
struct Pad {
  static constexpr std::string_view name = "pad";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 2};
  static constexpr DTypes dtypes = kAnyDType;

  // "constant", "reflect", "edge" or "wrap".
  std::string mode = "constant";

  static Result<Types> infer(const Pad& o, InferCtx& c) {
    if (!rule_of(o)) return c.error(kBadAttribute, "mode is " + o.mode);
    RLX_TRY(Vec<Dim> pads, known_dims(c, 1, "pads"));
    const int rank = c.in(0).rank();
    RLX_TRY(auto given, known_integers(c, 3, "axes"));
    const size_t n = given ? given->size() : static_cast<size_t>(rank);
    if (given) {
      RLX_TRY_VOID(checked_axes(c, *given, rank));
    }
    if (pads.size() != 2 * n) return c.error(kBadInput, "pads is not two numbers an axis");
    RLX_TRY_VOID(require_scalar(c, 2, "the constant"));
    if (c.has(2) && c.in(2).dtype != c.in(0).dtype) {
      return c.error(kBadInput, "the constant has another element type than data");
    }
    Vec<Dim> shape = c.in(0).shape;
    for (size_t i = 0; i < n; ++i) {
      Dim& extent = shape[axis_at(given, i, rank)];
      const bool copies =
          rule_of(o) != Bounds::Rule::kFill && !(pads[i].is(0) && pads[i + n].is(0));
      if (copies) RLX_TRY_VOID(require_elements(c, extent, "the axis to repeat"));
      extent = c.simplified(max(extent + pads[i] + pads[i + n], 0));
    }
    return Types{Type::tensor(c.in(0).dtype, std::move(shape))};
  }

  static Status lower(const Pad& o, KernelBuilder& b) {
    const Vec<Dim> low = low_pads(b);
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      Vec<Dim> index;
      for (size_t axis = 0; axis < at.size(); ++axis) index.push_back(at[axis] - low[axis]);
      const Bounds rule{*rule_of(o), fill_of(b)};
      const Ex x = s.load(b.input(0), index, Vec<Bounds>(index.size(), rule));
      const bool computed_fill = rule.rule == Bounds::Rule::kFill && b.has(2) && !known_fill(b);
      return computed_fill ? with_fill(b, s, index, x) : x;
    });
  }

  // What lay inside; of the constant, what lay around.
  static Result<Values> grad(const Pad& o, GraphBuilder& b, const GradIn& in) {
    RLX_TRY_VOID(require_constant_mode(o, b, in.node));
    const KernelBuilder k(b.graph(), in.node);
    const Vec<Dim> low = low_pads(k);
    Formula f(b);
    const Vec<Dim> shape = f(in.inputs[0]).shape(), out = f(in.outputs[0]).shape();
    Vec<Dim> before, behind;
    for (size_t i = 0; i < shape.size(); ++i) {
      before.push_back(Dim(0) - low[i]);
      behind.push_back(shape[i] + low[i] - out[i]);
    }
    const Wire outer = f(in.outer[0]);
    const Wire inside = reshape(rlx::pad(outer, before, behind), shape);
    Vec<Wire> grads(in.inputs.size(), f.none());
    grads[0] = inside;
    if (in.inputs.size() > 2 && in.wanted[2]) {
      const Wire all = sum(outer, iota(0, static_cast<int>(out.size())));
      const Wire kept = sum(inside, iota(0, static_cast<int>(shape.size())));
      grads[2] = reshape(all - kept, f(in.inputs[2]).shape());
    }
    return f.values(grads);
  }

  // A tangent is 0 around, unless the constant has one.
  static Result<Values> jvp(const Pad& o, GraphBuilder& b, const JvpIn& in) {
    RLX_TRY_VOID(require_constant_mode(o, b, in.node));
    Formula f(b);
    Vec<Wire> inputs;
    for (const ValueId v : in.inputs) inputs.push_back(f(v));
    const Wire x = inputs[0];
    const bool varies = in.tangents[0].valid();
    inputs[0] = varies ? f(in.tangents[0]) : f.full(x.dtype(), x.shape(), 0);
    if (inputs.size() > 2) inputs[2] = f(in.tangents[2]);
    return f.values({f.make(attrs(o), inputs)});
  }

  static Result<Values> batch(const Pad& o, GraphBuilder& b, const BatchIn& in) {
    if (others_are_batched(in)) return not_batched(b, in, "the constant");
    const Node node = b.graph()[in.node];
    const Vec<Dim> low = low_pads(KernelBuilder(b.graph(), in.node));
    const Vec<Dim> shape = b.type(node.inputs[0]).shape, out = b.type(node.outputs[0]).shape;
    Vec<Dim> pads = low, high = {0};
    pads.insert(pads.begin(), Dim(0));
    for (size_t i = 0; i < low.size(); ++i) high.push_back(out[i] - shape[i] - low[i]);
    pads.insert(pads.end(), high.begin(), high.end());
    Formula f(b);
    Vec<Wire> inputs = {f(in.inputs[0]), f.integers(std::move(pads))};
    if (in.inputs.size() > 2) inputs.push_back(f(in.inputs[2]));
    return f.values({f.make(attrs(o), inputs)});
  }

 private:
  static Status require_constant_mode(const Pad& o, GraphBuilder& b, NodeId node) {
    if (o.mode == "constant") return {};
    return Error(diagnostic_of(b.graph(), node, kUnsupportedForm,
                               "with mode = \"" + o.mode + "\" there is no gradient"));
  }

  static std::optional<Bounds::Rule> rule_of(const Pad& o) {
    if (o.mode == "constant") return Bounds::Rule::kFill;
    if (o.mode == "reflect") return Bounds::Rule::kReflect;
    if (o.mode == "edge") return Bounds::Rule::kClamp;
    if (o.mode == "wrap") return Bounds::Rule::kWrap;
    return std::nullopt;
  }

  static size_t axis_at(const std::optional<Vec<int64_t>>& given, size_t i, int rank) {
    return given ? static_cast<size_t>(axis_of((*given)[i], rank)) : i;
  }

  // Per axis of the input.
  static Vec<Dim> low_pads(const KernelBuilder& b) {
    const int rank = b.in(0).rank();
    std::optional<Vec<int64_t>> given;
    if (b.has(3)) given = integers_at(b, 3);
    const Vec<Dim> pads = *b.known(1);
    Vec<Dim> low(static_cast<size_t>(rank), Dim(0));
    for (size_t i = 0; i < pads.size() / 2; ++i) low[axis_at(given, i, rank)] = pads[i];
    return low;
  }

  static std::optional<Scalar> known_fill(const KernelBuilder& b) {
    const Constant* c = b.constant(2);
    return c ? std::optional(only_element(*c)) : std::nullopt;
  }

  static Scalar fill_of(const KernelBuilder& b) {
    return known_fill(b).value_or(Scalar::of(b.in(0).dtype, 0));
  }

  // Where the index lies outside, the constant that only the data tells.
  static Ex with_fill(KernelBuilder& b, StageBuilder& s, const Vec<Dim>& index, Ex x) {
    const Ex fill = load_scalar(b, s, 2);
    Ex result = x;
    for (size_t axis = 0; axis < index.size(); ++axis) {
      const Ex at = s.index(index[axis]);
      const Ex last = s.index(b.in(0).shape[axis] - 1);
      result = select(apply(Fn::kLt, at, constant_like(at, 0)), fill, result);
      result = select(apply(Fn::kGt, at, last), fill, result);
    }
    return result;
  }
};
RLX_OP(Pad);

}  // namespace rlx::ops
