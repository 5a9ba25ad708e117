#include <algorithm>
#include <cstring>
#include <map>

#include "image/told.h"
#include "runtime/cpu/buffers.h"
#include "support/memory.h"

namespace rlx::runtime::cpu {
namespace {

using BufferKind = image::Buffer::Kind;

// What a buffer of no bytes points to: an address that is aligned and not null.
alignas(kAlignment) std::byte nothing[kAlignment];

void* address_of(const std::byte* data) {
  return data == nullptr ? nothing : const_cast<std::byte*>(data);
}

bool is_zero(std::string_view pattern) {
  return pattern.find_first_not_of('\0') == std::string_view::npos;
}

constexpr std::string_view kBetween = "what lies between the kernels";

class ArenaBuffers final : public Buffers {
 public:
  ArenaBuffers(const image::Image& image, const Constants& constants) : Buffers(image) {
    for (uint32_t b = 0; b < image.buffers.size(); ++b) {
      if (image.buffers[b].kind == BufferKind::kConstant) {
        pointers_[b] = address_of(constants.of(b).data());
      }
    }
  }

  Status enter(const image::Placement& placement) override {
    auto wanted = static_cast<size_t>(placement.arena_bytes);
    const bool fresh = wanted > arena_.size();
    if (fresh) {
      // Pages are only taken when they are touched: too many are a death then and not an error.
      RLX_TRY_VOID(check_memory(kBetween, wanted));
      RLX_TRY(arena_, Mapping::make_filled(wanted, kBetween));
    }
    for (uint32_t b = 0; b < image_.buffers.size(); ++b) {
      if (image_.buffers[b].kind != BufferKind::kArena || placement.offsets[b] < 0) continue;
      place(b, arena_.data() + placement.offsets[b], placement, fresh);
    }
    return {};
  }

  // Twice as much as it had, so that what grows by little is rarely moved.
  Status make_room(uint32_t buffer, int64_t bytes) override {
    Mapping& room = rooms_[buffer];
    if (room.data() == nullptr || room.size() < static_cast<size_t>(bytes)) {
      const size_t wanted = std::max(static_cast<size_t>(bytes), 2 * room.size());
      RLX_TRY_VOID(check_memory("what the data tells", wanted));
      RLX_TRY(Mapping larger, Mapping::make(wanted));
      if (room.size() != 0) std::memcpy(larger.data(), room.data(), room.size());
      room = std::move(larger);
    }
    pointers_[buffer] = room.data();
    return {};
  }

  Status enter_told(const image::Placement& placement, uint32_t command,
                    const Vec<uint32_t>& buffers, int64_t bytes) override {
    Mapping& memory = told_[command];
    const bool fresh = memory.data() == nullptr || memory.size() < static_cast<size_t>(bytes);
    if (fresh) {
      RLX_TRY_VOID(check_memory("what the data tells", static_cast<size_t>(bytes)));
      RLX_TRY(memory, Mapping::make(static_cast<size_t>(bytes)));
    }
    for (const uint32_t b : buffers) {
      if (placement.offsets[b] < 0) continue;
      place(b, memory.data() + placement.offsets[b] - image::told_base(command), placement, fresh);
    }
    return {};
  }

  void set_input(uint32_t buffer, const HostTensor& tensor) override {
    pointers_[buffer] = address_of(tensor.data.data());
  }
  void set_output(uint32_t buffer, HostTensor& tensor) override {
    pointers_[buffer] = address_of(tensor.data.data());
  }
  void set_state(uint32_t input, uint32_t output, HostTensor& tensor) override {
    set_input(input, tensor);
    set_output(output, tensor);
  }
  void begin_run() override {}
  void end_run() override {}

 private:
  // In memory that is `fresh` from the system all is zero already: its pages come when kernels first write them, to all
  // threads at once.
  void place(uint32_t b, std::byte* data, const image::Placement& placement, bool fresh) {
    pointers_[b] = data;
    const image::Buffer& buffer = image_.buffers[b];
    if (!buffer.keeps_pattern() || placement.bytes[b] <= 0) return;
    if (fresh && is_zero(buffer.pattern)) return;
    fill_with_pattern({data, static_cast<size_t>(placement.bytes[b])}, buffer.pattern);
  }

  Mapping arena_;
  // By command that tells.
  std::map<uint32_t, Mapping> told_;
  // By buffer that is given room.
  std::map<uint32_t, Mapping> rooms_;
};

}  // namespace

std::unique_ptr<Buffers> arena_buffers(const image::Image& image, const Constants& constants) {
  return std::make_unique<ArenaBuffers>(image, constants);
}

}  // namespace rlx::runtime::cpu
