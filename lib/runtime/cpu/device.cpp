#include "runtime/cpu/device.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "image/pack.h"
#include "runtime/binding.h"
#include "runtime/codes.h"
#include "runtime/cpu/buffers.h"
#include "runtime/cpu/code_memory.h"
#include "runtime/cpu/cores.h"
#include "runtime/cpu/executor.h"
#include "runtime/telling_run.h"
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

// By output: whether it lies in an input, a constant, an earlier output or in memory of its own, and is copied from
// there.
Vec<bool> copied_outputs(const Image& image, const Vec<bool>& given) {
  Vec<bool> copied;
  Vec<bool> taken(image.buffers.size());
  for (const image::Tensor& output : image.outputs) {
    const bool own = image.buffers[output.buffer].kind == image::Buffer::Kind::kOutput;
    copied.push_back(!own || taken[output.buffer] || given[output.buffer]);
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
  ToldSymbols told;
  // Whose placement `buffers` has entered.
  const Run* entered = nullptr;
};

class CpuRun final : public TellingRun {
 public:
  CpuRun(Loaded& loaded, image::Placement placement, Program program)
      : TellingRun(loaded.image, loaded.told, std::move(placement)),
        loaded_(loaded),
        program_(std::move(program)) {}
  // The next one may have its address.
  ~CpuRun() override {
    if (loaded_.entered == this) loaded_.entered = nullptr;
  }
  CpuRun(const CpuRun&) = delete;
  CpuRun& operator=(const CpuRun&) = delete;

  Status bind(const Io& io) override {
    // Other tensors, and maybe other runs' memory.
    loaded_.told.forget(program_.symbols, placement_);
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
    rooms_.clear();
    loaded_.buffers->begin_run();
    fill_outputs();
    finished_ = loaded_.executor.run(program_, *this, timed);
    loaded_.buffers->end_run();
    if (finished_.stopped) finished_.symbols = program_.symbols;
    if (finished_.trapped || finished_.stopped || finished_.failed) return;
    if (Status copied = copy_outputs(); !copied) finished_.failed = copied.error();
  }

  Result<Finished> finish() override { return std::exchange(finished_, {}); }

 private:
  void bind_state(const image::State& state, const Io& io) {
    const bool in_place = io.is_in_place(state);
    in_place_[state.output] = in_place;
    skip_copies(state);
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
      if (image.buffers[b].kind == image::Buffer::Kind::kOutput) fill_output(b);
    }
  }

  void fill_output(uint32_t b) {
    const std::string& pattern = loaded_.image.buffers[b].pattern;
    // One that is not told yet has no bytes.
    if (pattern.empty() || placement_.bytes[b] <= 0) return;
    auto* data = static_cast<std::byte*>(loaded_.buffers->pointers()[b]);
    fill_with_pattern({data, static_cast<size_t>(placement_.bytes[b])}, pattern);
  }

  runtime::Program& program() override { return program_; }

  Result<int64_t> read_i64(uint32_t buffer, int64_t offset) override {
    int64_t value = 0;
    const auto* from = static_cast<const std::byte*>(loaded_.buffers->pointers()[buffer]);
    std::memcpy(&value, from + offset, sizeof value);
    return value;
  }

  Status copy_bytes(uint32_t to, uint32_t from, int64_t bytes) override {
    const Vec<void*>& pointers = loaded_.buffers->pointers();
    std::memcpy(pointers[to], pointers[from], static_cast<size_t>(bytes));
    return {};
  }

  Status give_room(uint32_t buffer, int64_t bytes) override {
    const void* before = loaded_.buffers->pointers()[buffer];
    RLX_TRY_VOID(loaded_.buffers->make_room(buffer, bytes));
    if (loaded_.buffers->pointers()[buffer] != before) {
      program_.set_pointers(loaded_.buffers->pointers());
    }
    return {};
  }

  Status give_told(uint32_t command, const Vec<uint32_t>& buffers, int64_t bytes) override {
    return loaded_.buffers->enter_told(placement_, command, buffers, bytes);
  }

  bool is_written_in_place(size_t output) const override { return !loaded_.copied_outputs[output]; }

  Status give_output(size_t output) override {
    const uint32_t b = loaded_.image.outputs[output].buffer;
    loaded_.buffers->set_output(b, *outputs_[output]);
    fill_output(b);
    return {};
  }

  Status remake_program() override {
    const Image& image = loaded_.image;
    RLX_TRY(Program program,
            make_program(image, placement_, program_.symbols, loaded_.told.extents(),
                         loaded_.code.functions, loaded_.executor.threads()));
    RLX_TRY_VOID(loaded_.executor.reserve_scratch(program.scratch_bytes));
    program_ = std::move(program);
    program_.set_pointers(loaded_.buffers->pointers());
    return {};
  }

  Status copy_outputs() {
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const bool is_told = image::is_told(loaded_.image.outputs[i], loaded_.told.extents());
      if (is_told) RLX_TRY_VOID(make_output(i));
      if (!loaded_.copied_outputs[i]) continue;
      AlignedBytes& to = outputs_[i]->data;
      if (to.size() == 0) continue;
      const void* from = loaded_.buffers->pointers()[loaded_.image.outputs[i].buffer];
      std::memcpy(to.data(), from, to.size());
    }
    return {};
  }

  Loaded& loaded_;
  Program program_;
  Finished finished_;
};

class CpuModule final : public Module {
 public:
  CpuModule(const Image& image, Executor& executor)
      : loaded_{.image = image, .executor = executor, .told = ToldSymbols(image)} {}

  Status load(const BlobSource& blobs, const FunctionTable* functions, bool check_memory) {
    const Image& image = loaded_.image;
    RLX_TRY(loaded_.code, load_code(image, functions));
    RLX_TRY(loaded_.constants, Constants::load(image, blobs));
    loaded_.buffers = check_memory ? guarded_buffers(image, loaded_.constants)
                                   : arena_buffers(image, loaded_.constants);
    loaded_.copied_outputs = copied_outputs(image, loaded_.told.extents().is_given);
    return {};
  }

  Result<std::unique_ptr<Run>> place(const Vec<int64_t>& symbols) override {
    RLX_TRY(image::Placement placement, image::place(loaded_.image, symbols));
    RLX_TRY(Program program, make_program(loaded_.image, placement, symbols, loaded_.told.extents(),
                                          loaded_.code.functions, loaded_.executor.threads()));
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
