#include "kernel/accessor.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "kernel/codes.h"
#include "kernel/element.h"
#include "kernel/eval.h"
#include "support/sub_byte.h"

namespace rlx {

using Rule = Bounds::Rule;

namespace {

Fn function_of(Combine c) {
  switch (c) {
    case Combine::kAdd: return Fn::kAdd;
    case Combine::kMax: return Fn::kMax;
    case Combine::kMin: return Fn::kMin;
    case Combine::kMul: return Fn::kMul;
    case Combine::kSet: break;
  }
  RLX_CHECK(false, "a plain write combines nothing");
  return Fn::kAdd;
}

Error error_in(const Stage& s, int code, std::string message) {
  Diagnostic d{.code = code, .message = std::move(message)};
  d.node = s.origin.empty() ? s.name : fmt::format("{}", fmt::join(s.origin, ", "));
  return Error(std::move(d));
}

}  // namespace

void Accessor::add_arg(std::span<std::byte> memory) {
  const Arg& a = k_.args[args_.size()];
  args_.emplace_back(a, memory);
  const int64_t bytes = bytes_of(a.dtype, args_.back().elements());
  RLX_CHECK(bytes <= static_cast<int64_t>(memory.size()), "the buffer of " + a.name + " is short");
}

void Accessor::add_local(std::span<std::byte> memory) {
  const Local& l = k_.locals[locals_.size()];
  const Storage plain = Storage::row_major(static_cast<int>(l.shape.size()));
  locals_.emplace_back(Arg{.dtype = l.dtype, .shape = l.shape, .storage = plain}, memory);
}

const Tensor& Accessor::tensor(const Access& a) const {
  return a.of == Access::Of::kLocal ? locals_[a.tensor] : args_[a.tensor];
}

std::string Accessor::name(const Access& a) const {
  if (a.of == Access::Of::kLocal) return fmt::format("l{}", a.tensor);
  return k_.args[a.tensor].name;
}

// ---- Indexes ----------------------------------------------------------------------------------

Status Accessor::locate(const Stage& s, const Access& a, const Columns& columns) {
  const Tensor& t = tensor(a);
  auto count = static_cast<size_t>(strip_.count());
  index_.resize(count);
  offsets_.assign(count, 0);
  filled_.assign(count, -1);
  if (a.of == Access::Of::kLocal) {
    const std::span<const int64_t> homes = strip_.homes();
    for (size_t i = 0; i < count; ++i) offsets_[i] = homes[i] * t.elements();
  }
  for (size_t axis = 0; axis < a.index.size(); ++axis) {
    set_index(a.index[axis], t.extent(axis), columns);
    RLX_TRY_VOID(apply_bounds(s, a, axis));
    t.add_offsets(axis, index_, offsets_.data());
  }
  return {};
}

void Accessor::set_index(const AxisIndex& index, int64_t extent, const Columns& columns) {
  if (!index.expr) return strip_.evaluate(index.dim, index_.data());
  std::memcpy(index_.data(), columns[index.expr->index], index_.size() * sizeof(int64_t));
  if (!index.from_end) return;
  for (int64_t& i : index_) {
    if (i < 0) i += extent;
  }
}

Status Accessor::apply_bounds(const Stage& s, const Access& a, size_t axis) {
  const Tensor& t = tensor(a);
  const bool proven = a.bounds[axis].rule == Rule::kProven;
  for (size_t i = 0; i < index_.size(); ++i) {
    const bool inside = index_[i] >= 0 && index_[i] < t.extent(axis);
    // What is proven may be so by a halo.
    if (inside || (proven && t.holds(axis, index_[i]))) continue;
    RLX_TRY(index_[i], moved_inside(s, a, axis, i));
  }
  return {};
}

Result<int64_t> Accessor::moved_inside(const Stage& s, const Access& a, size_t axis, size_t point) {
  int64_t extent = tensor(a).extent(axis), i = index_[point];
  Rule rule = a.bounds[axis].rule;
  // Nothing is inside of an empty axis.
  if (extent == 0 && rule != Rule::kFill && rule != Rule::kChecked) rule = Rule::kProven;
  auto what = [&] {
    return fmt::format("index {} is outside of axis {} of {}, which has {} elements", i, axis,
                       name(a), extent);
  };
  switch (rule) {
    case Rule::kProven: return error_in(s, kInvalidKernel, what() + ", and was said to be inside");
    case Rule::kChecked: return error_in(s, kIndexOutside, what());
    case Rule::kFill:
      if (filled_[point] < 0) filled_[point] = static_cast<int>(axis);
      return 0;
    case Rule::kClamp: return std::clamp<int64_t>(i, 0, extent - 1);
    case Rule::kWrap: return (i % extent + extent) % extent;
    case Rule::kReflect: {
      const int64_t period = std::max<int64_t>(2 * (extent - 1), 1);
      const int64_t phase = (i % period + period) % period;
      return std::min(phase, period - phase);
    }
  }
  return i;
}

// ---- Elements ---------------------------------------------------------------------------------

Status Accessor::load(const Stage& s, const Access& a, const Columns& columns, std::byte* out) {
  RLX_TRY_VOID(locate(s, a, columns));
  const Tensor& t = tensor(a);
  if (is_sub_byte(t.dtype())) {
    for (size_t i = 0; i < offsets_.size(); ++i) {
      out[i] = sub_byte_at(t.dtype(), t.memory().data(), offsets_[i]);
      if (filled_[i] >= 0) to_bytes(a.bounds[static_cast<size_t>(filled_[i])].fill, out + i);
    }
    return {};
  }
  with_bits(t.dtype(), [&]<class T>() {
    const std::byte* from = t.memory().data();
    for (size_t i = 0; i < offsets_.size(); ++i) {
      std::byte* to = out + i * sizeof(T);
      if (filled_[i] < 0) {
        std::memcpy(to, from + offsets_[i] * static_cast<int64_t>(sizeof(T)), sizeof(T));
      } else {
        to_bytes(a.bounds[static_cast<size_t>(filled_[i])].fill, to);
      }
    }
  });
  if (t.dtype() != DType::kBool) return {};
  // Foreign data may hold a bool other than 0 and 1.
  for (size_t i = 0; i < offsets_.size(); ++i) out[i] = std::byte{out[i] != std::byte{0}};
  return {};
}

Status Accessor::store(const Stage& s, const Access& a, const Columns& columns,
                       const std::byte* values) {
  RLX_TRY_VOID(locate(s, a, columns));
  const Tensor& t = tensor(a);
  const int64_t size = size_of(t.dtype());
  for (size_t i = 0; i < offsets_.size(); ++i) {
    std::byte* to = t.memory().data() + offsets_[i] * size;
    const std::byte* from = values + static_cast<int64_t>(i) * size;
    if (a.combine == Combine::kSet) {
      std::memcpy(to, from, static_cast<size_t>(size));
      continue;
    }
    alignas(8) std::byte old[8];
    std::memcpy(old, to, static_cast<size_t>(size));
    const std::byte* operands[] = {old, from};
    eval(function_of(a.combine), t.dtype(), t.dtype(), operands, old, 1);
    std::memcpy(to, old, static_cast<size_t>(size));
  }
  return {};
}

}  // namespace rlx
