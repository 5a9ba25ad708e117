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
    if (wanted > arena_.size()) {
      // Pages are only taken when they are touched: too many are a death then and not an error.
      RLX_TRY_VOID(check_memory("what lies between the kernels", wanted));
      RLX_TRY(arena_, Mapping::make(wanted));
    }
    for (uint32_t b = 0; b < image_.buffers.size(); ++b) {
      if (image_.buffers[b].kind == BufferKind::kArena) place(b, placement);
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
  void place(uint32_t b, const image::Placement& placement) {
    std::byte* data = arena_.data() + placement.offsets[b];
    pointers_[b] = data;
    const std::string& pattern = image_.buffers[b].pattern;
    if (!pattern.empty() && placement.bytes[b] > 0) {
      fill_with_pattern({data, static_cast<size_t>(placement.bytes[b])}, pattern);
    }
  }

  Mapping arena_;
};

}  // namespace

std::unique_ptr<Buffers> arena_buffers(const image::Image& image, const Constants& constants) {
  return std::make_unique<ArenaBuffers>(image, constants);
}

}  // namespace rlx::runtime::cpu
