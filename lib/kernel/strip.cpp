#include "kernel/strip.h"

#include <algorithm>

namespace rlx {
namespace {

int64_t number(const Dim& d) {
  auto value = d.constant();
  RLX_CHECK(value, "an extent without a value: " + to_text(d));
  return *value;
}

int64_t floor_quotient(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

int64_t combined(Atom::Kind kind, int64_t a, int64_t b) {
  switch (kind) {
    case Atom::Kind::kFloorDiv: return floor_quotient(a, b);
    case Atom::Kind::kMod: return a - floor_quotient(a, b) * b;
    case Atom::Kind::kMin: return std::min(a, b);
    case Atom::Kind::kMax: return std::max(a, b);
    case Atom::Kind::kSymbol:
    case Atom::Kind::kLoop: break;
  }
  RLX_CHECK(false, "a symbol without a value");
  return 0;
}

}  // namespace

// ---- Strips -----------------------------------------------------------------------------------

std::span<int64_t> Strip::values(LoopId loop) {
  Numbers& values = loops_[loop.index];
  if (values.empty()) values.resize(kStrip);
  return {values.data(), static_cast<size_t>(count_)};
}

void Strip::set(LoopId loop, int64_t value) { std::ranges::fill(values(loop), value); }

std::unique_ptr<Strip::Numbers> Strip::take() {
  if (spare_.empty()) return std::make_unique<Numbers>(kStrip);
  std::unique_ptr<Numbers> space = std::move(spare_.back());
  spare_.pop_back();
  return space;
}

void Strip::give_back(std::unique_ptr<Numbers> space) {
  if (space) spare_.push_back(std::move(space));
}

void Strip::evaluate(const Dim& d, int64_t* out) {
  std::fill_n(out, count_, 0);
  for (const Term& t : d.terms()) {
    if (t.factors.empty()) {
      for (int64_t i = 0; i < count_; ++i) out[i] += t.coefficient;
      continue;
    }
    std::unique_ptr<Numbers> space, product;
    const int64_t* value = factor(t.factors[0], space);
    for (size_t f = 1; f < t.factors.size(); ++f) {
      std::unique_ptr<Numbers> other_space;
      const int64_t* other = factor(t.factors[f], other_space);
      if (!product) product = take();
      for (int64_t i = 0; i < count_; ++i) (*product)[static_cast<size_t>(i)] = value[i] * other[i];
      value = product->data();
      give_back(std::move(other_space));
    }
    for (int64_t i = 0; i < count_; ++i) out[i] += t.coefficient * value[i];
    give_back(std::move(space));
    give_back(std::move(product));
  }
}

const int64_t* Strip::factor(const Atom& a, std::unique_ptr<Numbers>& space) {
  if (a.kind == Atom::Kind::kLoop) return values(a.loop).data();
  space = take();
  evaluate(a, space->data());
  return space->data();
}

void Strip::evaluate(const Atom& a, int64_t* out) {
  RLX_CHECK(a.args.size() == 2, "a symbol without a value");
  std::unique_ptr<Numbers> right = take();
  evaluate(a.args[0], out);
  evaluate(a.args[1], right->data());
  const int64_t* b = right->data();
  for (int64_t i = 0; i < count_; ++i) out[i] = combined(a.kind, out[i], b[i]);
  give_back(std::move(right));
}

// ---- Tensors ----------------------------------------------------------------------------------

Tensor::Tensor(const Arg& arg, std::span<std::byte> memory)
    : dtype_(arg.dtype), memory_(memory), elements_(number(memory_elements(arg))) {
  const Storage& outer = arg.frame ? arg.frame->storage : arg.storage;
  for (size_t axis = 0; axis < arg.shape.size(); ++axis) {
    shape_.push_back(number(arg.shape[axis]));
    lo_.push_back(arg.storage.padding[axis].lo);
    padded_.push_back(number(padded_extent(arg.storage, arg.shape, static_cast<int>(axis))));
    first_.push_back(outer.padding[axis].lo + (arg.frame ? number(arg.frame->start[axis]) : 0));
  }
  const Vec<Dim> strides = physical_strides(outer, arg.frame ? arg.frame->shape : arg.shape);
  for (size_t i = 0; i < strides.size(); ++i) {
    const PhysicalDim& d = outer.dims[i];
    parts_.push_back({static_cast<size_t>(d.axis), d.div, d.mod, number(strides[i])});
  }
}

bool Tensor::holds(size_t axis, int64_t index) const {
  const int64_t position = index + lo_[axis];
  return position >= 0 && position < padded_[axis];
}

void Tensor::add_offsets(size_t axis, std::span<const int64_t> index, int64_t* offsets) const {
  for (const Part& p : parts_) {
    if (p.axis != axis) continue;
    const int64_t first = first_[axis];
    const bool whole = p.div == 1 && p.mod == 0;
    for (size_t i = 0; i < index.size(); ++i) {
      int64_t digit = index[i] + first;
      if (!whole) digit /= p.div;
      if (p.mod != 0) digit %= p.mod;
      offsets[i] += digit * p.stride;
    }
  }
}

}  // namespace rlx
