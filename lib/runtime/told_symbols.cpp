#include "runtime/told_symbols.h"

#include <algorithm>

#include <fmt/format.h>

#include "runtime/binding.h"
#include "runtime/codes.h"

namespace rlx::runtime {
namespace {

using image::Command;
using image::Told;

}  // namespace

ToldSymbols::ToldSymbols(const image::Image& image) : image_(image), extents_(told_extents(image)) {
  if (!extents_.none()) note_guards();
}

// By commands of the very block that needs it: what the blocks inside of it tell may be another trip's.
void ToldSymbols::note_guards() {
  const auto around = blocks_around(image_);
  for (uint32_t g = 0; g < image_.guards.size(); ++g) {
    const image::Guard& guard = image_.guards[g];
    if (!speaks_of(guard.predicate, extents_.is_told)) continue;
    for (const auto& [command, telling] : extents_.commands) {
      if (around[command] == around[guard.command]) guards_[command].push_back(g);
    }
  }
}

void ToldSymbols::forget(Vec<int64_t>& symbols, image::Placement& placement) const {
  for (const auto& [command, telling] : extents_.commands) {
    for (const Told& t : image_.commands[command].told) symbols[t.symbol] = image::kUntold;
    for (const uint32_t b : telling.buffers) placement.offsets[b] = placement.bytes[b] = -1;
  }
  for (size_t b = 0; b < image_.buffers.size(); ++b) {
    if (extents_.is_given[b]) placement.bytes[b] = -1;
  }
}

Status ToldSymbols::read(uint32_t command, const ReadI64& element,
                         const image::Placement& placement, Vec<int64_t>& symbols) const {
  const Vec<uint32_t>& later = extents_.commands.at(command).forgets;
  for (const uint32_t symbol : later) symbols[symbol] = image::kUntold;
  const Command& c = image_.commands[command];
  for (const Told& told : c.told) {
    RLX_TRY(symbols[told.symbol], value_of(c, told, element, placement));
  }
  return {};
}

Result<int64_t> ToldSymbols::value_of(const Command& command, const Told& told,
                                      const ReadI64& element,
                                      const image::Placement& placement) const {
  const uint32_t buffer = command.buffers[told.buffer];
  constexpr auto kBytes = static_cast<int64_t>(sizeof(int64_t));
  const int64_t at = int64_t{told.element} * kBytes;
  if (placement.bytes[buffer] < at + kBytes) {
    return Error(kDamagedImage, "a command tells an element that is not there");
  }
  RLX_TRY(int64_t value, element(buffer, at));
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

}  // namespace rlx::runtime
