#include "test/runtime/fake_gpu.h"

#include "image/gpu_code.h"
#include "runtime/cuda/device.h"

namespace rlx::runtime {

using cuda::Address;
using cuda::Code;

namespace {

constexpr const char* kPtx = "// PTX of a test\n";
constexpr size_t kScratch = 64 << 10;
// CUDA_ERROR_ILLEGAL_ADDRESS, CUDA_ERROR_NO_BINARY_FOR_GPU, CUDA_ERROR_INVALID_VALUE.
constexpr Code kIllegalAddress = 700, kOtherMachine = 209, kInvalid = 1;

FakeGpu* fake = nullptr;

}  // namespace

// By the names of the driver's functions.
// NOLINTBEGIN(readability-identifier-naming)
struct FakeGpu::Calls {
  // Like all of the driver's: an error where a test wants one.
#define RLX_FAKE(name) \
  if (const Code bad = fake->code_of(#name); bad != 0) return bad

  static Code cuMemAlloc(Address* a, size_t bytes) {
    RLX_FAKE(cuMemAlloc);
    ++fake->counts_.allocations;
    AlignedBytes memory(bytes);
    std::memset(memory.data(), 0x55, bytes);
    *a = kBase + (fake->handles_ += 1 << 20);
    while (fake->handles_ + kBase < *a + bytes) fake->handles_ += 1 << 20;
    fake->memory_.emplace(*a, std::move(memory));
    return 0;
  }
  static Code cuMemFree(Address a) { return fake->memory_.erase(a) == 1 ? 0 : kInvalid; }
  static Code cuMemsetD8Async(Address a, unsigned char byte, size_t bytes, cuda::Stream*) {
    RLX_FAKE(cuMemsetD8Async);
    std::memset(fake->at(a, bytes), byte, bytes);
    return 0;
  }
  static Code cuMemcpyHtoDAsync(Address to, const void* from, size_t bytes, cuda::Stream*) {
    RLX_FAKE(cuMemcpyHtoDAsync);
    Counts& c = fake->counts_;
    c.up += bytes;
    ++c.ups;
    if (fake->is_pinned(from, bytes)) c.pinned_up += bytes;
    std::memcpy(fake->at(to, bytes), from, bytes);
    return 0;
  }
  static Code cuMemcpyDtoHAsync(void* to, Address from, size_t bytes, cuda::Stream*) {
    RLX_FAKE(cuMemcpyDtoHAsync);
    Counts& c = fake->counts_;
    c.down += bytes;
    ++c.downs;
    if (fake->is_pinned(to, bytes)) c.pinned_down += bytes;
    std::memcpy(to, fake->at(from, bytes), bytes);
    return 0;
  }
  static Code cuMemcpyDtoDAsync(Address to, Address from, size_t bytes, cuda::Stream*) {
    std::memmove(fake->at(to, bytes), fake->at(from, bytes), bytes);
    return 0;
  }
  static Code cuMemcpy2DAsync(const cuda::Copy2d* c, cuda::Stream*) {
    for (size_t row = 0; row < c->height; ++row) {
      std::memcpy(fake->at(c->to.device + row * c->to.pitch, c->width),
                  fake->at(c->from.device + row * c->from.pitch, c->width), c->width);
    }
    return 0;
  }
  static Code cuMemHostAlloc(void** data, size_t bytes, unsigned) {
    RLX_FAKE(cuMemHostAlloc);
    *data = std::malloc(bytes);
    fake->pinned_[static_cast<std::byte*>(*data)] = bytes;
    return 0;
  }
  static Code cuMemFreeHost(void* data) {
    fake->pinned_.erase(static_cast<std::byte*>(data));
    std::free(data);
    return 0;
  }
  static Code cuMemHostRegister(void* data, size_t bytes, unsigned) {
    RLX_FAKE(cuMemHostRegister);
    return fake->pinned_.emplace(static_cast<std::byte*>(data), bytes).second ? 0 : kInvalid;
  }
  static Code cuMemHostUnregister(void* data) {
    return fake->pinned_.erase(static_cast<std::byte*>(data)) == 1 ? 0 : kInvalid;
  }

  static Code cuModuleLoadDataEx(cuda::Library** library, const void* code, unsigned, int*,
                                 void**) {
    RLX_FAKE(cuModuleLoadDataEx);
    const std::string text(static_cast<const char*>(code));
    const bool is_ptx = text.starts_with("//");
    if (!is_ptx && !text.starts_with(fake->machine)) return kOtherMachine;
    ++(is_ptx ? fake->counts_.ptx : fake->counts_.cubins);
    *library = reinterpret_cast<cuda::Library*>(++fake->handles_);
    return 0;
  }
  static Code cuModuleGetFunction(cuda::Function** f, cuda::Library*, const char* name) {
    const auto found = fake->kernels_.find(name);
    if (found == fake->kernels_.end()) return kInvalid;
    *f = reinterpret_cast<cuda::Function*>(&found->second);
    return 0;
  }
  static Code cuLinkCreate(unsigned, int*, void**, cuda::Linker** linker) {
    RLX_FAKE(cuLinkCreate);
    *linker = reinterpret_cast<cuda::Linker*>(++fake->handles_);
    return 0;
  }
  static Code cuLinkComplete(cuda::Linker*, void** cubin, size_t* bytes) {
    RLX_FAKE(cuLinkComplete);
    ++fake->counts_.links;
    const std::string& made = *fake->linked_.insert(fake->machine + ", linked").first;
    *cubin = const_cast<char*>(made.data());
    *bytes = made.size();
    return 0;
  }

  static Code cuLaunchKernel(cuda::Function* f, unsigned blocks, unsigned, unsigned,
                             unsigned threads, unsigned, unsigned, unsigned, cuda::Stream*,
                             void** parameters, void**) {
    RLX_FAKE(cuLaunchKernel);
    return fake->run(node_of(
        {.function = f, .blocks = {blocks}, .threads = {threads}, .parameters = parameters}));
  }
  static Code cuGraphCreate(cuda::Graph** graph, unsigned) {
    *graph = reinterpret_cast<cuda::Graph*>(++fake->handles_);
    fake->graphs_[*graph];
    return 0;
  }
  static Code cuGraphAddKernelNode(cuda::GraphNode** node, cuda::Graph* graph,
                                   cuda::GraphNode* const*, size_t, const cuda::KernelNode* k) {
    return add(node, graph, node_of(*k));
  }
  static Code cuGraphAddMemcpyNode(cuda::GraphNode** node, cuda::Graph* graph,
                                   cuda::GraphNode* const*, size_t, const cuda::Copy3d* copy,
                                   cuda::Context*) {
    return add(node, graph, {.copy = *copy});
  }
  static Code add(cuda::GraphNode** node, cuda::Graph* graph, Node made) {
    auto& nodes = fake->graphs_.at(graph);
    nodes.push_back(std::make_unique<Node>(std::move(made)));
    *node = reinterpret_cast<cuda::GraphNode*>(nodes.back().get());
    return 0;
  }
  static Code cuGraphInstantiateWithFlags(cuda::GraphExec** exec, cuda::Graph* graph,
                                          unsigned long long) {
    RLX_FAKE(cuGraphInstantiateWithFlags);
    ++fake->counts_.graphs;
    *exec = reinterpret_cast<cuda::GraphExec*>(++fake->handles_);
    fake->execs_[*exec] = graph;
    return 0;
  }
  static Code cuGraphExecKernelNodeSetParams(cuda::GraphExec*, cuda::GraphNode* node,
                                             const cuda::KernelNode* k) {
    RLX_FAKE(cuGraphExecKernelNodeSetParams);
    ++fake->counts_.changes;
    *reinterpret_cast<Node*>(node) = node_of(*k);
    return 0;
  }
  static Code cuGraphExecMemcpyNodeSetParams(cuda::GraphExec*, cuda::GraphNode* node,
                                             const cuda::Copy3d* copy, cuda::Context*) {
    ++fake->counts_.changes;
    reinterpret_cast<Node*>(node)->copy = *copy;
    return 0;
  }
  static Code cuGraphLaunch(cuda::GraphExec* exec, cuda::Stream*) {
    RLX_FAKE(cuGraphLaunch);
    ++fake->counts_.graph_starts;
    for (const auto& node : fake->graphs_.at(fake->execs_.at(exec))) {
      if (const Code code = fake->run(*node); code != 0) return code;
    }
    return 0;
  }
  static Code cuGraphDestroy(cuda::Graph* graph) {
    return fake->graphs_.erase(graph) == 1 ? 0 : kInvalid;
  }
  static Code cuGraphExecDestroy(cuda::GraphExec* exec) {
    return fake->execs_.erase(exec) == 1 ? 0 : kInvalid;
  }
  static Code cuStreamSynchronize(cuda::Stream*) {
    RLX_FAKE(cuStreamSynchronize);
    return 0;
  }

  static Code words(Code, const char** words) {
    *words = "as the test wants it";
    return 0;
  }
  template <class... Arguments>
  static Code nothing(Arguments...) {
    return 0;
  }
#undef RLX_FAKE
};
// NOLINTEND(readability-identifier-naming)

FakeGpu::FakeGpu() {
  RLX_CHECK(fake == nullptr, "there is one already");
  fake = this;
  cuda::Driver& d = driver_;
  d = {};
  const auto idle = []<class... A>(cuda::Driver::Call<A...>& call) {
    call = &Calls::nothing<A...>;
  };
  idle(d.init), idle(d.device_name), idle(d.device_memory), idle(d.retain_context);
  idle(d.release_context), idle(d.reset_context), idle(d.set_context), idle(d.memory_info);
  idle(d.unload_module), idle(d.link_data), idle(d.destroy_linker), idle(d.create_stream);
  idle(d.destroy_stream), idle(d.create_event), idle(d.destroy_event), idle(d.record_event);
  idle(d.elapsed_time), idle(d.set_function);
  d.version = [](int* v) { return *v = fake->version, 0; };
  d.device_count = [](int* n) { return *n = 1, 0; };
  d.device = [](int* device, int number) { return *device = number, 0; };
  d.device_attribute = [](int* value, int which, int) { return *value = which == 75 ? 9 : 0, 0; };
  d.retain_context = [](cuda::Context** c, int) {
    *c = reinterpret_cast<cuda::Context*>(uintptr_t{1});
    return 0;
  };
  d.error_name = d.error_words = &Calls::words;
  d.load_module = &Calls::cuModuleLoadDataEx;
  d.function = &Calls::cuModuleGetFunction;
  d.create_linker = &Calls::cuLinkCreate;
  d.finish_linking = &Calls::cuLinkComplete;
  d.allocate = &Calls::cuMemAlloc;
  d.free = &Calls::cuMemFree;
  d.set_bytes = &Calls::cuMemsetD8Async;
  d.copy_to_device = &Calls::cuMemcpyHtoDAsync;
  d.copy_to_host = &Calls::cuMemcpyDtoHAsync;
  d.copy_on_device = &Calls::cuMemcpyDtoDAsync;
  d.copy_rows = &Calls::cuMemcpy2DAsync;
  d.allocate_pinned = &Calls::cuMemHostAlloc;
  d.free_pinned = &Calls::cuMemFreeHost;
  d.pin = &Calls::cuMemHostRegister;
  d.unpin = &Calls::cuMemHostUnregister;
  d.wait_for_stream = &Calls::cuStreamSynchronize;
  d.create_graph = &Calls::cuGraphCreate;
  d.add_kernel = &Calls::cuGraphAddKernelNode;
  d.add_copy = &Calls::cuGraphAddMemcpyNode;
  d.instantiate_graph = &Calls::cuGraphInstantiateWithFlags;
  d.set_kernel = &Calls::cuGraphExecKernelNodeSetParams;
  d.set_copy = &Calls::cuGraphExecMemcpyNodeSetParams;
  d.launch_graph = &Calls::cuGraphLaunch;
  d.destroy_graph = &Calls::cuGraphDestroy;
  d.destroy_graph_exec = &Calls::cuGraphExecDestroy;
  d.launch = &Calls::cuLaunchKernel;
}

FakeGpu::~FakeGpu() { fake = nullptr; }

Code FakeGpu::code_of(const char* call) const {
  if (is_lost_) return kIllegalAddress;
  return fails == call ? fails_with : 0;
}

std::byte* FakeGpu::at(Address address, size_t bytes) const {
  auto found = memory_.upper_bound(address);
  RLX_CHECK(found != memory_.begin(), "no address of the device's");
  --found;
  const size_t offset = address - found->first;
  RLX_CHECK(offset + bytes <= found->second.size(), "beside the memory of the device");
  return const_cast<std::byte*>(found->second.data()) + offset;
}

bool FakeGpu::is_pinned(const void* data, size_t bytes) const {
  const auto* from = static_cast<const std::byte*>(data);
  auto found = pinned_.upper_bound(from);
  if (found == pinned_.begin()) return false;
  --found;
  return from + bytes <= found->first + found->second;
}

FakeGpu::Node FakeGpu::node_of(const cuda::KernelNode& params) {
  const auto* kernel = reinterpret_cast<const Kernel*>(params.function);
  Node node{.kernel = kernel, .blocks = params.blocks[0]};
  for (size_t i = 0; i < kernel->buffers + kernel->symbols + 2; ++i) {
    node.values.push_back(*static_cast<uint64_t*>(params.parameters[i]));
  }
  return node;
}

Code FakeGpu::run(const Node& node) {
  if (node.kernel == nullptr) {
    return Calls::cuMemcpyDtoDAsync(node.copy.to.device, node.copy.from.device, node.copy.width,
                                    nullptr);
  }
  ++counts_.launches;
  if (node.kernel->name == faulty_kernel) is_lost_ = true;
  if (is_lost_) return 0;
  const Kernel& k = *node.kernel;
  Vec<void*> buffers;
  for (size_t i = 0; i < k.buffers; ++i) {
    buffers.push_back(node.values[i] == 0 ? nullptr : at(node.values[i], 0));
  }
  Vec<int64_t> symbols;
  for (size_t i = 0; i < k.symbols; ++i) {
    symbols.push_back(static_cast<int64_t>(node.values[k.buffers + i]));
  }
  AlignedBytes scratch(kScratch);
  k.function(buffers.data(), symbols.data(), 0, node.blocks, scratch.data());
  image::Trap trap;
  std::memcpy(&trap, scratch.data(), sizeof trap);
  if (trap.site != 0) {
    std::memcpy(at(node.values[k.buffers + k.symbols], sizeof trap), &trap, sizeof trap);
  }
  return 0;
}

Image FakeGpu::image_of(const ImageBuilder& builder) {
  Image image = builder.image();
  image.target = "cuda:sm_90";
  image::GpuCode code{.ptx = kPtx};
  for (size_t k = 0; k < image.kernels.size(); ++k) {
    const std::string name = std::to_string(k) + image.kernels[k].name;
    image.kernels[k].entry = k;
    code.functions.push_back({name, 32});
    kernels_[name] = {.name = image.kernels[k].name,
                      .function = builder.functions()[k],
                      .symbols = image.symbols.size()};
    for (const Command& c : image.commands) {
      const bool is_it = c.kind == Command::Kind::kLaunch && c.kernel == k;
      if (is_it) kernels_[name].buffers = c.buffers.size();
    }
  }
  image.code = image::encode(code);
  return image;
}

Result<std::unique_ptr<Session>> FakeGpu::try_load(const ImageBuilder& builder,
                                                   const DeviceOptions& options,
                                                   const BlobSource& blobs) {
  const Image image = image_of(builder);
  const Status status = verify(image);
  INFO((status ? "" : status.error().first().message));
  REQUIRE(status.ok());
  RLX_TRY(auto device, cuda::make_device(driver_, options));
  return Session::load(image, blobs, std::move(device));
}

std::unique_ptr<Session> FakeGpu::load(const ImageBuilder& builder, const DeviceOptions& options,
                                       const BlobSource& blobs) {
  auto session = try_load(builder, options, blobs);
  INFO((session ? "" : to_text(session.error())));
  REQUIRE(session.ok());
  return std::move(*session);
}

}  // namespace rlx::runtime
