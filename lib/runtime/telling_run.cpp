#include "runtime/telling_run.h"

#include <algorithm>

#include <fmt/format.h>

#include "image/pack.h"
#include "runtime/binding.h"
#include "runtime/codes.h"

namespace rlx::runtime {

Status TellingRun::run(uint32_t command) {
  const bool tells = image_.commands[command].kind == image::Command::Kind::kTell;
  return tells ? tell(command) : give(image_.commands[command]);
}

Status TellingRun::give(const image::Command& command) {
  const uint32_t to = command.buffers[0], from = command.buffers[1];
  const int64_t bytes = evaluate(command.room[0], symbols()).value_or(-1);
  if (bytes < 0 || bytes > placement_.bytes[from]) {
    return Error(kDamagedImage, "a command gives more than there is");
  }
  RLX_TRY_VOID(make_room(to, bytes));
  return bytes == 0 ? Status() : copy_bytes(to, from, bytes);
}

Status TellingRun::make_room(uint32_t command, size_t slices, int64_t bytes) {
  return make_room(image_.commands[command].buffers[6 + 2 * slices], bytes);
}

Status TellingRun::make_room(uint32_t buffer, int64_t bytes) {
  RLX_TRY_VOID(give_room(buffer, bytes));
  rooms_[buffer] = bytes;
  return {};
}

// Reads the symbols, and lays what they size and all commands anew.
Status TellingRun::tell(uint32_t command) {
  const auto element = [this](uint32_t buffer, int64_t offset) { return read_i64(buffer, offset); };
  RLX_TRY_VOID(told_.read(command, element, placement_, symbols()));
  RLX_TRY_VOID(told_.check_guards(command, symbols()));
  RLX_TRY_VOID(enter_told(command));
  RLX_TRY_VOID(remake_program());
  for (const image::State& state : image_.states) skip_copies(state);
  return {};
}

void TellingRun::skip_copies(const image::State& state) {
  const bool in_place = in_place_.at(state.output);
  for (const uint32_t command : state.copies) program().steps[command].skipped = in_place;
}

Status TellingRun::enter_told(uint32_t command) {
  const image::ToldExtents& told = told_.extents();
  RLX_TRY(const int64_t bytes, place_told(image_, told, command, symbols(), placement_));
  RLX_TRY_VOID(measure_rooms());
  const Vec<uint32_t>& sized = told.commands.at(command).buffers;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const uint32_t b = image_.outputs[i].buffer;
    const bool is_sized = std::ranges::count(sized, b) != 0 && placement_.bytes[b] >= 0;
    if (!is_written_in_place(i) || !is_sized) continue;
    RLX_TRY_VOID(make_output(i));
    RLX_TRY_VOID(give_output(i));
  }
  return give_told(command, sized, bytes);
}

// What was given room has as much as is told of it; a loop without trips gives its slices none.
Status TellingRun::measure_rooms() {
  const Vec<bool>& given = told_.extents().is_given;
  for (uint32_t b = 0; b < given.size(); ++b) {
    if (!given[b]) continue;
    RLX_TRY(placement_.bytes[b], bytes_of(image_, image_.buffers[b], symbols()));
    if (placement_.bytes[b] <= rooms_[b]) continue;
    return Error(kDamagedImage, "a buffer is told to be larger than it was made");
  }
  return {};
}

Status TellingRun::make_output(size_t output) {
  const image::Tensor& wanted = image_.outputs[output];
  HostTensor& made = *outputs_[output];
  RLX_TRY(made.shape, shape_of(image_, wanted, symbols()));
  const auto bytes = static_cast<size_t>(std::max<int64_t>(placement_.bytes[wanted.buffer], 0));
  if (tensor_bytes(made.dtype, made.shape) != bytes) {
    return Error(kDamagedImage, fmt::format("'{}' does not fit its buffer", made.name));
  }
  if (made.data.size() == bytes && bytes != 0) return {};
  RLX_TRY(made.data, AlignedBytes::make(bytes, "output " + made.name));
  return {};
}

}  // namespace rlx::runtime
