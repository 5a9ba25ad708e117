#include "runtime/feedback.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "image/told.h"
#include "runtime/binding.h"
#include "runtime/codes.h"
#include "support/codes.h"
#include "support/names.h"

namespace rlx::runtime {
namespace {

using image::Image;
using image::State;
using image::Tensor;

// What a state has room for at least.
constexpr int64_t kLeastCapacity = 16;

std::optional<uint32_t> find_name(const Vec<Tensor>& tensors, const std::string& name) {
  const auto found = std::ranges::find(tensors, name, &Tensor::name);
  if (found == tensors.end()) return std::nullopt;
  return static_cast<uint32_t>(found - tensors.begin());
}

Error unknown(std::string_view kind, const std::string& name, const Vec<Tensor>& known) {
  Vec<std::string> names;
  for (const Tensor& t : known) names.push_back(t.name);
  return Error(kUnknownFeed, fmt::format("the model has no {} '{}' to feed", kind, name),
               hint_for(name, names));
}

Error misfit(const Image& image, const Tensor& out, const Tensor& in) {
  return Error(
      Diagnostic{.code = kFeedMismatch,
                 .message = fmt::format("output '{}' does not fit input '{}'", out.name, in.name),
                 .shapes = {signature(image, out), signature(image, in)}});
}

// An extent that is a number.
std::optional<int64_t> number_of(const image::Extent& e) {
  const bool is_number = e.steps.size() == 1 && e.steps[0].op == image::Extent::Op::kConst;
  return is_number ? std::optional(e.steps[0].operand) : std::nullopt;
}

// An extent that is a symbol, by itself or times 1.
std::optional<size_t> symbol_of(const image::Extent& e) {
  using Op = image::Extent::Op;
  const image::Extent::Step one{Op::kConst, 1}, times{Op::kMul, 0};
  const bool is_product = e.steps.size() == 3 && e.steps[0] == one && e.steps[2] == times;
  if (!is_product && e.steps.size() != 1) return std::nullopt;
  const image::Extent::Step& step = e.steps[is_product ? 1 : 0];
  return step.op == Op::kSymbol ? std::optional(static_cast<size_t>(step.operand)) : std::nullopt;
}

// As far as it can be told before dims are known.
bool may_fit(const Tensor& out, const Tensor& in) {
  if (out.dtype != in.dtype || out.shape.size() != in.shape.size()) return false;
  for (size_t axis = 0; axis < in.shape.size(); ++axis) {
    const std::optional<int64_t> a = number_of(out.shape[axis]), b = number_of(in.shape[axis]);
    if (a && b && *a != *b) return false;
  }
  return true;
}

// Whether some dims are elements of that input.
bool has_dims(const Image& image, uint32_t input) {
  return std::ranges::any_of(image.symbols, [&](const image::Symbol& s) {
    return s.element >= 0 && s.input == static_cast<int32_t>(input);
  });
}

// A tensor row-major in memory with room for `capacity` along the axis: rows of `bytes`, one behind the other, of which
// each has room for `room`.
struct Rows {
  int64_t count = 1, bytes = 0, room = 0;
};

Rows rows_of(const HostTensor& t, uint32_t axis, int64_t capacity) {
  Rows rows;
  int64_t inner = bytes_of(t.dtype, 1);
  for (size_t i = 0; i < t.shape.size(); ++i) (i < axis ? rows.count : inner) *= t.shape[i];
  // With the axis's own extent.
  rows.bytes = inner;
  rows.room = t.shape[axis] == 0 ? 0 : inner / t.shape[axis] * capacity;
  return rows;
}

// Copies what is there.
void copy_rows(const Rows& from, const std::byte* source, const Rows& to, std::byte* target) {
  for (int64_t row = 0; from.bytes > 0 && row < from.count; ++row) {
    std::memcpy(target + row * to.room, source + row * from.room, static_cast<size_t>(from.bytes));
  }
}

std::string what_of(const HostTensor& t, const Vec<int64_t>& shape) {
  return fmt::format("{} {}", t.name, type_text(t.dtype, shape));
}

// The bytes of a tensor like that one, of that shape.
Result<size_t> room_in(const HostTensor& t, const Vec<int64_t>& shape) {
  const std::optional<size_t> bytes = tensor_bytes(t.dtype, shape);
  if (bytes) return *bytes;
  return Error(kOutOfMemory, what_of(t, shape) + " is too big", "fewer steps");
}

Result<AlignedBytes> room_for(const HostTensor& t, const Vec<int64_t>& shape) {
  RLX_TRY(const size_t bytes, room_in(t, shape));
  return AlignedBytes::make(bytes, what_of(t, shape));
}

Result<std::unique_ptr<Kept>> keep(Device& device, const HostTensor& t, const Vec<int64_t>& shape) {
  RLX_TRY(const size_t bytes, room_in(t, shape));
  return device.keep(bytes, what_of(t, shape));
}

}  // namespace

Result<Feedback> Feedback::make(const Image& image, std::span<const Feed> feeds, Device* device) {
  Feedback made(image, device);
  const image::ToldExtents told = told_extents(image);
  for (const Feed& feed : feeds) {
    const auto output = find_name(image.outputs, feed.output);
    const auto input = find_name(image.inputs, feed.input);
    if (!output) return unknown("output", feed.output, image.outputs);
    if (!input) return unknown("input", feed.input, image.inputs);
    for (const Slot& other : made.slots_) {
      if (other.input != *input && other.output != *output) continue;
      return Error(kFedTwice, fmt::format("{} is fed twice", other.input == *input
                                                                 ? "input '" + feed.input + "'"
                                                                 : "output '" + feed.output + "'"));
    }
    const Tensor &out = image.outputs[*output], &in = image.inputs[*input];
    if (!may_fit(out, in)) return misfit(image, out, in);
    if (is_told(out, told)) {
      return Error(kFeedMismatch,
                   fmt::format("output '{}' has a shape that only the run tells, and is "
                               "not fed back yet",
                               feed.output));
    }
    made.slots_.push_back({.input = *input, .output = *output});
    made.slots_.back().may_be_kept = device && device->facts().keeps && !has_dims(image, *input);
  }
  made.find_states();
  return made;
}

// States of one capacity are appended to together, or not at all.
void Feedback::find_states() {
  Vec<bool> is_dense(image_->symbols.size());
  for (const State& s : image_->states) {
    const auto slot = std::ranges::find_if(
        slots_, [&](const Slot& fed) { return fed.input == s.input && fed.output == s.output; });
    if (slot != slots_.end()) slot->state = &s;
    if (slot == slots_.end()) is_dense[s.input_capacity] = is_dense[s.output_capacity] = true;
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (Slot& slot : slots_) {
      const State* s = slot.state;
      if (!s || (!is_dense[s->input_capacity] && !is_dense[s->output_capacity])) continue;
      is_dense[s->input_capacity] = is_dense[s->output_capacity] = true;
      slot.state = nullptr;
      changed = true;
    }
  }
}

Status Feedback::take_first(std::span<const HostTensor> given) {
  for (Slot& slot : slots_) {
    const auto first = std::ranges::find(given, image_->inputs[slot.input].name, &HostTensor::name);
    // Of a first step that failed.
    slot.kept_now.reset();
    slot.kept_next.reset();
    // That another one is missing is said of all inputs at once, and what rank it should have.
    if (first == given.end()) {
      if (slot.state) slot.now = empty(slot, given);
      slot.room = 0;
      continue;
    }
    if (tensor_bytes(first->dtype, first->shape) != first->data.size()) {
      return Error(kDamagedImage, fmt::format("'{}' has {} bytes, which its shape has not",
                                              first->name, first->data.size()));
    }
    slot.now = *first;
    if (slot.state && slot.state->axis < first->shape.size()) {
      slot.room = first->shape[slot.state->axis];
    }
  }
  return {};
}

// Nothing went by yet: of the extents that the given tensors tell, and none along the axis.
HostTensor Feedback::empty(const Slot& slot, std::span<const HostTensor> given) const {
  Vec<int64_t> symbols(image_->symbols.size());
  for (const HostTensor& t : given) {
    const auto input = find_name(image_->inputs, t.name);
    if (!input || t.shape.size() != image_->inputs[*input].shape.size()) continue;
    for (size_t axis = 0; axis < t.shape.size(); ++axis) {
      const auto symbol = symbol_of(image_->inputs[*input].shape[axis]);
      if (symbol) symbols[*symbol] = t.shape[axis];
    }
  }
  const Tensor& input = image_->inputs[slot.input];
  HostTensor none{input.name, input.dtype};
  for (const image::Extent& e : input.shape) {
    none.shape.push_back(std::max<int64_t>(evaluate(e, symbols).value_or(0), 0));
  }
  none.shape[slot.state->axis] = 0;
  return none;
}

Result<Vec<const HostTensor*>> Feedback::inputs(std::span<const HostTensor> given) {
  if (!has_begun_) RLX_TRY_VOID(take_first(given));
  Vec<const HostTensor*> all;
  for (const HostTensor& t : given) {
    const auto slot = std::ranges::find_if(
        slots_, [&](const Slot& s) { return image_->inputs[s.input].name == t.name; });
    if (slot == slots_.end()) {
      all.push_back(&t);
    } else if (has_begun_) {
      return Error(kGivenAndFed, fmt::format("input '{}' is given, and fed back", t.name),
                   "give it for the first step alone");
    }
  }
  for (const Slot& slot : slots_) {
    if (!slot.now.name.empty()) all.push_back(&slot.now);
  }
  return all;
}

Status Feedback::make_room(Vec<int64_t>& symbols) {
  for (Slot& slot : slots_) {
    const Tensor &in = image_->inputs[slot.input], &out = image_->outputs[slot.output];
    RLX_TRY(slot.next_shape, shape_of(*image_, out, symbols));
    if (!slot.state) {
      RLX_TRY_VOID(hand_over(slot));
      RLX_TRY_VOID(make_next(slot));
      continue;
    }
    Vec<int64_t> grown = slot.now.shape;
    grown[slot.state->axis] = slot.next_shape[slot.state->axis];
    if (grown != slot.next_shape || grown[slot.state->axis] < slot.now.shape[slot.state->axis]) {
      return misfit(*image_, out, in);
    }
    int64_t& capacity = capacity_[slot.state->output_capacity];
    const int64_t wanted = grown[slot.state->axis];
    if (wanted > capacity) capacity = std::max({2 * capacity, wanted, kLeastCapacity});
  }
  for (Slot& slot : slots_) {
    if (!slot.state) continue;
    const int64_t capacity = capacity_[slot.state->output_capacity];
    RLX_TRY_VOID(grow(slot, capacity));
    RLX_TRY_VOID(hand_over(slot));
    symbols[slot.state->input_capacity] = symbols[slot.state->output_capacity] = capacity;
  }
  return {};
}

// New memory where it has not that much room yet.
Status Feedback::grow(Slot& slot, int64_t capacity) {
  const uint32_t axis = slot.state->axis;
  Vec<int64_t> shape = slot.now.shape;
  shape[axis] = capacity;
  if (slot.room == capacity) return {};
  if (slot.kept_now) return grow_kept(slot, capacity);
  RLX_TRY(AlignedBytes data, room_for(slot.now, shape));
  // What nobody has written yet is NaN.
  if (data.size() > 0) std::memset(data.data(), 0xff, data.size());
  copy_rows(rows_of(slot.now, axis, slot.room), slot.now.data.data(),
            rows_of(slot.now, axis, capacity), data.data());
  slot.now.data = std::move(data);
  slot.room = capacity;
  return {};
}

Status Feedback::grow_kept(Slot& slot, int64_t capacity) {
  const uint32_t axis = slot.state->axis;
  Vec<int64_t> shape = slot.now.shape;
  shape[axis] = capacity;
  const Rows from = rows_of(slot.now, axis, slot.room), to = rows_of(slot.now, axis, capacity);
  RLX_TRY(auto larger, keep(*device_, slot.now, shape));
  const Kept::Rows rows{static_cast<size_t>(from.count), static_cast<size_t>(from.bytes),
                        static_cast<size_t>(from.room)};
  if (from.bytes > 0) {
    RLX_TRY_VOID(larger->take_rows(*slot.kept_now, rows, static_cast<size_t>(to.room)));
  }
  slot.kept_now = std::move(larger);
  slot.room = capacity;
  return {};
}

Status Feedback::hand_over(Slot& slot) {
  if (!slot.may_be_kept || slot.kept_now) return {};
  RLX_TRY(auto kept, device_->keep(slot.now.data.size(), what_of(slot.now, slot.now.shape)));
  RLX_TRY_VOID(kept->write(slot.now.data.bytes()));
  slot.kept_now = std::move(kept);
  slot.now.data = {};
  return {};
}

Status Feedback::make_next(Slot& slot) {
  const Tensor& out = image_->outputs[slot.output];
  const std::optional<size_t> bytes = tensor_bytes(out.dtype, slot.next_shape);
  slot.next.name = out.name;
  slot.next.dtype = out.dtype;
  slot.next.shape = slot.next_shape;
  if (slot.may_be_kept) {
    if (slot.kept_next && bytes && slot.kept_next->size() >= *bytes) return {};
    RLX_TRY(slot.kept_next, keep(*device_, slot.next, slot.next_shape));
    return {};
  }
  if (bytes == slot.next.data.size() && slot.next.data.data() != nullptr) return {};
  RLX_TRY(slot.next.data, room_for(slot.next, slot.next_shape));
  return {};
}

HostTensor* Feedback::place_of(size_t output) {
  const auto slot = std::ranges::find(slots_, output, &Slot::output);
  if (slot == slots_.end()) return nullptr;
  return slot->state ? &slot->now : &slot->next;
}

Vec<Kept*> Feedback::kept_inputs() const {
  Vec<Kept*> all(image_->inputs.size());
  for (const Slot& slot : slots_) all[slot.input] = slot.kept_now.get();
  return all;
}

Vec<Kept*> Feedback::kept_outputs() const {
  Vec<Kept*> all(image_->outputs.size());
  for (const Slot& slot : slots_) {
    all[slot.output] = slot.state ? slot.kept_now.get() : slot.kept_next.get();
  }
  return all;
}

void Feedback::advance() {
  has_begun_ = true;
  for (Slot& slot : slots_) {
    if (!slot.state) {
      std::swap(slot.now.data, slot.next.data);
      std::swap(slot.kept_now, slot.kept_next);
    }
    slot.now.shape = slot.next_shape;
  }
}

Vec<Fed> Feedback::fed() const {
  Vec<Fed> all;
  for (const Slot& slot : slots_) {
    const Tensor &in = image_->inputs[slot.input], &out = image_->outputs[slot.output];
    all.push_back({.output = out.name,
                   .input = in.name,
                   .dtype = in.dtype,
                   .shape = slot.now.shape,
                   .in_place = slot.state != nullptr,
                   .capacity = slot.room});
  }
  return all;
}

Result<Vec<HostTensor>> Feedback::copies() const {
  Vec<HostTensor> copies;
  for (uint32_t i = 0; i < image_->outputs.size(); ++i) {
    const auto slot = std::ranges::find(slots_, i, &Slot::output);
    if (slot == slots_.end()) continue;
    const HostTensor& now = slot->now;
    RLX_TRY(AlignedBytes data, room_for(now, now.shape));
    const std::byte* from = now.data.data();
    AlignedBytes fetched;
    if (slot->kept_now) {
      RLX_TRY(fetched, AlignedBytes::make(slot->kept_now->size(), what_of(now, now.shape)));
      RLX_TRY_VOID(slot->kept_now->read({fetched.data(), fetched.size()}));
      from = fetched.data();
    }
    if (slot->state) {
      const uint32_t axis = slot->state->axis;
      copy_rows(rows_of(now, axis, slot->room), from, rows_of(now, axis, now.shape[axis]),
                data.data());
    } else if (data.size() > 0) {
      std::memcpy(data.data(), from, data.size());
    }
    copies.push_back({image_->outputs[i].name, now.dtype, now.shape, std::move(data)});
  }
  return copies;
}

}  // namespace rlx::runtime
