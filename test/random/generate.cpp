#include "test/random/generate.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace rlx::random {
namespace {

constexpr int64_t kMostElements = 20'000;
// What a value may reach before it is brought back.
constexpr double kBiggest = 1e4;

}  // namespace

double Generator::unit(DType t) {
  switch (t) {
    case DType::kF16: return 0x1p-10;
    case DType::kBF16: return 0x1p-7;
    case DType::kF32: return 0x1p-23;
    case DType::kF64: return 0x1p-52;
    default: return 0;
  }
}

Generator::Generator(uint64_t seed) : random(seed) {
  m.seed = seed;
  make_extents();
  make_first();
}

int64_t Generator::extent_value(Class c) {
  switch (c) {
    case Class::kZero: return 0;
    case Class::kOne: return 1;
    case Class::kSmall: return random.pick<int64_t>({2, 3, 4, 5, 6, 7});
    case Class::kVector: return random.pick<int64_t>({8, 16});
    case Class::kTile: break;
  }
  return random.pick<int64_t>({9, 12, 14, 15, 17, 24, 28, 31, 32, 33, 40, 48});
}

// Most extents of a model are of one class, so that each class comes at every place.
void Generator::make_extents() {
  const Class theme = random.pick(
      {Class::kZero, Class::kOne, Class::kSmall, Class::kVector, Class::kVector, Class::kTile});
  size_t count = 3 + random.below(3);
  for (size_t i = 0; i < count; ++i) {
    Class c = theme;
    // More than one extent of 0 leaves little to see.
    bool other = theme == Class::kZero ? i > 0 : random.percent(45);
    if (other) {
      c = random.pick({Class::kOne, Class::kSmall, Class::kSmall, Class::kVector, Class::kTile});
    }
    m.extents.push_back({fmt::format("e{}", i), extent_value(c), false});
  }
  random.shuffle(m.extents);
  for (size_t i = 0; i < count; ++i) m.extents[i].name = fmt::format("e{}", i);
  if (random.percent(45)) m.extents[0].open = true;
  if (random.percent(15)) m.extents[1].open = true;
  binding_ = m.binding();
}

void Generator::make_first() {
  DType type = DType::kF32;
  if (random.percent(25)) {
    type = random.pick({DType::kF16, DType::kF64, DType::kF64, DType::kI32, DType::kI64,
                        DType::kI64, DType::kI8, DType::kU8, DType::kI16, DType::kU16, DType::kU32,
                        DType::kU64, DType::kBool, DType::kBF16});
  }
  size_t rank = random.pick<size_t>({0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 6});
  Vec<Dim> shape;
  for (size_t i = 0; i < rank; ++i) shape.push_back(extent());
  while (elements(shape) > kMostElements / 2) shape.pop_back();
  // The first extent is told by an input, whatever else is made.
  if (m.extents[0].open && !shape.empty()) shape[0] = Dim::symbol(m.extents[0].name);
  while (elements(shape) > kMostElements / 2) shape.pop_back();
  input(type, shape, is_float(type) ? Fill{} : Fill{Fill::Kind::kWhole, 0, 1});
  int v = fresh(type, shape);
  pool_ = {v};
}

Dim Generator::extent() {
  if (random.percent(8)) return random.pick<int64_t>({1, 1, 2, 3, 4, 6});
  return Dim::symbol(m.extents[random.below(m.extents.size())].name);
}

int64_t Generator::elements(const Vec<Dim>& shape) const {
  int64_t n = 1;
  for (const Dim& d : shape) n *= std::min<int64_t>(number(d), 1 << 20);
  return n;
}

bool Generator::closed(const Vec<Dim>& dims) const {
  return std::none_of(dims.begin(), dims.end(), [&](const Dim& d) { return m.is_open(d); });
}

// In the first step of a loop, too: extents grow from there.
bool Generator::need(const Dim& d, int64_t least) {
  if (std::min(number(d), evaluate(d, m.binding()).value()) < least) return false;
  if (auto value = d.constant()) return *value >= least;
  m.needs.emplace_back(d, least);
  return true;
}

int Generator::add(Value v) {
  v.name = fmt::format("v{}", m.values.size());
  m.values.push_back(std::move(v));
  return static_cast<int>(m.values.size() - 1);
}

int Generator::input(DType t, Vec<Dim> shape, Fill fill) {
  Value v{.dtype = t, .shape = std::move(shape), .role = Value::Role::kInput};
  v.whole = fill.kind != Fill::Kind::kReal;
  v.big = std::max(std::abs(fill.lo), std::abs(fill.hi));
  v.fill = std::move(fill);
  // What does not fit its type exactly is rounded once, the same for all.
  return add(std::move(v));
}

int Generator::constant(DType t, Vec<Dim> shape, Fill fill) {
  RLX_CHECK(closed(shape) && closed(fill.elements), "a constant has an open extent");
  int v = input(t, std::move(shape), std::move(fill));
  at(v).role = Value::Role::kConstant;
  return v;
}

int Generator::integers(const Vec<int64_t>& elements, bool scalar) {
  Fill f{.kind = Fill::Kind::kDims};
  for (int64_t e : elements) f.elements.emplace_back(e);
  Vec<Dim> shape;
  if (!scalar) shape.emplace_back(static_cast<int64_t>(elements.size()));
  return constant(DType::kI64, shape, std::move(f));
}

int Generator::scalar(DType t, double value) {
  Fill f{.kind = Fill::Kind::kReal, .lo = value, .hi = value};
  return constant(t, {}, std::move(f));
}

// Gather(Shape(x), axis) of a value that has the extent; products of such.
Made Generator::extents(const Vec<Dim>& dims) {
  if (closed(dims)) {
    Fill f{.kind = Fill::Kind::kDims};
    f.elements = dims;
    return constant(DType::kI64, {static_cast<int64_t>(dims.size())}, std::move(f));
  }
  auto one = [&](const Dim& d) -> Made {
    if (!m.is_open(d)) return extents({d});
    for (size_t v = 0; v < m.values.size(); ++v) {
      if (m.values[v].role == Value::Role::kConstant) continue;
      for (size_t a = 0; a < m.values[v].shape.size(); ++a) {
        if (!(m.values[v].shape[a] == d)) continue;
        Made shape =
            node("Shape", {static_cast<int>(v)},
                 {DType::kI64, {static_cast<int64_t>(m.values[v].shape.size())}, 0, 0, true, true});
        if (!shape) return shape;
        return node("Gather", {*shape, integers({static_cast<int64_t>(a)})},
                    {DType::kI64, {1}, 0, 0, true, true}, {{"axis", int64_t{0}}});
      }
    }
    return std::nullopt;
  };
  Vec<int> parts;
  for (const Dim& d : dims) {
    Made part = one(d);
    // A product of extents that stand alone.
    if (!part && d.terms().size() == 1) {
      const Term& t = d.terms().front();
      part = integers({t.coefficient});
      for (const Atom& a : t.factors) {
        Made factor = one(Dim::atom(a));
        if (!factor) return std::nullopt;
        part = node("Mul", {*part, *factor}, {DType::kI64, {1}, 0, 0, true, true});
      }
    }
    if (!part) return std::nullopt;
    parts.push_back(*part);
  }
  auto size = static_cast<int64_t>(parts.size());
  return node("Concat", parts, {DType::kI64, {size}, 0, 0, true, true}, {{"axis", int64_t{0}}});
}

int Generator::fresh(DType t, Vec<Dim> shape, double big) {
  Fill f;
  if (t == DType::kBool) {
    f = {Fill::Kind::kWhole, 0, 1};
  } else if (is_integer(t)) {
    double most = std::max(1.0, std::min(big * 3, 9.0));
    f = {Fill::Kind::kWhole, is_unsigned(t) ? 0 : -std::floor(most), std::floor(most)};
  } else if (big >= 1 && random.percent(30)) {
    f = {Fill::Kind::kWhole, -std::floor(big), std::floor(big)};
  } else {
    f = {Fill::Kind::kReal, -big, big};
  }
  bool fixed = closed(shape) && random.percent(45);
  return fixed ? constant(t, std::move(shape), f) : input(t, std::move(shape), f);
}

int Generator::find(DType t, const Vec<Dim>& shape, int other_than) {
  Vec<int> all;
  for (int v : pool_) {
    if (v != other_than && at(v).dtype == t && at(v).shape == shape) all.push_back(v);
  }
  return all.empty() ? -1 : random.pick(all);
}

int Generator::operand(DType t, const Vec<Dim>& shape, double big) {
  if (random.percent(50)) {
    int v = find(t, shape);
    if (v >= 0 && at(v).big <= big * 4) return v;
  }
  return fresh(t, shape, big);
}

bool Generator::fits(const Result& r) const {
  for (const Dim& d : r.shape) {
    if (number(d) < 0) return false;
  }
  if (elements(r.shape) > kMostElements || r.shape.size() > 6) return false;
  if (is_float(r.dtype)) {
    double most = r.dtype == DType::kF16 ? 200 : kBiggest;
    return r.big <= most && r.error <= 0.02 * std::max(r.big, 0.05);
  }
  double bits = 8.0 * static_cast<double>(size_of(r.dtype)) - (is_unsigned(r.dtype) ? 0 : 1);
  return r.dtype == DType::kBool || r.big < std::ldexp(1.0, static_cast<int>(std::min(bits, 40.0)));
}

Vec<int> Generator::nodes(std::string_view op, Vec<int> inputs, const Vec<Result>& results,
                          Vec<std::pair<std::string, Setting>> attributes) {
  Node n{.op = std::string(op),
         .inputs = std::move(inputs),
         .outputs = {},
         .attributes = std::move(attributes)};
  for (const Result& r : results) {
    if (!fits(r)) return {};
  }
  for (const Result& r : results) {
    Value v{.dtype = r.dtype, .shape = r.shape};
    v.big = r.big, v.error = r.error;
    v.exact = r.exact, v.whole = r.whole;
    if (!is_float(r.dtype)) v.exact = v.whole = true, v.error = 0;
    // Sums of whole numbers are exact only as long as they fit.
    if (v.whole && v.big * unit(v.dtype) > 0.25) v.whole = v.exact = false;
    n.outputs.push_back(add(std::move(v)));
  }
  m.nodes.push_back(n);
  return n.outputs;
}

Made Generator::node(std::string_view op, Vec<int> inputs, Result r,
                     Vec<std::pair<std::string, Setting>> attributes) {
  Vec<int> made = nodes(op, std::move(inputs), {std::move(r)}, std::move(attributes));
  if (made.empty()) return std::nullopt;
  return made[0];
}

Made Generator::view(std::string_view op, int v, Vec<int> others, Vec<Dim> shape,
                     Vec<std::pair<std::string, Setting>> attributes) {
  const Value& x = at(v);
  Result r{x.dtype, std::move(shape), x.big, x.error, x.exact, x.whole};
  others.insert(others.begin(), v);
  return node(op, std::move(others), std::move(r), std::move(attributes));
}

Made Generator::bounded(int v, double big) {
  const Value x = at(v);
  if (x.big <= big) return v;
  double factor = big / x.big;
  return node("Mul", {v, scalar(x.dtype, factor)},
              {x.dtype, x.shape, big, x.error * factor + unit(x.dtype) * big});
}

Made Generator::positive(int v, double least) {
  const Value x = at(v);
  Made absolute = node("Abs", {v}, {x.dtype, x.shape, x.big, x.error, x.exact, x.whole});
  if (!absolute) return absolute;
  return node("Add", {*absolute, scalar(x.dtype, least)},
              {x.dtype, x.shape, x.big + least, x.error + unit(x.dtype) * (x.big + 1)});
}

const Emitter& random_emitter(Random& random) {
  const Vec<Emitter>& all = emitters();
  // Rows of the elementwise table are many and alike.
  for (;;) {
    const Emitter& e = random.pick(all);
    if (e.family == Family::kElementwise && random.percent(60)) continue;
    return e;
  }
}

namespace {

const Emitter& random_of(Random& random, Family family) {
  for (;;) {
    const Emitter& e = random.pick(emitters());
    if (e.family == family) return e;
  }
}

}  // namespace

int Generator::made_view_of(int v) {
  for (int tries = 0; tries < 4; ++tries) {
    Made made = random_of(random, Family::kView).emit(*this, v);
    if (!made) continue;
    pool_.push_back(*made);
    return *made;
  }
  return v;
}

// A value of that rank that there is, or a new one.
int Generator::of_rank(size_t rank, bool exact) {
  Vec<int> all;
  for (int v : pool_) {
    if (at(v).shape.size() == rank && (at(v).exact || !exact)) all.push_back(v);
  }
  if (!all.empty() && random.percent(60)) return random.pick(all);
  Vec<Dim> shape;
  for (size_t i = 0; i < rank; ++i) shape.push_back(extent());
  // An axis of extent 0, most often a batch: few readers take others.
  for (const Extent& e : m.extents) {
    if (e.value == 0 && rank > 0 && random.percent(85)) {
      shape[random.percent(70) ? 0 : random.below(rank)] = Dim::symbol(e.name);
    }
  }
  while (elements(shape) > kMostElements / 2) shape[random.below(rank)] = random.between(1, 4);
  DType t = random.percent(90) ? DType::kF32 : at(any()).dtype;
  int v = fresh(t, shape);
  pool_.push_back(v);
  return v;
}

namespace {

// The emitters of one kind of view, or of one kind of reader, each kind as often as the others.
const Emitter& of_any_kind(Random& random, bool view) {
  Vec<std::string_view> kinds;
  for (const Emitter& e : emitters()) {
    bool takes_part = e.family != Family::kOther && (e.family == Family::kView) == view;
    if (takes_part && !e.kind.empty() &&
        std::find(kinds.begin(), kinds.end(), e.kind) == kinds.end()) {
      kinds.push_back(e.kind);
    }
  }
  const std::string_view kind = random.pick(kinds);
  for (;;) {
    const Emitter& e = random.pick(emitters());
    if (e.kind == kind && (e.family == Family::kView) == view) return e;
  }
}

size_t rank_for(Random& random, const Emitter& reader) {
  bool image = reader.kind == "conv" || reader.kind == "pool";
  if (image) return 3 + random.below(2);
  return reader.kind == "gemm" ? 2 : 1 + random.below(4);
}

}  // namespace

// A view, and right behind it what reads it, up to three of them: any two may meet.
bool Generator::meeting() {
  const Emitter& view = of_any_kind(random, true);
  const Emitter& reader = of_any_kind(random, false);
  size_t rank = rank_for(random, reader);
  if (view.op == "flatten" && rank == 2) rank = 1 + random.below(4);
  if (view.op == "unsqueeze") --rank;
  if (view.op == "squeeze") ++rank;
  Made seen, made;
  for (int tries = 0; tries < 16 && !made; ++tries) {
    seen = view.emit(*this, of_rank(rank, reader.kind == "arg"));
    if (seen) made = reader.emit(*this, *seen);
  }
  if (!seen) return false;
  pool_.push_back(*seen);
  if (made) pool_.push_back(*made);
  for (size_t more = random.below(3); more > 0; --more) {
    if (Made one = of_any_kind(random, false).emit(*this, *seen)) pool_.push_back(*one);
  }
  return true;
}

Made Generator::sum(int a, int b) {
  const Value x = at(a), y = at(b);
  const double big = x.big + y.big;
  return node("Add", {a, b}, {x.dtype, x.shape, big, x.error + y.error + 2 * unit(x.dtype) * big});
}

// One value with several readers, each behind a view of its own or none: packed projections, rows over
// different axes. What they make is put together where it fits.
bool Generator::siblings() {
  int base = of_rank(2 + random.below(3), false);
  if (random.percent(50)) {
    Made product = random_of(random, Family::kProduct).emit(*this, base);
    if (!product) return false;
    pool_.push_back(base = *product);
  }
  Vec<int> made;
  for (size_t i = 2 + random.below(3); i > 0; --i) {
    int v = random.percent(65) ? made_view_of(base) : base;
    const Emitter& e =
        random.percent(50) ? random_of(random, Family::kRow) : random_of(random, Family::kProduct);
    Made one = e.emit(*this, v);
    if (!one) continue;
    pool_.push_back(*one);
    made.push_back(*one);
  }
  if (made.size() < 2) return !made.empty();
  const Value a = at(made[0]);
  for (size_t i = 1; i < made.size(); ++i) {
    const Value b = at(made[i]);
    if (b.dtype != a.dtype || !(b.shape == a.shape) || !is_float(a.dtype)) continue;
    if (Made both = sum(made[0], made[i])) pool_.push_back(*both);
  }
  return true;
}

// Two values that one kernel may make, read together, one of them behind a view that keeps its shape: each
// is wanted at another place.
bool Generator::twins() {
  const Dim n = extent();
  Vec<Dim> shape = {n, n};
  if (random.percent(30)) shape.insert(shape.begin(), extent());
  if (elements(shape) > kMostElements / 2) return false;
  int base = fresh(DType::kF32, shape);
  Made first = random_of(random, Family::kElementwise).emit(*this, base);
  if (!first || !(at(*first).shape == shape) || !is_float(at(*first).dtype)) return false;
  Made second = random_of(random, Family::kElementwise).emit(*this, *first);
  if (!second || !(at(*second).shape == shape) || at(*second).dtype != at(*first).dtype) {
    return false;
  }
  Vec<int64_t> perm = {0, 1, 2};
  perm.resize(shape.size());
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  Made turned = view("Transpose", *second, {}, shape, {{"perm", perm}});
  if (random.percent(30)) turned = made_view_of(*second);
  if (!turned || !(at(*turned).shape == shape)) return false;
  Made both = sum(*first, *turned);
  if (both) pool_.push_back(*both);
  return both.has_value();
}

// Convolutions one upon the other, all of one shape: their halos take turns in the same memory.
bool Generator::tower() {
  Vec<Dim> shape = {random.percent(70) ? Dim(1) : extent(),
                    random.pick<int64_t>({3, 8, 16, 17, 32})};
  for (size_t i = 1 + random.below(2); i > 0; --i) shape.emplace_back(random.between(1, 9));
  if (elements(shape) > kMostElements / 2) return false;
  int v = fresh(DType::kF32, shape);
  size_t made = 0;
  for (size_t i = 2 + random.below(3); i > 0; --i) {
    Made next = same_conv(*this, v);
    if (!next) break;
    // Another one on the same value may want another halo.
    if (Made beside = random.percent(30) ? same_conv(*this, v) : std::nullopt) {
      pool_.push_back(*beside);
    }
    pool_.push_back(v = *next);
    ++made;
    if (!random.percent(40)) continue;
    next = random_of(random, Family::kElementwise).emit(*this, v);
    if (next && at(*next).shape == shape && is_float(at(*next).dtype)) pool_.push_back(v = *next);
  }
  return made > 0;
}

// One operator, often behind one view or two, or behind a view of a product.
bool Generator::listed() {
  const Made made = random_of(random, Family::kList).emit(*this, any());
  if (!made) return false;
  pool_.push_back(random.percent(50) ? made_view_of(*made) : *made);
  return true;
}

bool Generator::step() {
  if (random.percent(6)) return listed();
  if (random.percent(65)) return meeting();
  if (random.percent(30)) return siblings();
  if (random.percent(15)) return twins();
  if (random.percent(15)) return tower();
  if (random.percent(20)) return dense();
  // Late values more often than early ones.
  int v = random.percent(60)
              ? pool_[pool_.size() - 1 - random.below(std::min<size_t>(3, pool_.size()))]
              : any();
  if (random.percent(15)) {
    Vec<Dim> shape;
    size_t rank = random.pick<size_t>({1, 2, 2, 3, 3, 4, 4, 5});
    for (size_t i = 0; i < rank; ++i) shape.push_back(extent());
    if (elements(shape) <= kMostElements / 2) v = fresh(at(any()).dtype, shape), pool_.push_back(v);
  }
  if (random.percent(50)) v = made_view_of(v);
  if (random.percent(15)) v = made_view_of(v);
  const Emitter& e = random.percent(40)   ? random_of(random, Family::kProduct)
                     : random.percent(35) ? random_of(random, Family::kRow)
                                          : random_emitter(random);
  Made made = e.emit(*this, v);
  if (!made) return false;
  pool_.push_back(*made);
  return true;
}

// What nobody reads, and a few that somebody does.
void Generator::choose_outputs() {
  Vec<int> readers(m.values.size());
  for (const Node& n : m.nodes) {
    for (int v : n.inputs) {
      if (v >= 0) ++readers[static_cast<size_t>(v)];
    }
  }
  for (size_t v = 0; v < m.values.size(); ++v) {
    if (m.values[v].role != Value::Role::kNode || m.values[v].is_opaque) continue;
    if (std::ranges::find(presents_, static_cast<int>(v)) != presents_.end()) continue;
    bool taken = readers[v] == 0 ? random.percent(90) : random.percent(8);
    if (taken) m.outputs.push_back(static_cast<int>(v));
  }
  if (m.outputs.empty() && presents_.empty()) {
    m.outputs.push_back(static_cast<int>(m.values.size() - 1));
  }
  while (m.outputs.size() > 6) m.outputs.erase(m.outputs.begin() + random.below(m.outputs.size()));
  m.outputs.insert(presents_.size() % 2 == 0 ? m.outputs.begin() : m.outputs.end(),
                   presents_.begin(), presents_.end());
}

Model Generator::make() {
  size_t steps = 2 + random.below(7);
  begin_loop();
  for (size_t done = 0, tries = 0; done < steps && tries < 40; ++tries) {
    // What is made from here on may read what goes round.
    if (done >= steps / 2) end_loop();
    done += step();
  }
  end_loop();
  if (m.nodes.empty()) {
    const Value x = at(pool_[0]);
    node("Identity", {pool_[0]}, {x.dtype, x.shape, x.big, x.error, x.exact, x.whole});
  }
  choose_outputs();
  Model made = told(pruned(m));
  put_in_regions(made);
  return made;
}

int64_t spelled(Generator& g, int axis, int rank) {
  return g.random.percent(30) ? axis - rank : axis;
}

}  // namespace rlx::random
