#include "runtime/cuda/driver.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "runtime/codes.h"
#include "support/codes.h"

namespace rlx::runtime::cuda {
namespace {

constexpr const char* kLibrary = "libcuda.so.1";
// CUDA's numbering: 12.0.
constexpr int kVersion = 12000;
// CUDA_ERROR_OUT_OF_MEMORY.
constexpr Code kNoMemory = 2;

// CUDA_ERROR_ILLEGAL_ADDRESS, _LAUNCH_TIMEOUT, _ASSERT, and _HARDWARE_STACK_ERROR to _LAUNCH_FAILED: the context is lost.
bool is_sticky(Code code) {
  return code == 700 || code == 702 || code == 710 || (code >= 714 && code <= 719);
}

int code_of(Code code) {
  if (code == kNoMemory) return kOutOfMemory;
  return is_sticky(code) ? kKernelFailed : kGpuFailed;
}

using Query = Code (*)(const char* name, void** function, int version, uint64_t flags, int* found);

Error no_driver(const std::string& why) {
  return Error(kNoGpuDriver, "no NVIDIA driver can be used: " + why,
               "install one of CUDA 12 or newer, or run on the CPU: --target=host");
}

// Finds functions, until one is not there.
class Finder {
 public:
  explicit Finder(Query query) : query_(query) {}

  template <class Call>
  void operator()(Call& call, const char* name) {
    void* address = nullptr;
    int found = 0;
    const Code code = query_(name, &address, kVersion, 0, &found);
    if (missing_ == nullptr && (code != 0 || address == nullptr)) missing_ = name;
    call = reinterpret_cast<Call>(address);
  }

  // Null: none.
  const char* missing() const { return missing_; }

 private:
  Query query_;
  const char* missing_ = nullptr;
};

void find_devices(Driver& d, Finder& find) {
  find(d.init, "cuInit");
  find(d.version, "cuDriverGetVersion");
  find(d.device_count, "cuDeviceGetCount");
  find(d.device, "cuDeviceGet");
  find(d.device_name, "cuDeviceGetName");
  find(d.device_attribute, "cuDeviceGetAttribute");
  find(d.device_memory, "cuDeviceTotalMem");
  find(d.retain_context, "cuDevicePrimaryCtxRetain");
  find(d.release_context, "cuDevicePrimaryCtxRelease");
  find(d.reset_context, "cuDevicePrimaryCtxReset");
  find(d.set_context, "cuCtxSetCurrent");
  find(d.error_name, "cuGetErrorName");
  find(d.error_words, "cuGetErrorString");
}

void find_memory(Driver& d, Finder& find) {
  find(d.memory_info, "cuMemGetInfo");
  find(d.allocate, "cuMemAlloc");
  find(d.free, "cuMemFree");
  find(d.set_bytes, "cuMemsetD8Async");
  find(d.copy_to_device, "cuMemcpyHtoDAsync");
  find(d.copy_to_host, "cuMemcpyDtoHAsync");
  find(d.copy_on_device, "cuMemcpyDtoDAsync");
  find(d.copy_rows, "cuMemcpy2DAsync");
  find(d.allocate_pinned, "cuMemHostAlloc");
  find(d.free_pinned, "cuMemFreeHost");
  find(d.pin, "cuMemHostRegister");
  find(d.unpin, "cuMemHostUnregister");
}

void find_launches(Driver& d, Finder& find) {
  find(d.load_module, "cuModuleLoadDataEx");
  find(d.unload_module, "cuModuleUnload");
  find(d.function, "cuModuleGetFunction");
  find(d.set_function, "cuFuncSetAttribute");
  find(d.create_linker, "cuLinkCreate");
  find(d.link_data, "cuLinkAddData");
  find(d.finish_linking, "cuLinkComplete");
  find(d.destroy_linker, "cuLinkDestroy");
  find(d.launch, "cuLaunchKernel");
  find(d.create_stream, "cuStreamCreate");
  find(d.destroy_stream, "cuStreamDestroy");
  find(d.wait_for_stream, "cuStreamSynchronize");
  find(d.create_event, "cuEventCreate");
  find(d.destroy_event, "cuEventDestroy");
  find(d.record_event, "cuEventRecord");
  find(d.elapsed_time, "cuEventElapsedTime");
}

void find_graphs(Driver& d, Finder& find) {
  find(d.create_graph, "cuGraphCreate");
  find(d.add_kernel, "cuGraphAddKernelNode");
  find(d.add_copy, "cuGraphAddMemcpyNode");
  find(d.instantiate_graph, "cuGraphInstantiateWithFlags");
  find(d.set_kernel, "cuGraphExecKernelNodeSetParams");
  find(d.set_copy, "cuGraphExecMemcpyNodeSetParams");
  find(d.launch_graph, "cuGraphLaunch");
  find(d.destroy_graph_exec, "cuGraphExecDestroy");
  find(d.destroy_graph, "cuGraphDestroy");
}

Status check_version(const Driver& driver) {
  int version = 0;
  RLX_TRY_VOID(driver.checked("cuDriverGetVersion", driver.version(&version)));
  if (version >= kVersion) return {};
  return no_driver(fmt::format("it is of CUDA {}.{}", version / 1000, version % 1000 / 10));
}

Status open(Driver& driver) {
  void* library = ::dlopen(kLibrary, RTLD_NOW);
  if (library == nullptr) return no_driver(::dlerror());
  const auto query = reinterpret_cast<Query>(::dlsym(library, "cuGetProcAddress_v2"));
  if (query == nullptr) return no_driver("it is older than CUDA 12.0");
  Finder find(query);
  find_devices(driver, find);
  find_memory(driver, find);
  find_launches(driver, find);
  find_graphs(driver, find);
  if (find.missing() != nullptr) return no_driver(fmt::format("it has no {}", find.missing()));
  const Status begun = driver.checked("cuInit", driver.init(0));
  if (!begun) return no_driver(begun.error().first().message);
  return check_version(driver);
}

}  // namespace

Result<const Driver*> Driver::get() {
  static Driver driver{};
  static const Status opened = open(driver);
  if (!opened) return Error(opened.error());
  return &driver;
}

Status Driver::checked(const char* what, Code code) const {
  if (code == 0) return {};
  const char *name = nullptr, *words = nullptr;
  error_name(code, &name);
  error_words(code, &words);
  return Error(code_of(code), fmt::format("{}: {} ({})", what, words ? words : "unknown error",
                                          name ? name : std::to_string(code)));
}

}  // namespace rlx::runtime::cuda
