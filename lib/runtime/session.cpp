#include "runtime/session.h"

#include <cstring>
#include <map>

#include <fmt/format.h>

#include "runtime/binding.h"
#include "runtime/buffers.h"
#include "runtime/codes.h"
#include "runtime/cpu/code_memory.h"
#include "runtime/cpu/cores.h"
#include "runtime/cpu/executor.h"
#include "support/codes.h"
#include "support/cpu_features.h"

namespace rlx::runtime {
namespace {

using image::Image;
using BufferKind = image::Buffer::Kind;

// Placements kept for shapes seen before.
constexpr size_t kMaxPlans = 64;

Status check_device(const Image& image) {
  if (image.target.starts_with("cuda")) {
    return Error(kWrongDevice,
                 fmt::format("this was compiled for {}, which this rlx cannot run", image.target));
  }
  for (const image::Command& command : image.commands) {
    if (command.device == 0) continue;
    return Error(kUnsupportedCommand,
                 fmt::format("commands on device {} are not supported", command.device));
  }
  return {};
}

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
  cpu::CodeMemory memory;
  cpu::FunctionTable functions;
};

Result<Code> load_code(Image& image, const cpu::FunctionTable* replacement) {
  if (replacement != nullptr) {
    RLX_CHECK(replacement->size() == image.kernels.size());
    return Code{.functions = *replacement};
  }
  Code code;
  RLX_TRY(code.memory, cpu::CodeMemory::make(image.code));
  for (const image::Kernel& kernel : image.kernels) {
    code.functions.push_back(code.memory.function(kernel.entry));
  }
  return code;
}

// What one set of dims needs, computed once.
struct Plan {
  image::Placement placement;
  cpu::Program program;
};

}  // namespace

struct Session::Impl {
  Image image;
  SessionOptions options;
  Code code;
  Constants constants;
  std::unique_ptr<cpu::Executor> executor;
  std::unique_ptr<Buffers> buffers;
  // By the symbols' values.
  std::map<Vec<int64_t>, Plan> plans;
  // Whose placement `buffers` has entered.
  Plan* entered = nullptr;
  // Inputs and outputs are set for what is entered.
  bool bound = false;
  Vec<HostTensor> outputs;

  Status load(const BlobSource& blobs);
  Status bind(std::span<const HostTensor> inputs);
  Status run_bound(Profile* profile);
  // Ends what bind() began: the outputs are the caller's.
  Vec<HostTensor> take_outputs();

 private:
  Result<Plan*> plan_for(const Vec<int64_t>& symbols);
  Result<Plan> make_plan(const Vec<int64_t>& symbols) const;
  Status enter(Plan& plan);
  Status set_inputs(const Binding& binding);
  Status make_outputs();
  Status fits(const HostTensor& tensor, uint32_t buffer) const;
  bool is_shared_output(size_t index) const;
  void fill_outputs();
  void copy_shared_outputs();
  Error error_of(const cpu::Trapped& trapped) const;
};

Status Session::Impl::load(const BlobSource& blobs) {
  RLX_TRY_VOID(check_device(image));
  RLX_TRY_VOID(check_features(image));
  RLX_TRY(code, load_code(image, options.functions));
  RLX_TRY(constants, Constants::load(image, blobs));
  int threads = options.threads == 0 ? cpu::default_threads() : options.threads;
  executor = std::make_unique<cpu::Executor>(threads, options.check_memory);
  buffers =
      options.check_memory ? guarded_buffers(image, constants) : arena_buffers(image, constants);
  return {};
}

Result<Plan> Session::Impl::make_plan(const Vec<int64_t>& symbols) const {
  RLX_TRY_VOID(check_guards(image, symbols));
  Plan plan;
  RLX_TRY(plan.placement, place(image, symbols));
  RLX_TRY(plan.program,
          cpu::make_program(image, plan.placement, symbols, code.functions, executor->threads()));
  return plan;
}

Result<Plan*> Session::Impl::plan_for(const Vec<int64_t>& symbols) {
  if (auto known = plans.find(symbols); known != plans.end()) return &known->second;
  RLX_TRY(Plan plan, make_plan(symbols));
  if (plans.size() == kMaxPlans) {
    plans.clear();
    entered = nullptr;
  }
  return &plans.emplace(symbols, std::move(plan)).first->second;
}

// Other dims may have left anything where this placement's patterns lie, hence entering anew.
Status Session::Impl::enter(Plan& plan) {
  if (entered == &plan) return {};
  entered = nullptr;
  RLX_TRY_VOID(executor->reserve_scratch(plan.program.scratch_bytes));
  RLX_TRY_VOID(buffers->enter(plan.placement));
  entered = &plan;
  return {};
}

Status Session::Impl::fits(const HostTensor& tensor, uint32_t buffer) const {
  if (static_cast<int64_t>(tensor.data.size()) == entered->placement.bytes[buffer]) return {};
  return Error(kDamagedImage, fmt::format("'{}' has {} bytes, its buffer {}", tensor.name,
                                          tensor.data.size(), entered->placement.bytes[buffer]));
}

Status Session::Impl::set_inputs(const Binding& binding) {
  for (size_t i = 0; i < image.inputs.size(); ++i) {
    RLX_TRY_VOID(fits(*binding.inputs[i], image.inputs[i].buffer));
    buffers->set_input(image.inputs[i].buffer, *binding.inputs[i]);
  }
  return {};
}

// Lies in an input, a constant or an earlier output, and is copied from there.
bool Session::Impl::is_shared_output(size_t index) const {
  uint32_t buffer = image.outputs[index].buffer;
  if (image.buffers[buffer].kind != BufferKind::kOutput) return true;
  for (size_t i = 0; i < index; ++i) {
    if (image.outputs[i].buffer == buffer) return true;
  }
  return false;
}

Status Session::Impl::make_outputs() {
  // Their addresses are taken.
  outputs = Vec<HostTensor>(image.outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const image::Tensor& wanted = image.outputs[i];
    RLX_TRY(Vec<int64_t> shape, shape_of(image, wanted, entered->program.symbols));
    std::optional<size_t> bytes = tensor_bytes(wanted.dtype, shape);
    std::string what = fmt::format("output {} {}", wanted.name, type_text(wanted.dtype, shape));
    if (!bytes) return Error(kOutOfMemory, what + " is too big", "smaller dims");
    RLX_TRY(AlignedBytes data, AlignedBytes::make(*bytes, what));
    outputs[i] = {wanted.name, wanted.dtype, std::move(shape), std::move(data)};
    RLX_TRY_VOID(fits(outputs[i], wanted.buffer));
    if (!is_shared_output(i)) buffers->set_output(wanted.buffer, outputs[i]);
  }
  return {};
}

Status Session::Impl::bind(std::span<const HostTensor> inputs) {
  executor->wake();
  bound = false;
  RLX_TRY(Binding binding, bind_inputs(image, inputs, options.dims));
  RLX_TRY(Plan * plan, plan_for(binding.symbols));
  RLX_TRY_VOID(enter(*plan));
  RLX_TRY_VOID(set_inputs(binding));
  RLX_TRY_VOID(make_outputs());
  plan->program.set_pointers(buffers->pointers());
  bound = true;
  return {};
}

Vec<HostTensor> Session::Impl::take_outputs() {
  bound = false;
  return std::exchange(outputs, {});
}

void Session::Impl::fill_outputs() {
  for (uint32_t b = 0; b < image.buffers.size(); ++b) {
    const image::Buffer& buffer = image.buffers[b];
    if (buffer.kind != BufferKind::kOutput || buffer.pattern.empty()) continue;
    auto* data = static_cast<std::byte*>(buffers->pointers()[b]);
    fill({data, static_cast<size_t>(entered->placement.bytes[b])}, buffer.pattern);
  }
}

void Session::Impl::copy_shared_outputs() {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!is_shared_output(i) || outputs[i].data.size() == 0) continue;
    const void* from = buffers->pointers()[image.outputs[i].buffer];
    std::memcpy(outputs[i].data.data(), from, outputs[i].data.size());
  }
}

Status Session::Impl::run_bound(Profile* profile) {
  RLX_CHECK(bound, "bind() comes first");
  buffers->begin_run();
  fill_outputs();
  const cpu::Program& program = entered->program;
  auto trapped = profile == nullptr ? executor->run(program) : executor->run(program, *profile);
  buffers->end_run();
  if (trapped) return error_of(*trapped);
  copy_shared_outputs();
  return {};
}

// "index 7 is out of range for 5: ..." in the words of the site.
Error Session::Impl::error_of(const cpu::Trapped& trapped) const {
  const image::Command& command = image.commands[trapped.command];
  const Vec<image::Site>& sites = image.kernels[command.kernel].sites;
  auto index = static_cast<uint64_t>(trapped.trap.site - 1);
  RLX_CHECK(index < sites.size(), "a kernel names a check that it does not have");
  return Error(Diagnostic{.code = kBadData,
                          .message = fmt::format("{}: got {}, the extent is {}", sites[index].text,
                                                 trapped.trap.value, trapped.trap.extent),
                          .node = sites[index].node});
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::load(Image image, const BlobSource& blobs,
                                               const SessionOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->image = std::move(image);
  impl->options = options;
  RLX_TRY_VOID(impl->load(blobs));
  return std::unique_ptr<Session>(new Session(std::move(impl)));
}

const Image& Session::image() const { return impl_->image; }

int Session::threads() const { return impl_->executor->threads(); }

Result<Vec<int64_t>> Session::symbols_of(std::span<const HostTensor> inputs) const {
  RLX_TRY(Binding binding, bind_inputs(impl_->image, inputs, impl_->options.dims));
  return std::move(binding.symbols);
}

Result<Vec<HostTensor>> Session::run(std::span<const HostTensor> inputs, Profile* profile) {
  RLX_TRY_VOID(impl_->bind(inputs));
  RLX_TRY_VOID(impl_->run_bound(profile));
  return impl_->take_outputs();
}

Status Session::bind(std::span<const HostTensor> inputs) { return impl_->bind(inputs); }

Status Session::run_bound(Profile* profile) { return impl_->run_bound(profile); }

}  // namespace rlx::runtime
