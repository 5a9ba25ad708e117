#include "op/shared/derivation.h"

#include <algorithm>

#include <fmt/format.h>

#include "kernel/functions.h"
#include "op/gelu.h"
#include "op/mod.h"

namespace rlx {
namespace {

// Functions whose operator has another name; the others' is their own.
constexpr std::pair<Fn, std::string_view> kOtherNames[] = {
    {Fn::kEq, "equal"},
    {Fn::kLt, "less"},
    {Fn::kLe, "less_or_equal"},
    {Fn::kGt, "greater"},
    {Fn::kGe, "greater_or_equal"},
    {Fn::kSelect, "where"},
    {Fn::kRoundEven, "round"},
};

std::string_view operator_of(Fn fn) {
  const auto* at = std::ranges::find(kOtherNames, fn, &std::pair<Fn, std::string_view>::first);
  return at == std::end(kOtherNames) ? name(fn) : at->second;
}

std::optional<double> number_of(const Body& body, Real r) {
  const Expr& e = body[r.id.index];
  return e.fn == Fn::kConst ? std::optional(e.scalar.as_double()) : std::nullopt;
}

// e^x - 1 without the digits that the difference would lose near 0.
Wire expm1_of(Wire x) {
  Formula& f = *x.formula;
  const Wire half = x * 0.5;
  const Wire root = f.make("exp", {half});
  const Wire near = root * f.make("sinh", {half}) * 2;
  const Wire far = f.make("exp", {x}) + -1;
  const Wire low = f.make("less", {x, f.number(x.dtype(), -1.0)});
  return f.make("where", {low, far, near});
}

Wire truncated(Wire x) {
  Formula& f = *x.formula;
  const Wire whole = f.make("floor", {f.make("abs", {x})});
  return whole * f.make("sign", {x});
}

}  // namespace

Derivation::Derivation(Formula& f, const Kernel& k)
    : f_(f), kernel_(k), body_(k.stages[0].body), root_(k.stages[0].results[0]) {
  RLX_CHECK(k.stages.size() == 1 && k.stages[0].writes.size() == 1,
            k.name + " is no map of elements");
  slopes_.resize(body_.size());
}

Real Derivation::leaf(Wire w, DType type) {
  const size_t reads = kernel_.stages[0].reads.size();
  leaves_.push_back(w);
  const auto index = static_cast<uint32_t>(reads + leaves_.size() - 1);
  return {&body_, add(body_, {.fn = Fn::kLoad, .type = type, .index = index})};
}

ValueId Derivation::loaded(const Expr& load) const {
  return kernel_.args[kernel_.stages[0].reads[load.index].tensor].value;
}

// ---- Derivatives ------------------------------------------------------------------------------

Vec<Derivation::Slope> Derivation::partials(size_t node) {
  const Expr e = body_[node];
  const Function& function = function_of(e.fn);
  if (!is_float(e.type) || !function.derive) return {};
  Vec<Real> x;
  for (const ExprId a : e.args) x.push_back({&body_, a});
  Vec<Slope> partials;
  for (const Real p : function.derive(x, {&body_, ExprId(node)})) partials.emplace_back(p);
  return partials;
}

// A choice between numbers stays one, so that nothing infinite meets a zero.
Derivation::Slope Derivation::times(Real a, Real partial) {
  if (number_of(body_, partial) == 0) return std::nullopt;
  const Expr e = body_[partial.id.index];
  if (e.fn != Fn::kSelect) return a * partial;
  const Real then{&body_, e.args[1]}, otherwise{&body_, e.args[2]};
  if (!number_of(body_, then) || !number_of(body_, otherwise)) return a * partial;
  const Slope yes = times(a, then), no = times(a, otherwise);
  const Real zero = a.number(0);
  return rlx::select({&body_, e.args[0]}, yes.value_or(zero), no.value_or(zero));
}

void Derivation::accumulate(Slope& sum, const Slope& more) {
  if (!more) return;
  sum = sum ? *sum + *more : *more;
}

void Derivation::sweep_back(Wire outer) {
  slopes_[root_.index] = leaf(outer, body_[root_.index].type);
  for (size_t node = slopes_.size(); node-- > 0;) {
    if (slopes_[node]) pass_back(node);
  }
}

void Derivation::pass_back(size_t node) {
  const Expr e = body_[node];
  const Real outer = *slopes_[node];
  if (e.fn == Fn::kCast) {
    const DType from = body_[e.args[0].index].type;
    if (is_float(from)) accumulate(slopes_[e.args[0].index], outer.cast(from));
    return;
  }
  size_t next = 0;
  const Vec<Slope> all = partials(node);
  for (const ExprId a : e.args) {
    if (all.empty() || body_[a.index].type != e.type) continue;
    accumulate(slopes_[a.index], times(outer, *all[next++]));
  }
}

Vec<Wire> Derivation::gradients(ValueId v) {
  Vec<Wire> gradients;
  for (size_t node = 0; node < slopes_.size(); ++node) {
    const bool is_load = body_[node].fn == Fn::kLoad && slopes_[node];
    if (is_load && loaded(body_[node]) == v) gradients.push_back(wire(slopes_[node]->id));
  }
  return gradients;
}

void Derivation::set_tangent(ValueId v, Wire tangent) { tangents_.emplace(v, tangent); }

Wire Derivation::sweep_forward() {
  for (size_t node = 0; node < slopes_.size(); ++node) slopes_[node] = tangent_of(node);
  const Slope& slope = slopes_[root_.index];
  return slope ? wire(slope->id) : f_.none();
}

Derivation::Slope Derivation::tangent_of(size_t node) {
  const Expr e = body_[node];
  if (e.fn == Fn::kLoad) {
    auto tangent = tangents_.find(loaded(e));
    return tangent == tangents_.end() ? Slope() : leaf(tangent->second, e.type);
  }
  if (e.fn == Fn::kCast) {
    const Slope& from = slopes_[e.args[0].index];
    return from && is_float(e.type) ? Slope(from->cast(e.type)) : Slope();
  }
  Slope tangent;
  size_t next = 0;
  const Vec<Slope> all = partials(node);
  for (const ExprId a : e.args) {
    if (all.empty() || body_[a.index].type != e.type) continue;
    const Slope& partial = all[next++];
    if (slopes_[a.index]) accumulate(tangent, times(*slopes_[a.index], *partial));
  }
  return tangent;
}

// ---- As a graph -------------------------------------------------------------------------------

Wire Derivation::wire(ExprId node) {
  Vec<bool> needed(node.index + 1);
  needed[node.index] = true;
  for (size_t i = needed.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (const ExprId a : body_[i].args) needed[a.index] = true;
  }
  wires_.resize(std::max(wires_.size(), needed.size()), f_.none());
  for (size_t i = 0; i < needed.size(); ++i) {
    if (needed[i] && !wires_[i].valid()) wires_[i] = made(body_[i]);
  }
  return wires_[node.index];
}

Wire Derivation::made(const Expr& e) {
  const size_t reads = kernel_.stages[0].reads.size();
  if (e.fn == Fn::kConst) return f_.number(e.type, e.scalar.as_double());
  if (e.fn == Fn::kIndex) return f_.number(e.type, e.dim);
  if (e.fn == Fn::kLoad) return e.index < reads ? f_(loaded(e)) : leaves_[e.index - reads];
  Vec<Wire> x;
  for (const ExprId a : e.args) x.push_back(wires_[a.index]);
  if (e.fn == Fn::kCast) return cast(x[0], e.type);
  if (e.fn == Fn::kFma) return x[0] * x[1] + x[2];
  if (e.fn == Fn::kTrunc) return truncated(x[0]);
  if (e.fn == Fn::kNe) return f_.make("not", {f_.make("equal", x)});
  if (e.fn == Fn::kRem) return f_.make(attrs(ops::Mod{.fmod = 1}), x);
  if (is_macro(e.fn)) return made_macro(e.fn, x);
  const std::string_view op = operator_of(e.fn);
  RLX_CHECK(find_op(op), fmt::format("no operator is the function {}", name(e.fn)));
  return f_.make(op, x);
}

Wire Derivation::made_macro(Fn fn, const Vec<Wire>& x) {
  if (fn == macro::kExpm1) return expm1_of(x[0]);
  if (fn == macro::kGeluTanh) return f_.make(attrs(ops::Gelu{.approximate = "tanh"}), x);
  return f_.make(name(fn), x);
}

}  // namespace rlx
