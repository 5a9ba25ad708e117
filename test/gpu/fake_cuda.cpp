// A libcuda.so.1 that is none, for text tests of the tools: a device whose memory is the host's, on which kernels do
// nothing. RLX_FAKE_FAULT=TEXT: one whose name holds the text fails, and all that comes after it.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Code = int;
using Address = uint64_t;

// CUDA_ERROR_NOT_FOUND, CUDA_ERROR_ILLEGAL_ADDRESS.
constexpr Code kNotFound = 500, kIllegalAddress = 700;

bool is_lost = false;

struct Node {
  std::string kernel;
};

void run(const std::string& kernel) {
  const char* fault = std::getenv("RLX_FAKE_FAULT");
  if (fault != nullptr && kernel.find(fault) != std::string::npos) is_lost = true;
}

template <class To, class From>
To* as(From* from) {
  return reinterpret_cast<To*>(from);
}

template <class T>
T* pointer(Address a) {
  return reinterpret_cast<T*>(a);
}

Code nothing() { return is_lost ? kIllegalAddress : 0; }

Code version(int* v) { return *v = 12040, 0; }
Code count(int* n) { return *n = 1, 0; }
Code device(int* d, int) { return *d = 0, 0; }
Code name(char* text, int room, int) { return std::strncpy(text, "A GPU of a test", room), 0; }
// The compute capability is 9.0.
Code attribute(int* value, int which, int) { return *value = which == 75 ? 9 : 0, 0; }
Code total(size_t* bytes, int) { return *bytes = size_t{1} << 30, 0; }
Code memory(size_t* free, size_t* all) { return *free = *all = size_t{1} << 30, 0; }
Code words(Code code, const char** text) {
  return *text = code == kIllegalAddress ? "an illegal memory access" : "no words", 0;
}

Code allocate(Address* a, size_t bytes) {
  *a = reinterpret_cast<Address>(std::calloc(1, bytes));
  return nothing();
}
Code free_memory(Address a) { return std::free(pointer<void>(a)), 0; }
Code fill(Address a, unsigned char byte, size_t bytes, void*) {
  return std::memset(pointer<void>(a), byte, bytes), nothing();
}
Code up(Address to, const void* from, size_t bytes, void*) {
  return std::memcpy(pointer<void>(to), from, bytes), nothing();
}
Code down(void* to, Address from, size_t bytes, void*) {
  return std::memcpy(to, pointer<void>(from), bytes), nothing();
}
Code across(Address to, Address from, size_t bytes, void*) {
  return std::memmove(pointer<void>(to), pointer<void>(from), bytes), nothing();
}
Code pinned(void** data, size_t bytes, unsigned) { return *data = std::malloc(bytes), nothing(); }
Code unpinned(void* data) { return std::free(data), 0; }

// Handles are what they need to be told apart.
Code make(void** handle, ...) { return *handle = &is_lost, nothing(); }
Code linker(unsigned, int*, void**, void** handle) { return *handle = &is_lost, 0; }
Code linked(void*, void** code, size_t* bytes) {
  static char cubin[] = "made by the test's driver";
  return *code = cubin, *bytes = sizeof cubin - 1, 0;
}
Code function(void** f, void*, const char* text) { return *f = new std::string(text), 0; }
Code launch(void* f, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*,
            void**, void**) {
  if (!is_lost) run(*as<std::string>(f));
  return 0;
}

// A graph is its kernels.
Code make_graph(void** graph, unsigned) { return *graph = new std::vector<Node>, 0; }
Code add_kernel(void** node, void* graph, void* const*, size_t, void* const* params) {
  as<std::vector<Node>>(graph)->push_back({*as<std::string>(*params)});
  return *node = graph, 0;
}
Code instantiate(void** exec, void* graph, unsigned long long) { return *exec = graph, 0; }
Code start_graph(void* exec, void*) {
  if (!is_lost) {
    for (const Node& n : *as<std::vector<Node>>(exec)) run(n.kernel);
  }
  return 0;
}

struct Entry {
  const char* name;
  void* function;
};

template <class F>
void* address(F* f) {
  return reinterpret_cast<void*>(f);
}

const Entry kEntries[] = {{"cuDriverGetVersion", address(version)},
                          {"cuDeviceGetCount", address(count)},
                          {"cuDeviceGet", address(device)},
                          {"cuDeviceGetName", address(name)},
                          {"cuDeviceGetAttribute", address(attribute)},
                          {"cuDeviceTotalMem", address(total)},
                          {"cuMemGetInfo", address(memory)},
                          {"cuGetErrorName", address(words)},
                          {"cuGetErrorString", address(words)},
                          {"cuDevicePrimaryCtxRetain", address(make)},
                          {"cuStreamCreate", address(make)},
                          {"cuEventCreate", address(make)},
                          {"cuModuleLoadDataEx", address(make)},
                          {"cuModuleGetFunction", address(function)},
                          {"cuLinkCreate", address(linker)},
                          {"cuLinkComplete", address(linked)},
                          {"cuMemAlloc", address(allocate)},
                          {"cuMemFree", address(free_memory)},
                          {"cuMemsetD8Async", address(fill)},
                          {"cuMemcpyHtoDAsync", address(up)},
                          {"cuMemcpyDtoHAsync", address(down)},
                          {"cuMemcpyDtoDAsync", address(across)},
                          {"cuMemHostAlloc", address(pinned)},
                          {"cuMemFreeHost", address(unpinned)},
                          {"cuLaunchKernel", address(launch)},
                          {"cuGraphCreate", address(make_graph)},
                          {"cuGraphAddKernelNode", address(add_kernel)},
                          {"cuGraphInstantiateWithFlags", address(instantiate)},
                          {"cuGraphLaunch", address(start_graph)}};

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the driver's.
extern "C" __attribute__((visibility("default"))) Code cuGetProcAddress_v2(const char* name,
                                                                           void** function, int,
                                                                           uint64_t, int*) {
  for (const Entry& e : kEntries) {
    if (std::strcmp(e.name, name) == 0) return *function = e.function, 0;
  }
  if (std::strncmp(name, "cu", 2) != 0) return kNotFound;
  // All else does nothing, whatever it is given.
  return *function = address(nothing), 0;
}
