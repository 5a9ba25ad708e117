#include "runtime/cpu/device.h"

#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "runtime/codes.h"
#include "runtime/cpu/buffers.h"
#include "runtime/cpu/code_memory.h"
#include "runtime/cpu/cores.h"
#include "runtime/cpu/executor.h"
#include "support/cpu_features.h"

namespace rlx::runtime::cpu {
namespace {

using image::Image;

Status check_features(const Image& image) {
  Vec<std::string> missing = missing_on_host(image.isa);
  if (missing.empty()) return {};
  return Error(kMissingFeature,
               fmt::format("this was compiled for {} and uses {}; this CPU lacks {}", image.target,
                           fmt::join(image.isa, ", "), fmt::join(missing, ", ")),
               "compile for this machine: rlxc --target host");
}

// The code in memory where it can run, and where its kernels begin.
struct Code {
  CodeMemory memory;
  FunctionTable functions;
};

Result<Code> load_code(const Image& image, const FunctionTable* replacement) {
  if (replacement != nullptr) {
    RLX_CHECK(replacement->size() == image.kernels.size());
    return Code{.functions = *replacement};
  }
  Code code;
  RLX_TRY(code.memory, CodeMemory::make(image.code));
  for (const image::Kernel& kernel : image.kernels) {
    code.functions.push_back(code.memory.function(kernel.entry));
  }
  return code;
}

// By output: whether it lies in an input, a constant or an earlier output, and is copied from there.
Vec<bool> copied_outputs(const Image& image) {
  Vec<bool> copied;
  Vec<bool> taken(image.buffers.size());
  for (const image::Tensor& output : image.outputs) {
    const bool own = image.buffers[output.buffer].kind == image::Buffer::Kind::kOutput;
    copied.push_back(!own || taken[output.buffer]);
    taken[output.buffer] = true;
  }
  return copied;
}

// What the runs of a module share. One of them is bound at a time: they use the same memory.
struct Loaded {
  const Image& image;
  Executor& executor;
  Code code = {};
  Constants constants = {};
  std::unique_ptr<Buffers> buffers = nullptr;
  Vec<bool> copied_outputs = {};
  // Whose placement `buffers` has entered.
  const Run* entered = nullptr;
};

class CpuRun final : public Run {
 public:
  CpuRun(Loaded& loaded, image::Placement placement, Program program)
      : loaded_(loaded), placement_(std::move(placement)), program_(std::move(program)) {}
  // The next one may have its address.
  ~CpuRun() override {
    if (loaded_.entered == this) loaded_.entered = nullptr;
  }
  CpuRun(const CpuRun&) = delete;
  CpuRun& operator=(const CpuRun&) = delete;

  Status bind(const Io& io) override {
    RLX_TRY_VOID(enter());
    const Image& image = loaded_.image;
    Buffers& buffers = *loaded_.buffers;
    for (size_t i = 0; i < io.inputs.size(); ++i) {
      buffers.set_input(image.inputs[i].buffer, *io.inputs[i]);
    }
    for (size_t i = 0; i < io.outputs.size(); ++i) {
      if (!loaded_.copied_outputs[i]) buffers.set_output(image.outputs[i].buffer, *io.outputs[i]);
    }
    for (const image::State& state : image.states) bind_state(state, io);
    outputs_ = io.outputs;
    program_.set_pointers(buffers.pointers());
    return {};
  }

  void submit(bool timed) override {
    loaded_.buffers->begin_run();
    fill_outputs();
    finished_ = loaded_.executor.run(program_, timed);
    loaded_.buffers->end_run();
    if (!finished_.trapped && !finished_.stopped) copy_outputs();
  }

  Result<Finished> finish() override { return std::exchange(finished_, {}); }

 private:
  void bind_state(const image::State& state, const Io& io) {
    const bool in_place = io.is_in_place(state);
    for (const uint32_t command : state.copies) program_.steps[command].skipped = in_place;
    if (!in_place) return;
    loaded_.buffers->set_state(loaded_.image.inputs[state.input].buffer,
                               loaded_.image.outputs[state.output].buffer,
                               *io.outputs[state.output]);
  }

  // Other dims may have left anything where this placement's patterns lie, hence entering anew.
  Status enter() {
    if (loaded_.entered == this) return {};
    loaded_.entered = nullptr;
    RLX_TRY_VOID(loaded_.executor.reserve_scratch(program_.scratch_bytes));
    RLX_TRY_VOID(loaded_.buffers->enter(placement_));
    loaded_.entered = this;
    return {};
  }

  void fill_outputs() {
    const Image& image = loaded_.image;
    for (uint32_t b = 0; b < image.buffers.size(); ++b) {
      const image::Buffer& buffer = image.buffers[b];
      if (buffer.kind != image::Buffer::Kind::kOutput || buffer.pattern.empty()) continue;
      auto* data = static_cast<std::byte*>(loaded_.buffers->pointers()[b]);
      fill_with_pattern({data, static_cast<size_t>(placement_.bytes[b])}, buffer.pattern);
    }
  }

  void copy_outputs() {
    for (size_t i = 0; i < outputs_.size(); ++i) {
      AlignedBytes& to = outputs_[i]->data;
      if (!loaded_.copied_outputs[i] || to.size() == 0) continue;
      const void* from = loaded_.buffers->pointers()[loaded_.image.outputs[i].buffer];
      std::memcpy(to.data(), from, to.size());
    }
  }

  Loaded& loaded_;
  const image::Placement placement_;
  Program program_;
  std::span<HostTensor* const> outputs_;
  Finished finished_;
};

class CpuModule final : public Module {
 public:
  CpuModule(const Image& image, Executor& executor) : loaded_{image, executor} {}

  Status load(const BlobSource& blobs, const FunctionTable* functions, bool check_memory) {
    const Image& image = loaded_.image;
    RLX_TRY(loaded_.code, load_code(image, functions));
    RLX_TRY(loaded_.constants, Constants::load(image, blobs));
    loaded_.buffers = check_memory ? guarded_buffers(image, loaded_.constants)
                                   : arena_buffers(image, loaded_.constants);
    loaded_.copied_outputs = copied_outputs(image);
    return {};
  }

  Result<std::unique_ptr<Run>> place(const Vec<int64_t>& symbols) override {
    RLX_TRY(image::Placement placement, image::place(loaded_.image, symbols));
    RLX_TRY(Program program, make_program(loaded_.image, placement, symbols, loaded_.code.functions,
                                          loaded_.executor.threads()));
    return std::unique_ptr<Run>(
        std::make_unique<CpuRun>(loaded_, std::move(placement), std::move(program)));
  }

 private:
  Loaded loaded_;
};

class CpuDevice final : public Device {
 public:
  CpuDevice(const DeviceOptions& options, const FunctionTable* functions)
      : check_memory_(options.check_memory),
        functions_(functions),
        executor_(options.threads == 0 ? default_threads() : options.threads,
                  options.check_memory) {}

  DeviceFacts facts() const override { return {.threads = executor_.threads()}; }

  Result<std::unique_ptr<Module>> load(const Image& image, const BlobSource& blobs) override {
    RLX_TRY_VOID(check_features(image));
    auto module = std::make_unique<CpuModule>(image, executor_);
    RLX_TRY_VOID(module->load(blobs, functions_, check_memory_));
    return std::unique_ptr<Module>(std::move(module));
  }

  void wake() override { executor_.wake(); }

 private:
  const bool check_memory_;
  const FunctionTable* functions_;
  Executor executor_;
};

}  // namespace

std::unique_ptr<Device> make_device(const DeviceOptions& options, const FunctionTable* functions) {
  return std::make_unique<CpuDevice>(options, functions);
}

}  // namespace rlx::runtime::cpu
