// Rows: softmax, norms, reductions, scans, pools.
#include <algorithm>
#include <cmath>
#include <set>

#include "op/reductions.h"
#include "test/random/generate.h"

namespace rlx::random {

using Attributes = Vec<std::pair<std::string, Setting>>;
// In emit_products.cpp: the output's shape and the windows of a pool.
std::optional<std::pair<Vec<Dim>, Attributes>> pool_windows(Generator& g, int v);

namespace {

Made softmax_like(Generator& g, int v, std::string_view op) {
  if (!is_float(g.at(v).dtype) || g.rank(v) == 0) return std::nullopt;
  Made x = g.bounded(v, 8);
  if (!x) return x;
  int axis = g.random.percent(50) ? g.rank(*x) - 1 : g.axis(*x);
  const Value in = g.at(*x);
  bool log = op == "LogSoftmax";
  double n =
      static_cast<double>(std::max<int64_t>(1, g.number(in.shape[static_cast<size_t>(axis)])));
  Generator::Result r{in.dtype, in.shape, log ? 2 * in.big + std::log(n) : 1};
  r.error = 2 * in.error + Generator::unit(in.dtype) * (log ? 4 * (in.big + 4) : 4);
  Attributes a;
  if (axis != g.rank(*x) - 1 || g.random.percent(50)) a = {{"axis", spelled(g, axis, g.rank(*x))}};
  return g.node(op, {*x}, r, a);
}

Made softmax(Generator& g, int v) { return softmax_like(g, v, "Softmax"); }
Made log_softmax(Generator& g, int v) { return softmax_like(g, v, "LogSoftmax"); }

Made layer_normalization(Generator& g, int v) {
  DType t = g.at(v).dtype;
  if (!is_float(t) || g.rank(v) == 0) return std::nullopt;
  const Value in = g.at(v);
  int axis = g.random.percent(65) ? g.rank(v) - 1 : g.axis(v);
  Vec<Dim> row(in.shape.begin() + axis, in.shape.end());
  double n = static_cast<double>(std::max<int64_t>(1, g.elements(row)));
  const float epsilon = 0.05F;
  // What a difference of the elements becomes where the row hardly varies.
  double gain = 2 / std::sqrt(static_cast<double>(epsilon));
  Generator::Result r{t, in.shape, std::min(std::sqrt(n), 8.0) * 2 + 1};
  r.error =
      gain * (2 * in.error + 4 * Generator::unit(t) * in.big * 2) + 8 * Generator::unit(t) * r.big;
  r.error += gain * gain * gain * in.big * in.error;
  Vec<int> inputs = {v, g.operand(t, row, 2)};
  if (g.at(inputs[1]).error > 1e-3 || g.at(inputs[1]).big > 2) inputs[1] = g.fresh(t, row, 2);
  if (g.random.percent(60)) inputs.push_back(g.fresh(t, row, 1));
  return g.node("LayerNormalization", inputs, r,
                {{"axis", spelled(g, axis, g.rank(v))}, {"epsilon", epsilon}});
}

Made batch_normalization(Generator& g, int v) {
  DType t = g.at(v).dtype;
  if (!is_float(t) || g.rank(v) < 2) return std::nullopt;
  const Value in = g.at(v);
  const Vec<Dim> channel = {in.shape[1]};
  if (!g.closed(channel)) return std::nullopt;
  Fill around{.kind = Fill::Kind::kReal}, variance{.kind = Fill::Kind::kReal, .lo = 0.5, .hi = 2};
  int scale = g.constant(t, channel, around), bias = g.constant(t, channel, around);
  int mean = g.constant(t, channel, around), var = g.constant(t, channel, variance);
  Generator::Result r{t, in.shape, 1.5 * (in.big + 1) + 1};
  r.error = 2 * in.error + 6 * Generator::unit(t) * r.big;
  return g.node("BatchNormalization", {v, scale, bias, mean, var}, r);
}

// ---- Reductions -------------------------------------------------------------------------------

struct Reduced {
  // -1: no input, all axes.
  int axes = -1;
  Vec<Dim> shape;
  int64_t count = 1;
  Dim elements = 1;
  bool keepdims = true;
};

Reduced reduced(Generator& g, int v) {
  Reduced r;
  int rank = g.rank(v);
  r.keepdims = g.random.percent(50);
  std::set<int> axes;
  bool all = rank == 0 || g.random.percent(15);
  if (all) {
    for (int i = 0; i < rank; ++i) axes.insert(i);
  } else {
    for (size_t i = 1 + g.random.below(std::min<size_t>(static_cast<size_t>(rank), 2)); i > 0;
         --i) {
      axes.insert(g.axis(v));
    }
    Vec<int64_t> written;
    for (int axis : axes) written.push_back(spelled(g, axis, rank));
    r.axes = g.integers(written);
  }
  for (int i = 0; i < rank; ++i) {
    const Dim& d = g.at(v).shape[static_cast<size_t>(i)];
    if (!axes.contains(i)) {
      r.shape.push_back(d);
      continue;
    }
    r.elements = r.elements * d;
    r.count *= g.number(d);
    if (r.keepdims) r.shape.emplace_back(1);
  }
  return r;
}

Made reduction(Generator& g, int v, std::string_view op) {
  const OpDef* def = find_op(op);
  if (!def->dtypes.has(g.at(v).dtype)) return std::nullopt;
  bool prod = op == "reduce_prod", log = op.find("log") != std::string_view::npos;
  bool square = op == "reduce_l2" || op == "reduce_sum_square";
  bool of_floats = log || op == "reduce_l2" || op == "reduce_mean";
  bool selects = op == "reduce_max" || op == "reduce_min";
  if (of_floats && !is_float(g.at(v).dtype)) return std::nullopt;
  if (op == "reduce_log_sum") {
    Made x = g.positive(v);
    if (!x) return x;
    v = *x;
  }
  if (log || prod || square) {
    Made x = is_float(g.at(v).dtype) ? g.bounded(v, prod ? 1.2 : 8) : Made(v);
    if (!x) return x;
    v = *x;
  }
  Reduced w = reduced(g, v);
  // Of no elements there is no mean, and for others ONNX names none.
  bool needs = selects || log || op == "reduce_mean";
  if (needs && !g.need(w.elements, 1)) return std::nullopt;
  const Value in = g.at(v);
  double n = static_cast<double>(std::max<int64_t>(1, w.count)), u = Generator::unit(in.dtype);
  Generator::Result r{in.dtype, w.shape, in.big, in.error};
  r.exact = r.whole = in.whole;
  double each = square ? in.big * in.big : in.big;
  double error = square ? 2 * in.big * in.error : in.error;
  if (selects) {
    r.exact = in.exact;
  } else if (prod) {
    if (n > 8 && !is_float(in.dtype)) return std::nullopt;
    r.big = std::pow(std::max(1.0, in.big), std::min(n, 40.0));
    r.error = n * (in.error + u) * r.big;
  } else {
    r.big = n * each, r.error = n * error + 2 * u * n * each;
    if (!in.whole) r.big = std::min(r.big, each * n);
  }
  if (op == "reduce_mean") {
    r.big = in.big, r.error = in.error + 3 * u * in.big, r.whole = r.exact = false;
  }
  // The root of what may be 0 has no slope.
  if (op == "reduce_l2") {
    if (in.error > 0) return std::nullopt;
    r.big = in.big * std::sqrt(n), r.error = 4 * u * r.big, r.whole = r.exact = false;
  }
  if (log) {
    r.big = in.big + std::log(n) + 1, r.whole = r.exact = false;
    r.error = 4 * in.error + 8 * u * (r.big + 1) + u * n;
  }
  Vec<int> inputs = {v};
  if (w.axes >= 0) inputs.push_back(w.axes);
  Attributes a;
  if (!w.keepdims || g.random.percent(40)) a = {{"keepdims", int64_t{w.keepdims}}};
  return g.node(onnx_name(op), inputs, r, a);
}

template <size_t row>
Made reduction_row(Generator& g, int v) {
  return reduction(g, v, rlx::reduction_rows()[row].name);
}

Made log_sum_exp(Generator& g, int v) { return reduction(g, v, "reduce_log_sum_exp"); }

Made arg_best(Generator& g, int v, std::string_view op) {
  const Value in = g.at(v);
  if (!in.exact || in.dtype == DType::kBool || g.rank(v) == 0) return std::nullopt;
  int axis = g.axis(v);
  Vec<Dim> shape = in.shape;
  const Dim extent = shape[static_cast<size_t>(axis)];
  if (!g.need(extent, 1)) return std::nullopt;
  bool keepdims = g.random.percent(50);
  if (keepdims) shape[static_cast<size_t>(axis)] = 1;
  if (!keepdims) shape.erase(shape.begin() + axis);
  Attributes a = {{"axis", spelled(g, axis, g.rank(v))}, {"keepdims", int64_t{keepdims}}};
  if (g.random.percent(30)) a.emplace_back("select_last_index", int64_t{1});
  return g.node(op, {v}, {DType::kI64, shape, static_cast<double>(g.number(extent))}, a);
}

Made arg_max(Generator& g, int v) { return arg_best(g, v, "ArgMax"); }
Made arg_min(Generator& g, int v) { return arg_best(g, v, "ArgMin"); }

Made hardmax(Generator& g, int v) {
  const Value in = g.at(v);
  if (!in.exact || !is_float(in.dtype) || g.rank(v) == 0) return std::nullopt;
  Generator::Result r{in.dtype, in.shape, 1};
  r.exact = r.whole = true;
  return g.node("Hardmax", {v}, r, {{"axis", spelled(g, g.axis(v), g.rank(v))}});
}

Made top_k(Generator& g, int v) {
  const Value in = g.at(v);
  if (!in.exact || in.dtype == DType::kBool || g.rank(v) == 0) return std::nullopt;
  const int axis = g.axis(v);
  Vec<Dim> shape = in.shape;
  Dim& extent = shape[static_cast<size_t>(axis)];
  const int64_t most = std::max<int64_t>(1, g.number(extent));
  const int64_t count = g.random.percent(30) ? most : g.random.between(1, most);
  if (!g.need(extent, count)) return std::nullopt;
  extent = count;
  const int k = g.integers({count});
  Attributes a = {{"axis", spelled(g, axis, g.rank(v))}};
  if (g.random.percent(50)) a.emplace_back("largest", int64_t{0});
  const Generator::Result values{in.dtype, shape, in.big, in.error, in.exact, in.whole};
  const Generator::Result places{DType::kI64, shape, static_cast<double>(most)};
  const Vec<int> outputs = g.nodes("TopK", {v, k}, {values, places}, a);
  if (outputs.empty()) return std::nullopt;
  return g.random.pick(outputs);
}

Made cum_sum(Generator& g, int v) {
  const Value in = g.at(v);
  if (in.dtype == DType::kBool || g.rank(v) == 0) return std::nullopt;
  int axis = g.axis(v);
  double n =
      static_cast<double>(std::max<int64_t>(1, g.number(in.shape[static_cast<size_t>(axis)])));
  Generator::Result r{in.dtype, in.shape, n * in.big};
  r.error = n * in.error + Generator::unit(in.dtype) * n * n * in.big;
  r.exact = r.whole = in.whole;
  Attributes a;
  if (g.random.percent(30)) a.emplace_back("exclusive", int64_t{1});
  if (g.random.percent(30)) a.emplace_back("reverse", int64_t{1});
  return g.node("CumSum", {v, g.integers({spelled(g, axis, g.rank(v))}, true)}, r, a);
}

// ---- Pools ------------------------------------------------------------------------------------

Made max_pool(Generator& g, int v) {
  const Value in = g.at(v);
  bool fits = is_float(in.dtype) || in.dtype == DType::kI8 || in.dtype == DType::kU8;
  if (!fits || g.rank(v) < 3 || g.rank(v) > 5) return std::nullopt;
  auto w = pool_windows(g, v);
  if (!w) return std::nullopt;
  Generator::Result r{in.dtype, w->first, in.big, in.error, in.exact, in.whole};
  if (in.exact && g.random.percent(15)) {
    Vec<int> both = g.nodes("MaxPool", {v}, {r, {DType::kI64, w->first, 1e5}}, w->second);
    if (both.empty()) return std::nullopt;
    return both[g.random.below(2)];
  }
  return g.node("MaxPool", {v}, r, w->second);
}

Made average_pool(Generator& g, int v) {
  const Value in = g.at(v);
  if (!is_float(in.dtype) || g.rank(v) < 3 || g.rank(v) > 5) return std::nullopt;
  auto w = pool_windows(g, v);
  if (!w) return std::nullopt;
  Generator::Result r{in.dtype, w->first, in.big};
  r.error = in.error + 8 * Generator::unit(in.dtype) * in.big;
  if (g.random.percent(40)) w->second.emplace_back("count_include_pad", int64_t{1});
  return g.node("AveragePool", {v}, r, w->second);
}

// The root of what may be 0 has no slope.
Made lp_pool(Generator& g, int v) {
  const Value in = g.at(v);
  if (in.dtype != DType::kF32 || in.error > 0 || g.rank(v) < 3 || g.rank(v) > 5) {
    return std::nullopt;
  }
  auto w = pool_windows(g, v);
  if (!w) return std::nullopt;
  // A window has some hundreds of elements at most.
  Generator::Result r{in.dtype, w->first, 32 * in.big};
  r.error = 64 * Generator::unit(in.dtype) * r.big;
  w->second.emplace_back("p", g.random.between(1, 3));
  return g.node("LpPool", {v}, r, w->second);
}

Made global_lp_pool(Generator& g, int v) {
  const Value in = g.at(v);
  if (in.dtype != DType::kF32 || in.error > 0 || g.rank(v) < 3) return std::nullopt;
  Vec<Dim> shape = {in.shape[0], in.shape[1]};
  double n = 1;
  for (size_t i = 2; i < in.shape.size(); ++i) {
    if (!g.need(in.shape[i], 1)) return std::nullopt;
    n *= static_cast<double>(g.number(in.shape[i]));
    shape.emplace_back(1);
  }
  Generator::Result r{in.dtype, shape, n * in.big};
  r.error = 4 * n * Generator::unit(in.dtype) * r.big;
  return g.node("GlobalLpPool", {v}, r, {{"p", g.random.between(1, 3)}});
}

Made global_pool(Generator& g, int v, std::string_view op) {
  const Value in = g.at(v);
  if (!is_float(in.dtype) || g.rank(v) < 3) return std::nullopt;
  Vec<Dim> shape = {in.shape[0], in.shape[1]};
  for (size_t i = 2; i < in.shape.size(); ++i) {
    if (!g.need(in.shape[i], 1)) return std::nullopt;
    shape.emplace_back(1);
  }
  bool selects = op == "GlobalMaxPool";
  Generator::Result r{in.dtype, shape, in.big, in.error, selects && in.exact, selects && in.whole};
  if (!selects) r.error += 8 * Generator::unit(in.dtype) * in.big;
  return g.node(op, {v}, r);
}

Made global_average_pool(Generator& g, int v) { return global_pool(g, v, "GlobalAveragePool"); }
Made global_max_pool(Generator& g, int v) { return global_pool(g, v, "GlobalMaxPool"); }

template <size_t... row>
Vec<Emitter> reductions(std::index_sequence<row...>) {
  Vec<Made (*)(Generator&, int)> all = {reduction_row<row>...};
  Vec<Emitter> out;
  for (size_t i = 0; i < rlx::reduction_rows().size(); ++i) {
    out.push_back({rlx::reduction_rows()[i].name, "reduction", Family::kRow, all[i]});
  }
  return out;
}

}  // namespace

Vec<Emitter> row_emitters() {
  Vec<Emitter> all = {
      {"softmax", "softmax", Family::kRow, softmax},
      {"softmax", "softmax", Family::kRow, softmax},
      {"log_softmax", "softmax", Family::kRow, log_softmax},
      {"layer_normalization", "norm", Family::kRow, layer_normalization},
      {"layer_normalization", "norm", Family::kRow, layer_normalization},
      {"batch_normalization", "", Family::kRow, batch_normalization},
      {"reduce_log_sum_exp", "reduction", Family::kRow, log_sum_exp},
      {"arg_max", "arg", Family::kRow, arg_max},
      {"arg_min", "arg", Family::kRow, arg_min},
      {"hardmax", "arg", Family::kRow, hardmax},
      {"cum_sum", "scan", Family::kRow, cum_sum},
      {"top_k", "sort", Family::kRow, top_k},
      {"max_pool", "pool", Family::kRow, max_pool},
      {"max_pool", "pool", Family::kRow, max_pool},
      {"average_pool", "pool", Family::kRow, average_pool},
      {"average_pool", "pool", Family::kRow, average_pool},
      {"lp_pool", "pool", Family::kRow, lp_pool},
      {"global_lp_pool", "pool", Family::kRow, global_lp_pool},
      {"global_average_pool", "pool", Family::kRow, global_average_pool},
      {"global_max_pool", "pool", Family::kRow, global_max_pool},
  };
  constexpr size_t kMostRows = 32;
  RLX_CHECK(rlx::reduction_rows().size() <= kMostRows);
  Vec<Emitter> some = reductions(std::make_index_sequence<kMostRows>());
  all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace rlx::random
