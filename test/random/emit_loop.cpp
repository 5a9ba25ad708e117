// Loops: what a step of the model gives as present_K the next one takes as past_K. Most often what went by, with more behind
// it, which rlx appends to in place; else what only looks so, or a value that is made anew in each step.
//
// Estimates hold for all steps, as what is fed is no larger than the input says, and extents are those of the last step.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "test/random/generate.h"

namespace rlx::random {
namespace {

constexpr std::string_view kPast = "past_", kPresent = "present_";
constexpr int64_t kMostPast = 5'000;
// What elements of a first past may reach, and those of later ones.
constexpr double kFirst = 2, kLater = 4;

Fill fill_of(DType t) {
  if (t == DType::kBool) return {Fill::Kind::kWhole, 0, 1};
  if (is_float(t)) return {Fill::Kind::kReal, -kFirst, kFirst};
  return {Fill::Kind::kWhole, is_unsigned(t) ? 0 : -kFirst, kFirst};
}

DType type_of_past(Random& random) {
  if (random.percent(75)) return DType::kF32;
  return random.pick({DType::kF16, DType::kBF16, DType::kF64, DType::kI64, DType::kI32, DType::kI8,
                      DType::kU16, DType::kBool});
}

}  // namespace

// One graph in eleven.
void Generator::begin_loop() {
  Random own(mixed(m.seed, 0x100f));
  if (own.below(11) != 0) return;
  m.steps = random.between(2, 6);
  // Their symbols are the model's only once all shapes are there: extents beside the axis do not grow.
  Vec<Extent> grown;
  for (size_t group = 0; group < 1 + random.below(2); ++group) {
    const int64_t first = random.pick<int64_t>({0, 0, 0, 1, 2, 3, 5, 9, 15, 16, 17, 24});
    grown.push_back({fmt::format("p{}", group), first, true});
    add_pasts(grown.back().name, first);
  }
  if (random.percent(35)) {
    Vec<Dim> shape;
    for (size_t i = random.below(4); i > 0; --i) shape.push_back(extent());
    add_past({}, type_of_past(random), std::move(shape));
  }
  m.extents.insert(m.extents.end(), grown.begin(), grown.end());
}

// Of one extent along their axes, which grow alike.
void Generator::add_pasts(const std::string& symbol, int64_t first) {
  Past p{.doubles = random.percent(8)};
  p.more = random.percent(50) ? Dim(1) : random.percent(50) ? Dim(random.between(2, 5)) : extent();
  if (p.doubles) m.steps = std::min<int64_t>(m.steps, 3), p.more = Dim::symbol(symbol);
  binding_[symbol] = p.doubles ? first << (m.steps - 1) : first + (m.steps - 1) * number(p.more);
  const DType type = type_of_past(random);
  Vec<Dim> shape;
  for (size_t i = random.pick<size_t>({1, 2, 3, 3, 4, 4, 5}); i > 0; --i) shape.push_back(extent());
  const bool are_rows = shape.size() > 1 && random.percent(50);
  p.axis = static_cast<int>(are_rows ? shape.size() - 2 : random.below(shape.size()));
  shape[static_cast<size_t>(*p.axis)] = Dim::symbol(symbol);
  for (size_t count = 1 + random.below(3); count > 0; --count) {
    add_past(p, type, shape);
    if (!random.percent(30)) continue;
    std::swap(shape[static_cast<size_t>(*p.axis)], shape.front());
    p.axis = 0;
  }
}

void Generator::add_past(Past p, DType type, Vec<Dim> shape) {
  for (size_t i = 0; i < shape.size() && elements(shape) > kMostPast; ++i) {
    if (p.axis != static_cast<int>(i)) shape[i] = random.between(1, 3);
  }
  p.value = input(type, std::move(shape), fill_of(type));
  Value& past = at(p.value);
  past.name = fmt::format("{}{}", kPast, pasts_.size());
  past.big = type == DType::kBool ? 1 : kLater;
  pool_.push_back(p.value);
  pasts_.push_back(std::move(p));
}

void Generator::end_loop() {
  for (const Past& p : std::exchange(pasts_, {})) {
    Made made = p.axis ? grown(p) : anew(p.value);
    if (!made) continue;
    at(*made).name = std::string(kPresent) + at(p.value).name.substr(kPast.size());
    presents_.push_back(*made);
    pool_.push_back(*made);
    if (random.percent(60)) read(*made);
    if (random.percent(30)) read(p.value);
  }
  for (size_t i = 1; i < presents_.size(); ++i) {
    const Value &keys = at(presents_[i - 1]), &values = at(presents_[i]);
    const bool fits = is_float(keys.dtype) && keys.dtype == values.dtype &&
                      keys.shape == values.shape && keys.shape.size() >= 2;
    if (!fits || random.percent(30)) continue;
    const Made read = attention_over(*this, presents_[i - 1], presents_[i]);
    if (read) pool_.push_back(*read);
  }
}

void Generator::read(int v) {
  const Emitter& e = random_emitter(random);
  if (const Made made = e.emit(*this, v)) pool_.push_back(*made);
}

// The past and more; now and then what is no state, though it may look like one.
Made Generator::grown(const Past& p) {
  const int axis = *p.axis;
  if (p.doubles) return together({p.value, p.value}, axis);
  const Made more = rows_of(p);
  if (!more) return more;
  const size_t kind = random.below(100);
  if (kind < 8) return together({*more, p.value}, axis);
  if (kind < 16) return together({limited(alike(p.value), p.value), *more}, axis);
  if (kind < 24) return turned(p, *more);
  if (kind < 32 && closed({p.more})) return padded(p);
  return together({p.value, *more}, axis);
}

// What comes behind the past in a step.
Made Generator::rows_of(const Past& p) {
  const Value past = at(p.value);
  Vec<Dim> shape = past.shape;
  shape[static_cast<size_t>(*p.axis)] = p.more;
  int v = random.percent(40) ? find(past.dtype, shape, p.value) : -1;
  if (v < 0) v = alike(fresh(past.dtype, shape));
  v = limited(v, p.value);
  // Of the past itself.
  if (!is_float(past.dtype) || !p.more.is(1) || random.percent(80)) return v;
  Result all{past.dtype, shape, past.big * static_cast<double>(number(past.shape[*p.axis]) + 1)};
  all.error = unit(past.dtype) * all.big * all.big / past.big;
  const Made sum_up = node("ReduceSum", {p.value, integers({*p.axis})}, std::move(all));
  const Made both = sum_up ? sum(v, *sum_up) : sum_up;
  return both ? bounded(*both, past.big) : both;
}

// The same through a view and back.
Made Generator::turned(const Past& p, int more) {
  Vec<int64_t> there, back;
  for (int i = 0; i < rank(p.value); ++i) there.push_back(i);
  random.shuffle(there);
  back.resize(there.size());
  const auto view_of = [&](int v, const Vec<int64_t>& perm) {
    Vec<Dim> shape;
    for (const int64_t from : perm) shape.push_back(at(v).shape[static_cast<size_t>(from)]);
    return view("Transpose", v, {}, std::move(shape), {{"perm", perm}});
  };
  for (size_t i = 0; i < there.size(); ++i) back[static_cast<size_t>(there[i])] = i;
  const Made a = view_of(p.value, there), b = view_of(more, there);
  const Made both = a && b ? together({*a, *b}, static_cast<int>(back[*p.axis])) : std::nullopt;
  return both ? view_of(*both, back) : both;
}

// Zeros behind it.
Made Generator::padded(const Past& p) {
  Vec<Dim> shape = at(p.value).shape;
  const auto axis = static_cast<size_t>(*p.axis);
  Fill pads{.kind = Fill::Kind::kDims};
  pads.elements.assign(2 * shape.size(), Dim(0));
  pads.elements[shape.size() + axis] = p.more;
  shape[axis] = shape[axis] + p.more;
  const int widths = constant(DType::kI64, {2 * rank(p.value)}, std::move(pads));
  return view("Pad", p.value, {widths}, std::move(shape));
}

// What takes the place of x in the next step.
Made Generator::anew(int x) {
  const Value old = at(x);
  int v = random.percent(30) ? find(old.dtype, old.shape, x) : -1;
  if (v < 0) v = alike(x);
  const bool adds = is_float(old.dtype) && random.percent(50);
  if (const Made both = adds ? sum(x, v) : std::nullopt) v = *both;
  v = limited(v, x);
  const Value now = at(v);
  return node("Identity", {v}, {now.dtype, now.shape, now.big, now.error, now.exact, now.whole});
}

// A value of v's type and shape that is made of it; v where none is found.
int Generator::alike(int v) {
  for (int tries = 0; tries < 6; ++tries) {
    const Made made = random_emitter(random).emit(*this, v);
    if (!made) continue;
    pool_.push_back(*made);
    if (at(*made).dtype == at(v).dtype && at(*made).shape == at(v).shape) return *made;
  }
  return v;
}

// v with elements no larger than those of an input of its type; another value where that cannot be.
int Generator::limited(int v, int past) {
  const double big = at(past).big;
  if (at(v).big <= big) return v;
  const Made made = is_float(at(v).dtype) ? bounded(v, big) : std::nullopt;
  return made ? *made : fresh(at(v).dtype, at(v).shape, 1);
}

}  // namespace rlx::random
