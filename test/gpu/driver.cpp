#include "test/gpu/driver.h"

#include <dlfcn.h>

namespace rlx::test {

namespace {

using Handle = void*;
using Code = int;

// Those of CUDA 12.0, by the versioned query: plain names have other arguments in other versions.
class Driver final : public Gpu {
 public:
  Status open_library() {
    library_ = dlopen("libcuda.so.1", RTLD_NOW);
    if (!library_) return Error(7103, "no libcuda.so.1: no NVIDIA driver is here");
    query_ = reinterpret_cast<Query>(dlsym(library_, "cuGetProcAddress_v2"));
    if (!query_) return Error(7103, "the NVIDIA driver is older than CUDA 12.0");
    RLX_TRY_VOID(find("cuInit", init_));
    RLX_TRY_VOID(find("cuDeviceGet", device_get_));
    RLX_TRY_VOID(find("cuDeviceGetName", device_name_));
    RLX_TRY_VOID(find("cuDeviceGetAttribute", attribute_));
    RLX_TRY_VOID(find("cuDevicePrimaryCtxRetain", retain_));
    RLX_TRY_VOID(find("cuDevicePrimaryCtxReset", reset_));
    RLX_TRY_VOID(find("cuCtxSetCurrent", set_current_));
    RLX_TRY_VOID(find("cuCtxSynchronize", synchronise_));
    RLX_TRY_VOID(find("cuModuleLoadDataEx", load_));
    RLX_TRY_VOID(find("cuModuleUnload", unload_));
    RLX_TRY_VOID(find("cuModuleGetFunction", function_));
    RLX_TRY_VOID(find("cuFuncSetAttribute", set_function_));
    RLX_TRY_VOID(find("cuMemAlloc", alloc_));
    RLX_TRY_VOID(find("cuMemFree", free_));
    RLX_TRY_VOID(find("cuMemsetD8", set_));
    RLX_TRY_VOID(find("cuMemcpyHtoD", to_device_));
    RLX_TRY_VOID(find("cuMemcpyDtoH", to_host_));
    RLX_TRY_VOID(find("cuLaunchKernel", launch_));
    return find("cuGetErrorString", words_);
  }

  Status open_device() {
    RLX_TRY_VOID(checked("cuInit", init_(0)));
    RLX_TRY_VOID(checked("cuDeviceGet", device_get_(&device_, 0)));
    char text[256] = {};
    RLX_TRY_VOID(checked("cuDeviceGetName", device_name_(text, sizeof text, device_)));
    name_ = text;
    // Of the compute capability.
    constexpr int kMajor = 75, kMinor = 76;
    int major = 0, minor = 0;
    RLX_TRY_VOID(checked("cuDeviceGetAttribute", attribute_(&major, kMajor, device_)));
    RLX_TRY_VOID(checked("cuDeviceGetAttribute", attribute_(&minor, kMinor, device_)));
    capability_ = major * 10 + minor;
    return enter();
  }

  const std::string& name() const override { return name_; }
  int capability() const override { return capability_; }

  Status load(const std::string& ptx) override {
    if (module_) RLX_TRY_VOID(checked("cuModuleUnload", unload_(module_)));
    module_ = nullptr;
    // Where the compiler's errors go, and how much room there is.
    constexpr int kErrorLog = 5, kErrorLogBytes = 6;
    std::string log(16 << 10, '\0');
    int options[] = {kErrorLog, kErrorLogBytes};
    void* values[] = {log.data(), reinterpret_cast<void*>(log.size())};
    const Code code = load_(&module_, ptx.c_str(), 2, options, values);
    // The log ends with a 0.
    const char* said = log.data();
    return code == 0 ? Status() : Error(7103, words_of(code) + ": " + said);
  }

  Result<Address> allocate(size_t bytes) override {
    Address a = 0;
    RLX_TRY_VOID(checked("cuMemAlloc", alloc_(&a, bytes == 0 ? 1 : bytes)));
    return a;
  }

  Status free(Address a) override { return checked("cuMemFree", free_(a)); }

  Status fill(Address a, uint8_t byte, size_t bytes) override {
    return bytes == 0 ? Status() : checked("cuMemsetD8", set_(a, byte, bytes));
  }

  Status write(Address to, std::span<const std::byte> from) override {
    return from.empty() ? Status() : checked("copy in", to_device_(to, from.data(), from.size()));
  }

  Status read(std::span<std::byte> to, Address from) override {
    return to.empty() ? Status() : checked("copy out", to_host_(to.data(), from, to.size()));
  }

  Status run(const std::string& function, int64_t blocks, int64_t threads, int64_t shared_bytes,
             std::span<uint64_t> params) override {
    Handle f = nullptr;
    RLX_TRY_VOID(checked("cuModuleGetFunction", function_(&f, module_, function.c_str())));
    // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES.
    constexpr int kMostDynamicBytes = 8;
    const auto shared = static_cast<unsigned>(shared_bytes);
    RLX_TRY_VOID(checked("shared memory",
                         set_function_(f, kMostDynamicBytes, static_cast<int>(shared_bytes))));
    Vec<void*> at;
    for (uint64_t& p : params) at.push_back(&p);
    RLX_TRY_VOID(checked("cuLaunchKernel", launch_(f, static_cast<unsigned>(blocks), 1, 1,
                                                   static_cast<unsigned>(threads), 1, 1, shared,
                                                   nullptr, at.data(), nullptr)));
    return checked("the kernel", synchronise_());
  }

  Status reset() override {
    module_ = nullptr;
    RLX_TRY_VOID(checked("cuDevicePrimaryCtxReset", reset_(device_)));
    return enter();
  }

 private:
  using Query = Code (*)(const char* name, void** function, int version, uint64_t flags,
                         int* found);

  template <class Function>
  Status find(const char* name, Function& function) {
    constexpr int kVersion = 12000;
    void* address = nullptr;
    int found = 0;
    const Code code = query_(name, &address, kVersion, 0, &found);
    if (code != 0 || !address) return Error(7103, std::string("the driver has no ") + name);
    function = reinterpret_cast<Function>(address);
    return {};
  }

  Status enter() {
    Handle context = nullptr;
    RLX_TRY_VOID(checked("cuDevicePrimaryCtxRetain", retain_(&context, device_)));
    return checked("cuCtxSetCurrent", set_current_(context));
  }

  std::string words_of(Code code) const {
    const char* words = nullptr;
    words_(code, &words);
    return std::to_string(code) + ", " + (words ? words : "unknown");
  }

  Status checked(const char* what, Code code) const {
    return code == 0 ? Status() : Error(7103, std::string(what) + ": " + words_of(code));
  }

  Handle library_ = nullptr, module_ = nullptr;
  int device_ = 0, capability_ = 0;
  std::string name_;

  Query query_ = nullptr;
  Code (*init_)(unsigned) = nullptr;
  Code (*device_get_)(int*, int) = nullptr;
  Code (*device_name_)(char*, int, int) = nullptr;
  Code (*attribute_)(int*, int, int) = nullptr;
  Code (*retain_)(Handle*, int) = nullptr;
  Code (*reset_)(int) = nullptr;
  Code (*set_current_)(Handle) = nullptr;
  Code (*synchronise_)() = nullptr;
  Code (*load_)(Handle*, const void*, unsigned, int*, void**) = nullptr;
  Code (*unload_)(Handle) = nullptr;
  Code (*function_)(Handle*, Handle, const char*) = nullptr;
  Code (*set_function_)(Handle, int, int) = nullptr;
  Code (*alloc_)(Address*, size_t) = nullptr;
  Code (*free_)(Address) = nullptr;
  Code (*set_)(Address, uint8_t, size_t) = nullptr;
  Code (*to_device_)(Address, const void*, size_t) = nullptr;
  Code (*to_host_)(void*, Address, size_t) = nullptr;
  Code (*launch_)(Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                  Handle, void**, void**) = nullptr;
  Code (*words_)(Code, const char**) = nullptr;
};

}  // namespace

Result<std::unique_ptr<Gpu>> Gpu::open() {
  auto driver = std::make_unique<Driver>();
  RLX_TRY_VOID(driver->open_library());
  RLX_TRY_VOID(driver->open_device());
  return std::unique_ptr<Gpu>(std::move(driver));
}

}  // namespace rlx::test
