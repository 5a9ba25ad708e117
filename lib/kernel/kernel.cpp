#include "kernel/kernel.h"

#include <algorithm>
#include <limits>

#include "kernel/detail.h"

namespace rlx {

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::kMap: return "map";
    case Kind::kReduce: return "reduce";
    case Kind::kScan: return "scan";
    case Kind::kContract: return "contract";
    case Kind::kConv: return "conv";
    case Kind::kSort: return "sort";
  }
  return {};
}

Box box_of(const Arg& framed) { return {framed.frame->start, framed.shape}; }

bool may_overlap(const Arg& a, const Arg& b) {
  if (!a.frame || !b.frame || a.frame->memory != b.frame->memory) return false;
  return !are_disjoint(box_of(a), box_of(b), [](const Atom&) { return DimRange{}; });
}

Dim memory_elements(const Arg& arg) {
  return arg.frame ? storage_elements(arg.frame->storage, arg.frame->shape)
                   : storage_elements(arg.storage, arg.shape);
}

RangeOf ranges_of(const Kernel& k, const Stage* stage, RangeOf symbols) {
  std::map<LoopId, Dim> extents;
  for (const Loop& l : k.grid) extents.emplace(l.id, l.extent);
  if (stage) {
    for (const Loop& l : stage->loops) extents.emplace(l.id, l.extent);
  }
  return [extents = std::move(extents), symbols = std::move(symbols)](const Atom& a) {
    if (a.kind != Atom::Kind::kLoop) return symbols ? symbols(a) : DimRange{};
    auto found = extents.find(a.loop);
    return found == extents.end() ? DimRange{} : DimRange{.lo = 0, .hi = found->second - 1};
  };
}

// ---- The order of reductions ------------------------------------------------------------------

// Of a sum, 0 is none: 0 + -0 is 0.
Scalar identity_of(Fn merge, DType type) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (merge) {
    case Fn::kAdd: return is_float(type) ? Scalar::of(type, -0.0) : Scalar::of_int(type, 0);
    case Fn::kMul: return Scalar::of(type, 1);
    case Fn::kMax: return Scalar::of(type, -kInfinity);
    case Fn::kMin: return Scalar::of(type, kInfinity);
    case Fn::kAnd: return Scalar::of_int(type, -1);
    default: return Scalar::of(type, 0);
  }
}

namespace {

// Of a sum, 0 counts as one too: it starts nearly all of them.
bool is_identity(const Scalar& s, Fn fn) {
  if (fn == Fn::kAdd && is_float(s.dtype)) return s.f == 0;
  return s == identity_of(fn, s.dtype);
}

// The function that merges two partial results of `fn`.
std::optional<Fn> merging(Fn fn) {
  switch (fn) {
    case Fn::kFma: return Fn::kAdd;
    case Fn::kAdd:
    case Fn::kMul:
    case Fn::kMin:
    case Fn::kMax:
    case Fn::kAnd:
    case Fn::kOr:
    case Fn::kXor: return fn;
    default: return std::nullopt;
  }
}

bool is_accumulator(const Expr& e, uint32_t index) { return e.fn == Fn::kAcc && e.index == index; }

bool uses_accumulator(const Stage& s, ExprId root) {
  Vec<bool> cone = needed(s, {root});
  for (size_t i = 0; i < cone.size(); ++i) {
    if (cone[i] && s.body[i].fn == Fn::kAcc) return true;
  }
  return false;
}

// combine = fn(acc, x), fn(x, acc) or fma(x, y, acc), x and y free of accumulators.
std::optional<Fn> merge_of(const Stage& s, const Reduction& r, size_t i) {
  const Expr& next = s.body[r.combine[i].index];
  auto merge = merging(next.fn);
  if (!merge || !is_identity(r.init[i], *merge)) return std::nullopt;
  const bool only_last = next.fn == Fn::kFma;
  int accumulators = 0;
  for (size_t a = 0; a < next.args.size(); ++a) {
    const bool direct = is_accumulator(s.body[next.args[a].index], static_cast<uint32_t>(i));
    if (direct && (!only_last || a == 2)) {
      ++accumulators;
    } else if (uses_accumulator(s, next.args[a])) {
      return std::nullopt;
    }
  }
  return accumulators == 1 ? merge : std::nullopt;
}

}  // namespace

std::optional<Vec<Fn>> merges_of(const Stage& s) {
  if (s.kind() != Kind::kReduce) return Vec<Fn>{Fn::kAdd};
  const Reduction& r = s.reduction();
  Vec<Fn> merges;
  for (size_t i = 0; i < r.acc.size(); ++i) {
    auto merge = merge_of(s, r, i);
    if (!merge) return std::nullopt;
    merges.push_back(*merge);
  }
  return merges;
}

const Order* order_of(const Stage& s) {
  if (const auto* r = std::get_if<Reduction>(&s.detail)) return &r->order;
  if (const auto* c = std::get_if<Contract>(&s.detail)) return &c->order;
  return nullptr;
}

void settle_order(Stage& s) {
  auto* r = std::get_if<Reduction>(&s.detail);
  if (r && (r->over.empty() || !merges_of(s))) r->order = {};
}

Steps steps_of_run(const Stage& s, const Dim& run) {
  const Vec<LoopId> over = ended_loops(s);
  Dim length = ceil_div(find_loop(s.loops, over[0])->extent, order_of(s)->parts);
  if (over.size() == 1) length = ceil_div(length, kReductionLanes) * kReductionLanes;
  const Dim first = run * length;
  const Dim end = min(first + length, find_loop(s.loops, over[0])->extent);
  return {first, max(first, end)};
}

// ---- Ids of a stage ---------------------------------------------------------------------------

const std::string& node_of(const Kernel& k) {
  for (const Stage& s : k.stages) {
    if (!s.origin.empty()) return s.origin.front();
  }
  return k.name;
}

const Loop* find_loop(const Vec<Loop>& loops, LoopId id) {
  auto it = std::ranges::find(loops, id, &Loop::id);
  return it == loops.end() ? nullptr : &*it;
}

Vec<LoopId> ids_of(const Vec<Loop>& loops) {
  Vec<LoopId> ids;
  for (const Loop& l : loops) ids.push_back(l.id);
  return ids;
}

bool uses_any(const Dim& d, const Vec<LoopId>& loops) {
  if (!d.has_loops()) return false;
  bool found = false;
  each_atom(d, [&](const Atom& a) {
    found |= a.kind == Atom::Kind::kLoop && std::ranges::find(loops, a.loop) != loops.end();
  });
  return found;
}

Vec<ExprId> operands(const Stage& s) {
  switch (s.kind()) {
    case Kind::kContract: return {s.contract().a, s.contract().b};
    case Kind::kConv: return {s.conv().x, s.conv().w};
    case Kind::kMap:
    case Kind::kReduce:
    case Kind::kScan:
    case Kind::kSort: return {};
  }
  return {};
}

Vec<uint32_t> loaded_reads(const Stage& s, ExprId root) {
  const Vec<bool> cone = needed(s, {root});
  Vec<uint32_t> reads;
  for (size_t i = 0; i < cone.size(); ++i) {
    const Expr& e = s.body[i];
    const bool is_new = cone[i] && e.fn == Fn::kLoad && !std::ranges::count(reads, e.index);
    if (is_new) reads.push_back(e.index);
  }
  return reads;
}

namespace {

Vec<LoopId> ended(const Map&) { return {}; }
Vec<LoopId> ended(const Reduction& r) { return r.over; }
Vec<LoopId> ended(const Scan&) { return {}; }
Vec<LoopId> ended(const Sort& s) { return {s.over}; }
Vec<LoopId> ended(const Contract& c) { return c.k; }

Vec<LoopId> ended(const Conv& c) {
  Vec<LoopId> loops = c.window;
  loops.push_back(c.in_channel);
  return loops;
}

}  // namespace

Vec<LoopId> ended_loops(const Stage& s) {
  return std::visit([](const auto& d) { return ended(d); }, s.detail);
}

bool is_relaxed(const Kernel& k) {
  bool any = false;
  for (const Stage& s : k.stages) {
    if (operands(s).empty()) continue;
    if (!s.relaxed) return false;
    any = true;
  }
  return any;
}

Vec<DType> accumulator_types(const Stage& s) {
  Vec<DType> types;
  visit_detail(s, [&](const DType& type) { types.push_back(type); });
  return types;
}

Vec<bool> needed(const Stage& s, const Vec<ExprId>& roots) {
  Vec<bool> cone(s.body.size());
  for (const ExprId root : roots) cone[root.index] = true;
  // Operands and indexes come before their users.
  for (size_t i = s.body.size(); i-- > 0;) {
    if (!cone[i]) continue;
    for (const ExprId a : s.body[i].args) cone[a.index] = true;
    if (s.body[i].fn != Fn::kLoad) continue;
    for (const AxisIndex& index : s.reads[s.body[i].index].index) {
      if (index.expr) cone[index.expr->index] = true;
    }
  }
  return cone;
}

namespace {

void each_index(Vec<Access>& accesses, const std::function<void(ExprId&)>& f) {
  for (Access& a : accesses) {
    for (AxisIndex& index : a.index) {
      if (index.expr) f(*index.expr);
    }
  }
}

}  // namespace

void each_root(Stage& s, const std::function<void(ExprId&)>& f) {
  for (ExprId& id : s.results) f(id);
  visit_detail(s, [&](ExprId& id) { f(id); });
  each_index(s.reads, f);
  each_index(s.writes, f);
}

void expand_math(Stage& s) {
  Vec<ExprId> roots;
  each_root(s, [&](ExprId& id) { roots.push_back(id); });
  expand_math(s.body, roots);
  size_t next = 0;
  each_root(s, [&](ExprId& id) { id = roots[next++]; });
  settle_order(s);
}

}  // namespace rlx
