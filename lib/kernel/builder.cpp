#include "kernel/builder.h"

#include <algorithm>

#include <fmt/format.h>

#include "ir/text.h"
#include "support/ending.h"

namespace rlx {

// ---- Expressions ------------------------------------------------------------------------------

DType Ex::type() const { return stage->stage().body[id.index].type; }

Ex apply(Fn fn, Ex a) { return a.stage->apply(fn, {a}); }
Ex apply(Fn fn, Ex a, Ex b) { return a.stage->apply(fn, {a, b}); }
Ex select(Ex condition, Ex then, Ex otherwise) {
  return condition.stage->apply(Fn::kSelect, {condition, then, otherwise});
}
Ex cast(Ex a, DType to) { return a.stage->node({.fn = Fn::kCast, .type = to, .args = {a.id}}); }
Ex constant_like(Ex a, double value) { return a.stage->constant(a.type(), value); }

Ex operator+(Ex a, Ex b) { return apply(Fn::kAdd, a, b); }
Ex operator-(Ex a, Ex b) { return apply(Fn::kSub, a, b); }
Ex operator*(Ex a, Ex b) { return apply(Fn::kMul, a, b); }
Ex operator/(Ex a, Ex b) { return apply(Fn::kDiv, a, b); }
Ex operator-(Ex a) { return apply(Fn::kNeg, a); }
Ex operator+(Ex a, double b) { return a + constant_like(a, b); }
Ex operator-(Ex a, double b) { return a - constant_like(a, b); }
Ex operator*(Ex a, double b) { return a * constant_like(a, b); }
Ex operator/(Ex a, double b) { return a / constant_like(a, b); }
Ex operator+(double a, Ex b) { return constant_like(b, a) + b; }
Ex operator-(double a, Ex b) { return constant_like(b, a) - b; }
Ex operator*(double a, Ex b) { return constant_like(b, a) * b; }
Ex operator/(double a, Ex b) { return constant_like(b, a) / b; }

// ---- Stages -----------------------------------------------------------------------------------

namespace {

Vec<AxisIndex> axis_indexes(const Vec<Dim>& index) {
  Vec<AxisIndex> axes;
  for (const Dim& d : index) axes.push_back({.dim = d});
  return axes;
}

// The elements' types of a reduce's or scan's accumulators, initial and next values.
struct Accumulators {
  Vec<DType>& acc;
  Vec<Scalar>& init;
  Vec<ExprId>& combine;
};

Accumulators accumulators_of(Stage& s) {
  if (auto* scan = std::get_if<Scan>(&s.detail)) return {scan->acc, scan->init, scan->combine};
  auto& r = std::get<Reduction>(s.detail);
  return {r.acc, r.init, r.combine};
}

}  // namespace

StageBuilder::StageBuilder(KernelBuilder& kernel, size_t stage) : kernel_(kernel), stage_(stage) {
  for (const Loop& l : this->stage().loops) loops_.push_back(Dim::loop(l.id));
}

Stage& StageBuilder::stage() { return kernel_.kernel_.stages[stage_]; }

Ex StageBuilder::node(Expr e) { return {this, add(stage().body, std::move(e))}; }

Ex StageBuilder::apply(Fn fn, const Vec<Ex>& args) {
  Expr e{.fn = fn};
  Vec<DType> types;
  for (const Ex a : args) {
    e.args.push_back(a.id);
    types.push_back(a.type());
  }
  auto type = result_type(fn, types);
  RLX_CHECK(type, fmt::format("{} of operands like {}", name(fn), name(types.back())));
  e.type = *type;
  return node(std::move(e));
}

DType StageBuilder::dtype_of(const Access& a) const {
  const Kernel& k = kernel_.kernel_;
  return a.of == Access::Of::kLocal ? k.locals[a.tensor].dtype : k.args[a.tensor].dtype;
}

Ex StageBuilder::load(Place from, const Vec<Dim>& index) {
  return load(from, index, Vec<Bounds>(index.size()));
}

Ex StageBuilder::load(Place from, const Vec<Dim>& index, Vec<Bounds> bounds) {
  return gather(from, axis_indexes(index), std::move(bounds));
}

Ex StageBuilder::gather(Place from, Vec<AxisIndex> index, Vec<Bounds> bounds) {
  return load(Access{from.of, from.tensor, std::move(index), std::move(bounds)});
}

Ex StageBuilder::load(Access access) {
  if (const Vec<Dim>* dims = chosen_dims(access)) return choose(*dims, access.index[0].dim);
  const DType type = dtype_of(access);
  Expr element{.fn = Fn::kLoad, .type = type};
  if (auto known = known_element(access)) {
    element = std::move(*known);
  } else {
    element.index = read_of(std::move(access));
  }
  return cast(node(std::move(element)), compute_type(type));
}

uint32_t StageBuilder::read_of(Access access) {
  Vec<Access>& reads = stage().reads;
  auto same = std::find(reads.begin(), reads.end(), access);
  if (same == reads.end()) same = reads.insert(same, std::move(access));
  return static_cast<uint32_t>(same - reads.begin());
}

// The operands of products are read even where their elements are known: their tensors say how they lie.
bool StageBuilder::is_product() {
  return stage().kind() == Kind::kContract || stage().kind() == Kind::kConv;
}

// The elements of shape arithmetic that a loop indexes: it lies nowhere in memory.
const Vec<Dim>* StageBuilder::chosen_dims(const Access& access) {
  if (access.of != Access::Of::kArg || access.index.size() != 1 || access.index[0].expr) {
    return nullptr;
  }
  if (is_product()) return nullptr;
  const Arg& arg = kernel_.kernel_.args[access.tensor];
  const ValueDef& def = kernel_.graph_[arg.value].def;
  const bool chosen = !arg.written && def.kind == ValueDef::Kind::kDims && !def.dims.empty() &&
                      access.bounds[0].rule == Bounds::Rule::kProven;
  return chosen ? &def.dims : nullptr;
}

Ex StageBuilder::choose(const Vec<Dim>& elements, const Dim& at) {
  Ex chosen = index(elements.back());
  for (size_t i = elements.size() - 1; i-- > 0;) {
    const Ex here =
        rlx::apply(Fn::kEq, index(at), constant_int(DType::kI64, static_cast<int64_t>(i)));
    chosen = select(here, index(elements[i]), chosen);
  }
  return chosen;
}

std::optional<Expr> StageBuilder::known_element(const Access& access) {
  if (is_product() || access.of != Access::Of::kArg) return std::nullopt;
  for (const Bounds& b : access.bounds) {
    if (b.rule != Bounds::Rule::kProven) return std::nullopt;
  }
  return known_element(kernel_.kernel_.args[access.tensor], access.index);
}

namespace {

// Row-major; nullopt where it is not known.
std::optional<int64_t> known_position(const Vec<Dim>& shape, const Vec<AxisIndex>& index) {
  int64_t position = 0;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    auto extent = shape[axis].constant();
    auto at = index[axis].expr ? std::nullopt : index[axis].dim.constant();
    if (extent == 1) at = 0;
    if (!extent || !at || *at < 0 || *at >= *extent) return std::nullopt;
    position = position * *extent + *at;
  }
  return position;
}

}  // namespace

std::optional<Expr> StageBuilder::known_element(const Arg& arg, const Vec<AxisIndex>& index) {
  if (arg.written) return std::nullopt;
  auto position = known_position(arg.shape, index);
  if (!position) return std::nullopt;
  const ValueDef& def = kernel_.graph_[arg.value].def;
  if (def.kind == ValueDef::Kind::kDims) {
    return Expr{
        .fn = Fn::kIndex, .type = arg.dtype, .dim = def.dims[static_cast<size_t>(*position)]};
  }
  if (def.kind != ValueDef::Kind::kConstant) return std::nullopt;
  const std::byte* data = kernel_.graph_[def.constant].data.bytes().data();
  const Scalar s = element_at(arg.dtype, data, *position);
  return Expr{.fn = Fn::kConst, .type = arg.dtype, .scalar = s};
}

Ex StageBuilder::constant(DType type, double value) {
  const DType t = compute_type(type);
  return node({.fn = Fn::kConst, .type = t, .scalar = Scalar::of(t, value)});
}

Ex StageBuilder::constant_int(DType type, int64_t value) {
  const DType t = compute_type(type);
  return node({.fn = Fn::kConst, .type = t, .scalar = Scalar::of_int(t, value)});
}

Ex StageBuilder::index(const Dim& d) {
  return node({.fn = Fn::kIndex, .type = DType::kI64, .dim = d});
}

Ex StageBuilder::acc(int i) {
  const DType type = accumulator_types(stage())[static_cast<size_t>(i)];
  return node({.fn = Fn::kAcc, .type = type, .index = static_cast<uint32_t>(i)});
}

void StageBuilder::store(Place to, const Vec<Dim>& index, Ex value) {
  scatter(to, axis_indexes(index), Vec<Bounds>(index.size()), value, Combine::kSet);
}

void StageBuilder::scatter(Place to, Vec<AxisIndex> index, Vec<Bounds> bounds, Ex value,
                           Combine combine) {
  Access access{to.of, to.tensor, std::move(index), std::move(bounds), combine};
  const DType type = dtype_of(access);
  if (value.type() != type) {
    RLX_CHECK(is_float(value.type()) && is_float(type),
              fmt::format("a {} stored as {}", name(value.type()), name(type)));
    value = cast(value, type);
  }
  stage().writes.push_back(std::move(access));
  stage().results.push_back(value.id);
}

int StageBuilder::add_accumulator(DType type, Scalar init) {
  Accumulators all = accumulators_of(stage());
  const DType t = compute_type(type);
  all.acc.push_back(t);
  all.init.push_back(is_float(t) ? Scalar::of(t, init.as_double()) : init);
  all.combine.emplace_back();
  return static_cast<int>(all.acc.size()) - 1;
}

void StageBuilder::set_combine(int accumulator, Ex next) {
  accumulators_of(stage()).combine[static_cast<size_t>(accumulator)] = next.id;
}

// ---- Kernels ----------------------------------------------------------------------------------

KernelBuilder::KernelBuilder(const Graph& graph, NodeId node) : graph_(graph), node_(node) {
  kernel_.name = fmt::format("{}_{}", graph[node].op_name(), graph[node].outputs[0].index);
}

int KernelBuilder::inputs() const { return static_cast<int>(node().inputs.size()); }
int KernelBuilder::outputs() const { return static_cast<int>(node().outputs.size()); }

bool KernelBuilder::has(int i) const {
  return i < inputs() && node().inputs[static_cast<size_t>(i)].valid();
}

const Type& KernelBuilder::in(int i) const {
  RLX_CHECK(has(i), "an input that is not there");
  return graph_[node().inputs[static_cast<size_t>(i)]].type;
}

const Type& KernelBuilder::out(int i) const {
  return graph_[node().outputs[static_cast<size_t>(i)]].type;
}

const Constant* KernelBuilder::constant(int i) const {
  return has(i) ? graph_.constant_of(node().inputs[static_cast<size_t>(i)]) : nullptr;
}

Known KernelBuilder::known(int i) const {
  if (!has(i)) return std::nullopt;
  const ValueDef& def = graph_[node().inputs[static_cast<size_t>(i)]].def;
  if (def.kind == ValueDef::Kind::kDims) return def.dims;
  const Constant* c = constant(i);
  auto elements = c && c->shape.size() <= 1 ? integers_of(*c) : std::nullopt;
  if (!elements) return std::nullopt;
  return Vec<Dim>(elements->begin(), elements->end());
}

Place KernelBuilder::input(int i) {
  RLX_CHECK(has(i), "an input that is not there");
  return arg_for(node().inputs[static_cast<size_t>(i)], false);
}

Place KernelBuilder::output(int i) { return arg_for(node().outputs[static_cast<size_t>(i)], true); }

Place KernelBuilder::arg_for(ValueId v, bool written) {
  for (size_t i = 0; i < kernel_.args.size(); ++i) {
    if (kernel_.args[i].value == v) return {Access::Of::kArg, static_cast<uint32_t>(i)};
  }
  const Value& value = graph_[v];
  RLX_CHECK(value.type.is_tensor(), "a kernel's operand is no tensor: " + to_text(value.type));
  kernel_.args.push_back({
      .name = fmt::format("%{}", v.index),
      .value = v,
      .dtype = value.type.dtype,
      .shape = value.type.shape,
      .storage = Storage::row_major(value.type.rank()),
      .written = written,
      .constant = value.def.kind == ValueDef::Kind::kConstant,
  });
  return {Access::Of::kArg, static_cast<uint32_t>(kernel_.args.size() - 1)};
}

Place KernelBuilder::local(DType dtype, Vec<Dim> shape) {
  kernel_.locals.push_back({.dtype = compute_type(dtype), .shape = std::move(shape)});
  return {Access::Of::kLocal, static_cast<uint32_t>(kernel_.locals.size() - 1)};
}

Vec<Dim> KernelBuilder::grid(const Vec<Dim>& extents) {
  Vec<Dim> index;
  for (const Dim& extent : extents) index.push_back(grid(extent));
  return index;
}

Dim KernelBuilder::grid(const Dim& extent) {
  kernel_.grid.push_back({.id = new_loop(), .extent = extent});
  return Dim::loop(kernel_.grid.back().id);
}

Dim KernelBuilder::steps(const Dim& extent) {
  const Dim step = grid(extent);
  kernel_.grid.back().sequential = true;
  return step;
}

Place KernelBuilder::carried(DType dtype, Vec<Dim> shape, const Dim& step, double init) {
  const Place place = local(dtype, std::move(shape));
  Local& l = kernel_.locals.back();
  l.carry.push_back({*step.as_loop(), Scalar::of(l.dtype, init)});
  return place;
}

size_t KernelBuilder::add_stage(Detail detail, const Vec<Dim>& extents) {
  size_t i = kernel_.stages.size();
  Stage s{.detail = std::move(detail)};
  s.name = fmt::format("%{}.{}", node().outputs[0].index, i);
  s.origin = node().origin;
  for (const Dim& extent : extents) s.loops.push_back({.id = new_loop(), .extent = extent});
  kernel_.stages.push_back(std::move(s));
  return i;
}

namespace {

Vec<LoopId> loop_ids(const Stage& s) {
  Vec<LoopId> ids;
  for (const Loop& l : s.loops) ids.push_back(l.id);
  return ids;
}

}  // namespace

StageBuilder KernelBuilder::map(const Vec<Dim>& extents) {
  return {*this, add_stage(Map{}, extents)};
}

StageBuilder KernelBuilder::reduce(const Vec<Dim>& extents) {
  const size_t i = add_stage(Reduction{}, extents);
  kernel_.stages[i].detail = Reduction{.over = loop_ids(kernel_.stages[i])};
  return {*this, i};
}

StageBuilder KernelBuilder::scan(const Dim& extent, bool exclusive, bool reverse) {
  const size_t i = add_stage(Scan{}, {extent});
  Stage& s = kernel_.stages[i];
  s.detail = Scan{.over = s.loops[0].id, .exclusive = exclusive, .reverse = reverse};
  return {*this, i};
}

StageBuilder KernelBuilder::sort(const Dim& ranks, const Dim& elements) {
  const size_t i = add_stage(Sort{}, {ranks, elements});
  Stage& s = kernel_.stages[i];
  s.detail = Sort{.rank = s.loops[0].id, .over = s.loops[1].id};
  return {*this, i};
}

StageBuilder KernelBuilder::contract(const Vec<Dim>& k_extents) {
  const size_t i = add_stage(Contract{}, k_extents);
  Stage& s = kernel_.stages[i];
  s.detail = Contract{.k = loop_ids(s), .acc = compute_type(in(0).dtype)};
  return {*this, i};
}

StageBuilder KernelBuilder::conv(const Vec<Dim>& extents) {
  return {*this, add_stage(Conv{.acc = compute_type(in(0).dtype)}, extents)};
}

Error KernelBuilder::error(int code, std::string message, std::string hint) const {
  Diagnostic d{.code = code, .message = std::move(message)};
  d.node = fmt::format("{}", fmt::join(node().origin, ", "));
  d.op = std::string(node().op_name());
  for (const ValueId v : node().inputs) {
    if (!v.valid()) continue;
    const Value& value = graph_[v];
    d.shapes.push_back(value.name.empty() ? to_text(value.type)
                                          : value.name + ": " + to_text(value.type));
  }
  d.hint = std::move(hint);
  return Error(std::move(d));
}

namespace {

// A run is worth a kernel of its own from so many steps on, which take a core some microseconds: steps of a sum go
// over lanes, those of a product one after the other.
constexpr int64_t kStepsOfSum = 32768, kStepsOfProduct = 8192;
// Work for many cores; more results than these are that without runs.
constexpr int64_t kMostRuns = 16, kMostResults = 256;

// The stage that alone goes over many steps; null: none or several. Row programs go over their rows several
// times, and wait for all of a row each time: to cut one of these sums would gain little.
Stage* lone_sum(Kernel& k) {
  Stage* found = nullptr;
  for (Stage& s : k.stages) {
    if (s.loops.empty()) continue;
    if (found) return nullptr;
    found = &s;
  }
  const bool sums = found && order_of(*found) && !ended_loops(*found).empty() && merges_of(*found);
  return sums && std::ranges::none_of(k.grid, &Loop::sequential) ? found : nullptr;
}

// Whether there are more results than these or none, where it is seen in their product.
bool are_many(const Dim& results, const RangeOf& range) {
  const Terms terms = results.terms();
  if (terms.size() == 1 && terms[0].coefficient > kMostResults) return true;
  return proven_nonnegative(results - kMostResults, range);
}

// Several runs for sums over much with few results, from extents alone; else one, so that only these sums have
// other bits than in sequence.
Dim runs_for(const Kernel& k, const Stage& s, const RangeOf& range) {
  const Vec<LoopId> over = ended_loops(s);
  Dim summed = 1, results = 1;
  for (const Loop& l : k.grid) results = results * l.extent;
  for (const Loop& l : s.loops) {
    Dim& side = std::ranges::count(over, l.id) ? summed : results;
    side = side * l.extent;
  }
  const Dim steps = s.kind() == Kind::kContract ? kStepsOfProduct : kStepsOfSum;
  const bool is_short = proven_nonnegative(steps * 2 - 1 - summed, range);
  if (is_short || are_many(results, range)) return 1;
  Dim by_steps = floor_div(summed, steps);
  if (over.size() > 1) by_steps = min(by_steps, find_loop(s.loops, over[0])->extent);
  const Dim by_results = min(floor_div(kMostResults, max(results, 1)), kMostRuns);
  return max(min(by_steps, by_results), 1);
}

void set_parts(Stage& s, const Dim& parts) {
  if (auto* r = std::get_if<Reduction>(&s.detail)) r->order.parts = parts;
  if (auto* c = std::get_if<Contract>(&s.detail)) c->order.parts = parts;
}

void set_orders(Kernel& k, const RangeOf& range) {
  std::ranges::for_each(k.stages, settle_order);
  if (Stage* s = lone_sum(k)) set_parts(*s, runs_for(k, *s, range));
}

}  // namespace

Result<Kernel> lower(const Graph& g, NodeId node) {
  const AtHand here("lower", g[node].origin);
  const Attrs& attrs = g[node].attrs;
  RLX_CHECK(attrs.op()->lower, std::string(attrs.op()->name) + " has no kernel: expand it first");
  KernelBuilder b(g, node);
  RLX_TRY_VOID(attrs.op()->lower(attrs.data(), b));
  Kernel k = b.take();
  remove_unused(k);
  set_orders(k, g.symbol_ranges());
  Status sound = verify(k);
  RLX_CHECK(sound, to_text(sound.error()) + to_text(k));
  return k;
}

}  // namespace rlx
