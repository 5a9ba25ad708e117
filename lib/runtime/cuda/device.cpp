#include "runtime/cuda/device.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "runtime/codes.h"
#include "runtime/cuda/walk.h"
#include "support/codes.h"

namespace rlx::runtime::cuda {
namespace {

using image::Image;
using Kind = image::Command::Kind;

// CU_STREAM_CAPTURE_MODE_RELAXED: other threads may do what they like meanwhile.
constexpr int kRelaxed = 2;

// All launches of a run as one graph of the driver's.
class LaunchGraph {
 public:
  explicit LaunchGraph(const Gpu& gpu) : gpu_(gpu) {}
  ~LaunchGraph() { clear(); }
  LaunchGraph(const LaunchGraph&) = delete;
  LaunchGraph& operator=(const LaunchGraph&) = delete;

  bool is_there() const { return exec_ != nullptr; }

  void clear() {
    if (exec_ != nullptr && gpu_.enter()) gpu_.driver().destroy_graph_exec(exec_);
    exec_ = nullptr;
  }

  // What is started meanwhile.
  Status record(Walk walk) {
    const Driver& driver = gpu_.driver();
    RLX_TRY_VOID(
        driver.checked("cuStreamBeginCapture", driver.begin_capture(gpu_.stream(), kRelaxed)));
    const Status started = walk.start_all();
    Graph* graph = nullptr;
    const Status ended =
        driver.checked("cuStreamEndCapture", driver.end_capture(gpu_.stream(), &graph));
    RLX_TRY_VOID(started);
    RLX_TRY_VOID(ended);
    const Status made =
        driver.checked("cuGraphInstantiate", driver.instantiate_graph(&exec_, graph, 0));
    driver.destroy_graph(graph);
    return made;
  }

  Status start() {
    return gpu_.driver().checked("cuGraphLaunch", gpu_.driver().launch_graph(exec_, gpu_.stream()));
  }

 private:
  const Gpu& gpu_;
  GraphExec* exec_ = nullptr;
};

// What the runs of a module share. One of them is bound at a time: they use the same memory.
struct Loaded {
  const Gpu& gpu;
  const Image& image;
  LoadedCode code = {};
  LoadedConstants constants = {};
  std::optional<Buffers> buffers = std::nullopt;
  DeviceMemory scratch = {}, traps = {};
  // Where these two are now.
  Spare spare = {};
  // Whether some kernel may find data wrong.
  bool checks = false;
  ToldSymbols told;
  // Whose placement `buffers` has entered.
  const Run* entered = nullptr;
};

class CudaRun final : public TellingRun {
 public:
  CudaRun(Loaded& loaded, image::Placement placement, Program program)
      : TellingRun(loaded.image, loaded.told, std::move(placement)),
        loaded_(loaded),
        program_(std::move(program)),
        graph_(loaded.gpu) {}
  // The next one may have its address.
  ~CudaRun() override {
    if (loaded_.entered == this) loaded_.entered = nullptr;
  }
  CudaRun(const CudaRun&) = delete;
  CudaRun& operator=(const CudaRun&) = delete;

  Status bind(const Io& io) override {
    RLX_TRY_VOID(loaded_.gpu.enter());
    // Other tensors, and maybe other runs' memory.
    loaded_.told.forget(program_.symbols, placement_);
    RLX_TRY_VOID(enter());
    for (const image::State& state : loaded_.image.states) bind_state(state, io);
    inputs_.assign(io.inputs.begin(), io.inputs.end());
    outputs_ = io.outputs;
    return {};
  }

  void submit(bool timed) override {
    finished_ = {};
    rooms_.clear();
    status_ = start(timed);
  }

  Result<Finished> finish() override {
    RLX_TRY_VOID(std::exchange(status_, {}));
    RLX_TRY_VOID(loaded_.gpu.enter());
    RLX_TRY_VOID(loaded_.gpu.wait());
    finished_.trapped = first_trap();
    if (finished_.stopped) finished_.symbols = program_.symbols;
    return std::exchange(finished_, {});
  }

 private:
  void bind_state(const image::State& state, const Io& io) {
    const bool in_place = io.is_in_place(state);
    if (in_place_[state.output] != in_place) graph_.clear();
    in_place_[state.output] = in_place;
    skip_copies(state);
    loaded_.buffers->share(state, in_place);
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
    if (loaded_.checks) {
      RLX_TRY_VOID(gpu.fill(loaded_.traps.address(), loaded_.traps.size(), {"\0", 1}));
    }
    RLX_TRY_VOID(write_inputs());
    RLX_TRY_VOID(fill_outputs());
    RLX_TRY(const bool ended, start_commands(timed));
    if (ended && !finished_.stopped) RLX_TRY_VOID(read_outputs());
    return read_traps();
  }

  Status read_traps() {
    if (!loaded_.checks) return {};
    traps_.resize(loaded_.traps.size());
    return loaded_.gpu.read(traps_, loaded_.traps.address());
  }

  Result<bool> is_trapped() {
    RLX_TRY_VOID(read_traps());
    RLX_TRY_VOID(loaded_.gpu.wait());
    return first_trap().has_value();
  }

  Status write_inputs() {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Address to = loaded_.buffers->address_of(loaded_.image.inputs[i].buffer);
      RLX_TRY_VOID(loaded_.gpu.write(to, inputs_[i]->data.bytes()));
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
    const bool holds = buffer.kind == image::Buffer::Kind::kOutput && !buffer.pattern.empty();
    if (!holds || placement_.bytes[b] <= 0) return {};
    const auto bytes = static_cast<size_t>(placement_.bytes[b]);
    return loaded_.gpu.fill(loaded_.buffers->address_of(b), bytes, buffer.pattern);
  }

  Status read_outputs() {
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const bool is_told = image::is_told(loaded_.image.outputs[i], loaded_.told.extents());
      if (is_told) RLX_TRY_VOID(make_output(i));
      AlignedBytes& to = outputs_[i]->data;
      const Address from = loaded_.buffers->address_of(loaded_.image.outputs[i].buffer);
      RLX_TRY_VOID(loaded_.gpu.read({to.data(), to.size()}, from));
    }
    return {};
  }

  Walk walk() {
    return {loaded_.gpu, loaded_.code, program_, loaded_.buffers->addresses(), loaded_.spare};
  }

  // Whether the host has nothing to do between the first command and the last.
  bool is_straight() const {
    return std::ranges::all_of(program_.steps, [](const Step& step) {
      return !step.stops && (step.kind == Kind::kLaunch || step.kind == Kind::kCopy);
    });
  }

  // Whether it came to its end, and not to bad data.
  Result<bool> start_commands(bool timed) {
    if (!timed && is_straight()) {
      RLX_TRY_VOID(start_graph());
      return true;
    }
    return walk().follow({*this, [this] { return is_trapped(); }}, timed, finished_);
  }

  Status start_graph() {
    const Vec<Address> addresses = addresses_now();
    if (!graph_.is_there() || addresses != recorded_) {
      graph_.clear();
      RLX_TRY_VOID(graph_.record(walk()));
      recorded_ = addresses;
    }
    return graph_.start();
  }

  Vec<Address> addresses_now() const {
    Vec<Address> all = loaded_.buffers->addresses();
    all.push_back(loaded_.scratch.address());
    return all;
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
    return loaded_.image.buffers[b].kind == image::Buffer::Kind::kOutput &&
           !loaded_.told.extents().is_given[b];
  }

  Status give_output(size_t output) override {
    const uint32_t b = loaded_.image.outputs[output].buffer;
    RLX_TRY_VOID(loaded_.buffers->enter_output(b, placement_));
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
  LaunchGraph graph_;
  // What the graph speaks of.
  Vec<Address> recorded_;
  // The caller's list of them is gone when bind() returns.
  Vec<const HostTensor*> inputs_;
  Vec<std::byte> traps_;
  Status status_;
  Finished finished_;
};

class CudaModule final : public Module {
 public:
  CudaModule(const Gpu& gpu, const Image& image)
      : loaded_{.gpu = gpu, .image = image, .told = ToldSymbols(image)} {}

  Status load(const BlobSource& blobs) {
    const Gpu& gpu = loaded_.gpu;
    RLX_TRY(loaded_.code, LoadedCode::load(gpu, loaded_.image));
    RLX_TRY(loaded_.constants, LoadedConstants::load(gpu, loaded_.image, blobs));
    loaded_.buffers.emplace(gpu, loaded_.image, loaded_.constants);
    const size_t traps = loaded_.image.commands.size() * size_t{image::kTrapRoom};
    RLX_TRY(loaded_.traps, gpu.allocate(traps, "what kernels find wrong"));
    loaded_.spare.traps = loaded_.traps.address();
    loaded_.checks = std::ranges::any_of(loaded_.image.kernels,
                                         [](const image::Kernel& k) { return !k.sites.empty(); });
    return {};
  }

  Result<std::unique_ptr<Run>> place(const Vec<int64_t>& symbols) override {
    RLX_TRY(image::Placement placement, image::place(loaded_.image, symbols));
    RLX_TRY(Program program,
            make_program(loaded_.image, placement, symbols, loaded_.told.extents()));
    return std::unique_ptr<Run>(
        std::make_unique<CudaRun>(loaded_, std::move(placement), std::move(program)));
  }

 private:
  Loaded loaded_;
};

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(std::unique_ptr<Gpu> gpu) : gpu_(std::move(gpu)) {}

  // The host's one thread starts everything.
  DeviceFacts facts() const override { return {.threads = 1}; }

  Result<std::unique_ptr<Module>> load(const Image& image, const BlobSource& blobs) override {
    RLX_TRY_VOID(gpu_->enter());
    auto module = std::make_unique<CudaModule>(*gpu_, image);
    RLX_TRY_VOID(module->load(blobs));
    return std::unique_ptr<Module>(std::move(module));
  }

  void wake() override {}

 private:
  std::unique_ptr<Gpu> gpu_;
};

}  // namespace

Result<std::unique_ptr<Device>> make_device(const DeviceOptions& options) {
  if (options.check_memory) {
    return Error(kUnsupportedCommand, "memory is not checked on a GPU", "--target=host");
  }
  RLX_TRY(std::unique_ptr<Gpu> gpu, Gpu::open(options.gpu));
  return std::unique_ptr<Device>(std::make_unique<CudaDevice>(std::move(gpu)));
}

}  // namespace rlx::runtime::cuda
