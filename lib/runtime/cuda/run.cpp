#include "runtime/cuda/run.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "runtime/codes.h"
#include "runtime/cuda/kept.h"

namespace rlx::runtime::cuda {
namespace {

using image::Image;
using BufferKind = image::Buffer::Kind;
using Kind = image::Command::Kind;

class CudaRun final : public TellingRun {
 public:
  CudaRun(Loaded& loaded, image::Placement placement, Program program)
      : TellingRun(loaded.image, loaded.told, std::move(placement)),
        loaded_(loaded),
        program_(std::move(program)) {}
  // The next one may have its address.
  ~CudaRun() override {
    if (loaded_.entered == this) loaded_.entered = nullptr;
  }
  CudaRun(const CudaRun&) = delete;
  CudaRun& operator=(const CudaRun&) = delete;

  Status bind(const Io& io) override {
    RLX_TRY_VOID(loaded_.gpu.enter());
    // Other tensors, and maybe other runs' memory and launches.
    graph_is_set_ = false;
    loaded_.told.forget(program_.symbols, placement_);
    RLX_TRY_VOID(enter());
    RLX_TRY_VOID(enter_given(io));
    for (const image::State& state : loaded_.image.states) bind_state(state, io);
    inputs_.assign(io.inputs.begin(), io.inputs.end());
    kept_inputs_.assign(io.kept_inputs.begin(), io.kept_inputs.end());
    kept_inputs_.resize(inputs_.size());
    kept_outputs_.assign(io.kept_outputs.begin(), io.kept_outputs.end());
    kept_outputs_.resize(io.outputs.size());
    outputs_ = io.outputs;
    return bind_transfers();
  }

  void release() override { loaded_.transfers.release(); }

  void submit(bool timed) override {
    finished_ = {};
    rooms_.clear();
    status_ = start(timed);
  }

  Result<Finished> finish() override {
    RLX_TRY_VOID(std::exchange(status_, {}));
    RLX_TRY_VOID(loaded_.gpu.enter());
    RLX_TRY_VOID(loaded_.gpu.wait());
    loaded_.transfers.deliver();
    finished_.trapped = first_trap();
    if (finished_.stopped) finished_.symbols = program_.symbols;
    return std::exchange(finished_, {});
  }

 private:
  void bind_state(const image::State& state, const Io& io) {
    const bool in_place = io.is_in_place(state);
    in_place_[state.output] = in_place;
    skip_copies(state);
    if (!in_place) return;
    Buffers& buffers = *loaded_.buffers;
    buffers.lie_at(loaded_.image.inputs[state.input].buffer,
                   buffers.address_of(loaded_.image.outputs[state.output].buffer));
  }

  // Other dims may have left anything where this placement's patterns lie, hence entering anew.
  Status enter() {
    if (loaded_.entered == this) return {};
    loaded_.entered = nullptr;
    RLX_TRY_VOID(reserve_scratch(program_));
    RLX_TRY_VOID(loaded_.buffers->enter(placement_));
    loaded_.entered = this;
    return {};
  }

  // Inputs and outputs lie where they are kept, or in memory of their own.
  Status enter_given(const Io& io) {
    const Image& image = loaded_.image;
    Vec<const Kept*> kept(image.buffers.size());
    for (size_t i = 0; i < image.inputs.size(); ++i) {
      if (io.kept_input(i) != nullptr) kept[image.inputs[i].buffer] = io.kept_input(i);
    }
    for (size_t i = 0; i < image.outputs.size(); ++i) {
      const uint32_t b = image.outputs[i].buffer;
      // The others are copied from where they lie.
      const bool lies_there = image.buffers[b].kind == BufferKind::kOutput && kept[b] == nullptr;
      if (lies_there) kept[b] = io.kept_output(i);
    }
    for (uint32_t b = 0; b < image.buffers.size(); ++b) {
      const BufferKind kind = image.buffers[b].kind;
      if (kept[b] != nullptr) {
        loaded_.buffers->lie_at(b, cuda::address_of(*kept[b]));
      } else if (kind == BufferKind::kInput || kind == BufferKind::kOutput) {
        RLX_TRY_VOID(loaded_.buffers->enter_own(b, placement_));
      }
    }
    return {};
  }

  Status bind_transfers() {
    Vec<Bytes> tensors = {Bytes(traps_)};
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (kept_inputs_[i] == nullptr) tensors.push_back(inputs_[i]->data.bytes());
    }
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (kept_outputs_[i] == nullptr) tensors.push_back(outputs_[i]->data.bytes());
    }
    return loaded_.transfers.bind(tensors);
  }

  Status reserve_scratch(const Program& program) {
    const auto bytes = static_cast<size_t>(program.scratch_bytes);
    if (bytes <= loaded_.scratch.size()) return {};
    loaded_.scratch = DeviceMemory();
    RLX_TRY(loaded_.scratch, loaded_.gpu.allocate(bytes, "what kernels need"));
    loaded_.spare.scratch = loaded_.scratch.address();
    return {};
  }

  Status start(bool timed) {
    const Gpu& gpu = loaded_.gpu;
    RLX_TRY_VOID(gpu.enter());
    loaded_.transfers.begin();
    RLX_TRY_VOID(loaded_.buffers->begin_run());
    if (loaded_.checks) {
      RLX_TRY_VOID(gpu.fill(loaded_.traps.address(), loaded_.traps.size(), {"\0", 1}));
    }
    RLX_TRY_VOID(write_inputs());
    RLX_TRY_VOID(fill_outputs());
    RLX_TRY(const bool ended, start_commands(timed));
    if (ended && !finished_.stopped) RLX_TRY_VOID(read_outputs());
    return loaded_.checks ? loaded_.transfers.read(traps_, loaded_.traps.address()) : Status();
  }

  Result<bool> is_trapped() {
    if (!loaded_.checks) return false;
    RLX_TRY_VOID(loaded_.gpu.read(traps_, loaded_.traps.address()));
    RLX_TRY_VOID(loaded_.gpu.wait());
    return first_trap().has_value();
  }

  Status write_inputs() {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (kept_inputs_[i] != nullptr) continue;
      const Address to = loaded_.buffers->address_of(loaded_.image.inputs[i].buffer);
      RLX_TRY_VOID(loaded_.transfers.write(to, inputs_[i]->data.bytes()));
    }
    return {};
  }

  Status fill_outputs() {
    for (const image::Tensor& output : loaded_.image.outputs) {
      RLX_TRY_VOID(fill_output(output.buffer));
    }
    return {};
  }

  Status fill_output(uint32_t b) {
    const image::Buffer& buffer = loaded_.image.buffers[b];
    const bool holds = buffer.kind == BufferKind::kOutput && !buffer.pattern.empty();
    if (!holds || placement_.bytes[b] <= 0) return {};
    const auto bytes = static_cast<size_t>(placement_.bytes[b]);
    return loaded_.gpu.fill(loaded_.buffers->address_of(b), bytes, buffer.pattern);
  }

  Status read_outputs() {
    for (size_t i = 0; i < outputs_.size(); ++i) RLX_TRY_VOID(read_output(i));
    return {};
  }

  Status read_output(size_t i) {
    const uint32_t b = loaded_.image.outputs[i].buffer;
    const Address from = loaded_.buffers->address_of(b);
    if (kept_outputs_[i] != nullptr) {
      const Address to = cuda::address_of(*kept_outputs_[i]);
      if (to == from) return {};
      return loaded_.gpu.copy(to, from, static_cast<size_t>(placement_.bytes[b]));
    }
    const bool is_told = image::is_told(loaded_.image.outputs[i], loaded_.told.extents());
    if (is_told) RLX_TRY_VOID(make_output(i));
    AlignedBytes& to = outputs_[i]->data;
    return loaded_.transfers.read({to.data(), to.size()}, from);
  }

  Walk walk() {
    return {loaded_.gpu,  loaded_.image, loaded_.code, program_, loaded_.buffers->addresses(),
            loaded_.spare};
  }

  // Whether the host has nothing to do between the first command and the last.
  bool is_straight() const {
    return std::ranges::all_of(program_.steps, [](const Step& step) {
      return !step.stops && (step.kind == Kind::kLaunch || step.kind == Kind::kCopy);
    });
  }

  // Whether it came to its end, and not to bad data.
  Result<bool> start_commands(bool timed) {
    const bool is_checked = loaded_.check_kernels || loaded_.check_memory;
    if (!timed && !is_checked && is_straight()) {
      RLX_TRY_VOID(start_graph());
      return true;
    }
    Host host{*this, [this] { return is_trapped(); }};
    if (loaded_.check_memory) host.check = [this] { return check_memory(); };
    return walk().follow(host, timed || is_checked, finished_);
  }

  Status check_memory() const {
    RLX_TRY(const std::optional<uint32_t> damaged, loaded_.buffers->damaged());
    if (!damaged) return {};
    return Error(kKernelFailed, fmt::format("something was written beside buffer {}", *damaged));
  }

  // Where nothing is told no address changes while it is bound.
  Status start_graph() {
    if (!graph_is_set_) {
      RLX_TRY(Works works, walk().works());
      RLX_TRY_VOID(loaded_.graph.set(std::move(works)));
      graph_is_set_ = true;
    }
    return loaded_.graph.start();
  }

  // The first command's that met bad data.
  std::optional<Trapped> first_trap() const {
    if (!loaded_.checks) return std::nullopt;
    for (uint32_t c = 0; c < program_.steps.size(); ++c) {
      Trapped trapped{.command = c};
      std::memcpy(&trapped.trap, traps_.data() + c * size_t{image::kTrapRoom}, sizeof trapped.trap);
      if (trapped.trap.site != 0) return trapped;
    }
    return std::nullopt;
  }

  // ---- What only the run knows (telling_run.h) ----

  Program& program() override { return program_; }

  Result<int64_t> read_i64(uint32_t buffer, int64_t offset) override {
    int64_t value = 0;
    const Address from = loaded_.buffers->address_of(buffer) + static_cast<Address>(offset);
    RLX_TRY_VOID(loaded_.gpu.read(std::as_writable_bytes(std::span(&value, 1)), from));
    RLX_TRY_VOID(loaded_.gpu.wait());
    return value;
  }

  Status copy_bytes(uint32_t to, uint32_t from, int64_t bytes) override {
    const Buffers& buffers = *loaded_.buffers;
    return loaded_.gpu.copy(buffers.address_of(to), buffers.address_of(from),
                            static_cast<size_t>(bytes));
  }

  Status give_room(uint32_t buffer, int64_t bytes) override {
    return loaded_.buffers->make_room(buffer, bytes);
  }

  Status give_told(uint32_t command, const Vec<uint32_t>& buffers, int64_t bytes) override {
    return loaded_.buffers->enter_told(placement_, command, buffers, bytes);
  }

  bool is_written_in_place(size_t output) const override {
    const uint32_t b = loaded_.image.outputs[output].buffer;
    return loaded_.image.buffers[b].kind == BufferKind::kOutput &&
           !loaded_.told.extents().is_given[b];
  }

  Status give_output(size_t output) override {
    const uint32_t b = loaded_.image.outputs[output].buffer;
    RLX_TRY_VOID(loaded_.buffers->enter_own(b, placement_));
    return fill_output(b);
  }

  Status remake_program() override {
    RLX_TRY(Program program,
            make_program(loaded_.image, placement_, program_.symbols, loaded_.told.extents()));
    RLX_TRY_VOID(reserve_scratch(program));
    program_ = std::move(program);
    return {};
  }

  Loaded& loaded_;
  Program program_;
  // Whether the module's graph is of this run, as it is bound.
  bool graph_is_set_ = false;
  // The caller's lists are gone when bind() returns.
  Vec<const HostTensor*> inputs_;
  Vec<Kept*> kept_inputs_, kept_outputs_;
  Vec<std::byte> traps_ = Vec<std::byte>(loaded_.checks ? loaded_.traps.size() : 0);
  Status status_;
  Finished finished_;
};

}  // namespace

std::unique_ptr<Run> make_run(Loaded& loaded, image::Placement placement, Program program) {
  return std::make_unique<CudaRun>(loaded, std::move(placement), std::move(program));
}

}  // namespace rlx::runtime::cuda
