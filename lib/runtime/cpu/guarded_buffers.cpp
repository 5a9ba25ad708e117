#include <algorithm>
#include <cstring>
#include <unordered_map>

#include <fmt/format.h>

#include "runtime/cpu/buffers.h"
#include "runtime/cpu/fault_report.h"
#include "support/memory.h"

namespace rlx::runtime::cpu {
namespace {

using BufferKind = image::Buffer::Kind;

void copy_bytes(std::byte* to, Bytes from) {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

class GuardedBuffers final : public Buffers {
 public:
  GuardedBuffers(const image::Image& image, const Constants& constants)
      : Buffers(image), constants_(constants), faults_(image) {}

  Status enter(const image::Placement& placement) override {
    blocks_.clear();
    blocks_.resize(image_.buffers.size());
    outputs_.assign(image_.buffers.size(), nullptr);
    is_state_.assign(image_.buffers.size(), false);
    std::unordered_map<int32_t, std::shared_ptr<GuardedBlock>> slots;
    for (uint32_t b = 0; b < image_.buffers.size(); ++b) {
      std::shared_ptr<GuardedBlock> own;
      const int32_t slot = image_.buffers[b].slot;
      std::shared_ptr<GuardedBlock>& block = slot < 0 ? own : slots[slot];
      RLX_TRY_VOID(enter(b, placement, block));
    }
    watch();
    return {};
  }

  Status make_room(uint32_t buffer, int64_t bytes) override {
    const std::shared_ptr<GuardedBlock> before = blocks_[buffer];
    RLX_TRY(GuardedBlock made, GuardedBlock::make(static_cast<size_t>(bytes)));
    const size_t kept = std::min(before->size(), made.size());
    copy_bytes(made.data(), {before->data(), kept});
    blocks_[buffer] = std::make_shared<GuardedBlock>(std::move(made));
    pointers_[buffer] = blocks_[buffer]->data();
    watch();
    return {};
  }

  Status enter_told(const image::Placement& placement, uint32_t, const Vec<uint32_t>& buffers,
                    int64_t) override {
    std::unordered_map<int32_t, std::shared_ptr<GuardedBlock>> slots;
    for (const uint32_t b : buffers) {
      const bool is_output =
          image_.buffers[b].kind == BufferKind::kOutput && outputs_[b] != nullptr;
      if (placement.offsets[b] < 0 && !is_output) continue;
      std::shared_ptr<GuardedBlock> own;
      const int32_t slot = image_.buffers[b].slot;
      RLX_TRY_VOID(enter(b, placement, slot < 0 ? own : slots[slot]));
    }
    watch();
    return {};
  }

  void set_input(uint32_t buffer, const HostTensor& tensor) override {
    const GuardedBlock& block = *blocks_[buffer];
    pointers_[buffer] = block.data();
    block.allow_writing();
    copy_bytes(block.data(), tensor.data.bytes());
    block.forbid_writing();
  }
  void set_output(uint32_t buffer, HostTensor& tensor) override {
    outputs_[buffer] = &tensor;
    is_state_[buffer] = false;
  }
  void set_state(uint32_t input, uint32_t output, HostTensor& tensor) override {
    set_output(output, tensor);
    is_state_[output] = true;
    pointers_[input] = blocks_[output]->data();
  }

  // What an earlier run has left must not be what this one reads.
  void begin_run() override {
    for (uint32_t b = 0; b < image_.buffers.size(); ++b) {
      const image::Buffer& buffer = image_.buffers[b];
      const bool made_by_run =
          buffer.kind == BufferKind::kArena || buffer.kind == BufferKind::kOutput;
      if (is_state_[b]) {
        copy_bytes(blocks_[b]->data(), outputs_[b]->data.bytes());
      } else if (made_by_run && !buffer.keeps_pattern()) {
        blocks_[b]->fill_with_nan();
      }
    }
  }

  void end_run() override {
    for (uint32_t b = 0; b < image_.buffers.size(); ++b) {
      RLX_CHECK(blocks_[b]->is_intact(), "a command wrote beside buffer " + std::to_string(b));
      // A run that fails may not have told how large an output is.
      if (outputs_[b] == nullptr || outputs_[b]->data.size() != blocks_[b]->size()) continue;
      copy_bytes(outputs_[b]->data.data(), {blocks_[b]->data(), blocks_[b]->size()});
    }
  }

 private:
  // In `block`, which is made where there is none.
  Status enter(uint32_t b, const image::Placement& placement,
               std::shared_ptr<GuardedBlock>& block) {
    if (block == nullptr) {
      const auto bytes = static_cast<size_t>(std::max<int64_t>(placement.bytes[b], 0));
      RLX_TRY_VOID(check_memory(fmt::format("buffer {}", b), bytes));
      RLX_TRY(GuardedBlock made, GuardedBlock::make(bytes));
      block = std::make_shared<GuardedBlock>(std::move(made));
      fill_first(b, *block);
    }
    blocks_[b] = block;
    pointers_[b] = block->data();
    return {};
  }

  void watch() {
    Vec<WatchedBuffer> watched;
    for (uint32_t b = 0; b < blocks_.size(); ++b) {
      const GuardedBlock& block = *blocks_[b];
      const Bytes pages = block.pages();
      watched.push_back({b, block.data(), block.size(), pages.data(), pages.size()});
    }
    faults_.watch(std::move(watched));
  }

  void fill_first(uint32_t b, const GuardedBlock& block) {
    const image::Buffer& buffer = image_.buffers[b];
    if (buffer.keeps_pattern()) fill_with_pattern({block.data(), block.size()}, buffer.pattern);
    if (image_.buffers[b].kind != BufferKind::kConstant) return;
    copy_bytes(block.data(), constants_.of(b));
    block.forbid_writing();
  }

  const Constants& constants_;
  // By buffer; one for all buffers of a slot.
  Vec<std::shared_ptr<GuardedBlock>> blocks_;
  Vec<HostTensor*> outputs_;
  // By buffer: whether the run finds there what its output holds already.
  Vec<bool> is_state_;
  FaultReport faults_;
};

}  // namespace

std::unique_ptr<Buffers> guarded_buffers(const image::Image& image, const Constants& constants) {
  return std::make_unique<GuardedBuffers>(image, constants);
}

}  // namespace rlx::runtime::cpu
