#include "runtime/cpu/told_symbols.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "runtime/binding.h"
#include "runtime/codes.h"

namespace rlx::runtime::cpu {
namespace {

using image::Command;
using image::Told;

// Where the block that begins with the command ends.
uint32_t block_end(const image::Image& image, uint32_t first) {
  for (uint32_t i = 0; i < first; ++i) {
    uint32_t begin = i + 1;
    for (const uint32_t end : image.commands[i].ends) {
      if (begin == first && begin < end) return end;
      begin = end;
    }
  }
  return static_cast<uint32_t>(image.commands.size());
}

// What the value should be; empty: it is that.
std::string wanted_of(const image::Symbol& symbol, int64_t value) {
  if (value < symbol.min) return fmt::format("at least {}", symbol.min);
  if (value > symbol.max) return fmt::format("at most {}", symbol.max);
  if (value % symbol.multiple_of == 0) return "";
  return fmt::format("a multiple of {}", symbol.multiple_of);
}

}  // namespace

ToldSymbols::ToldSymbols(const image::Image& image) : image_(image), groups_(told_groups(image)) {
  if (!groups_.none()) note_guards();
}

void ToldSymbols::note_guards() {
  for (uint32_t g = 0; g < image_.guards.size(); ++g) {
    const image::Guard& guard = image_.guards[g];
    const int32_t group = group_of(groups_, guard.predicate);
    if (group < 0) continue;
    const uint32_t end = block_end(image_, guard.command);
    for (uint32_t c = guard.command; c < end; ++c) {
      const Vec<uint32_t> told = groups_told_by(groups_, image_.commands[c]);
      if (std::ranges::count(told, static_cast<uint32_t>(group)) != 0) guards_[c].push_back(g);
    }
  }
}

Result<bool> ToldSymbols::read(uint32_t command, const Vec<void*>& pointers,
                               const image::Placement& placement, Vec<int64_t>& symbols) const {
  const Command& c = image_.commands[command];
  bool changed = false;
  for (const Told& told : c.told) {
    RLX_TRY(const int64_t value, value_of(c, told, pointers, placement));
    changed = changed || symbols[told.symbol] != value;
    symbols[told.symbol] = value;
  }
  return changed;
}

Result<int64_t> ToldSymbols::value_of(const Command& command, const Told& told,
                                      const Vec<void*>& pointers,
                                      const image::Placement& placement) const {
  const uint32_t buffer = command.buffers[told.buffer];
  int64_t value = 0;
  const int64_t at = int64_t{told.element} * static_cast<int64_t>(sizeof value);
  if (placement.bytes[buffer] < at + static_cast<int64_t>(sizeof value)) {
    return Error(kDamagedImage, "a command tells an element that is not there");
  }
  std::memcpy(&value, static_cast<const std::byte*>(pointers[buffer]) + at, sizeof value);
  const image::Symbol& symbol = image_.symbols[told.symbol];
  if (told.sign > 0) value = std::max<int64_t>(value, 0);
  // The least number has no opposite: out of every range.
  if (told.sign < 0 && value != INT64_MIN) value = std::max<int64_t>(-value, 0);
  const std::string wanted = wanted_of(symbol, value);
  if (wanted.empty()) return value;
  return Error(Diagnostic{
      .code = kOutOfRange,
      .message = fmt::format("the data tells that {} is {}, wanted {}", symbol.name, value, wanted),
      .node = command.origin.empty() ? std::string() : command.origin.front()});
}

Status ToldSymbols::check_guards(uint32_t command, const Vec<int64_t>& symbols) const {
  const auto guards = guards_.find(command);
  if (guards == guards_.end()) return {};
  for (const uint32_t g : guards->second) {
    const image::Guard& guard = image_.guards[g];
    if (is_untold(guard.predicate, symbols)) continue;
    if (evaluate(guard.predicate, symbols).value_or(0) == 0) {
      return Error(failed_guard(image_, guard, symbols));
    }
  }
  return {};
}

}  // namespace rlx::runtime::cpu
