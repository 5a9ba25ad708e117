// NVIDIA's driver. Nothing of CUDA is needed to build rlx or to start it: libcuda.so.1 is opened when a GPU is first asked
// for, and its functions are looked up by the versioned query, as the plain names have other arguments in other versions.
//
// Errors: 7104 no driver, or one that is too old; 7106 the device failed; 7107 a kernel did, and nothing works any more; 11102
// its memory is full.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "support/result.h"

namespace rlx::runtime::cuda {

// The driver's own CUdeviceptr and CUresult, and pointers that it alone looks into.
using Address = uint64_t;
using Code = int;
struct Context;
struct Library;
struct Function;
struct Stream;
struct Event;
struct Graph;
struct GraphNode;
struct GraphExec;
struct Linker;

// ---- What the driver takes by structure: the members and their order are its own -------------------

// CUmemorytype.
inline constexpr int kOfDevice = 2;

// CUDA_MEMCPY2D.
struct Copy2d {
  struct End {
    size_t x = 0, y = 0;
    int kind = kOfDevice;
    const void* host = nullptr;
    Address device = 0;
    void* array = nullptr;
    // Bytes from a row to the next one.
    size_t pitch = 0;
  };
  End from, to;
  // Of a row in bytes, and how many rows.
  size_t width = 0, height = 0;
};
static_assert(sizeof(Copy2d) == 128);

// CUDA_MEMCPY3D.
struct Copy3d {
  struct End {
    size_t x = 0, y = 0, z = 0, level = 0;
    int kind = kOfDevice;
    const void* host = nullptr;
    Address device = 0;
    void* array = nullptr;
    void* reserved = nullptr;
    size_t pitch = 0, height = 0;
  };
  End from, to;
  size_t width = 0, height = 1, depth = 1;
};
static_assert(sizeof(Copy3d) == 200);

// CUDA_KERNEL_NODE_PARAMS, of CUDA 12.
struct KernelNode {
  Function* function = nullptr;
  unsigned blocks[3] = {1, 1, 1}, threads[3] = {1, 1, 1};
  unsigned shared_bytes = 0;
  void** parameters = nullptr;
  void** extra = nullptr;
  void* kernel = nullptr;
  Context* context = nullptr;
};
static_assert(sizeof(KernelNode) == 72);

// The functions that rlx calls, as of CUDA 12.0; driver.cpp says which is which.
struct Driver {
  template <class... Arguments>
  using Call = Code (*)(Arguments...);

  // Opened once a process; it stays.
  static Result<const Driver*> get();
  // What went wrong, in the driver's words.
  Status checked(const char* what, Code code) const;

  Call<unsigned> init;
  Call<int*> version;
  Call<int*> device_count;
  // The device, by its number.
  Call<int*, int> device;
  // Text, room for it, device.
  Call<char*, int, int> device_name;
  // Value, attribute, device.
  Call<int*, int, int> device_attribute;
  Call<size_t*, int> device_memory;
  Call<Context**, int> retain_context;
  Call<int> release_context;
  // Nothing of it works any more, and a new one can be had.
  Call<int> reset_context;
  Call<Context*> set_context;
  // Free, all.
  Call<size_t*, size_t*> memory_info;
  // Module, image, count, names and values of options.
  Call<Library**, const void*, unsigned, int*, void**> load_module;
  Call<Library*> unload_module;
  // Count, names and values of options, what links.
  Call<unsigned, int*, void**, Linker**> create_linker;
  // Kind of data, data, bytes, a name for it, count, names and values of options.
  Call<Linker*, int, void*, size_t, const char*, unsigned, int*, void**> link_data;
  // The machine code, which is the linker's, and its bytes.
  Call<Linker*, void**, size_t*> finish_linking;
  Call<Linker*> destroy_linker;
  Call<Function**, Library*, const char*> function;
  // Function, attribute, value.
  Call<Function*, int, int> set_function;
  Call<Address*, size_t> allocate;
  Call<Address> free;
  Call<Address, unsigned char, size_t, Stream*> set_bytes;
  Call<Address, const void*, size_t, Stream*> copy_to_device;
  Call<void*, Address, size_t, Stream*> copy_to_host;
  Call<Address, Address, size_t, Stream*> copy_on_device;
  Call<const Copy2d*, Stream*> copy_rows;
  // Memory of the host that the GPU reads and writes itself: made, or what is there.
  Call<void**, size_t, unsigned> allocate_pinned;
  Call<void*> free_pinned;
  Call<void*, size_t, unsigned> pin;
  Call<void*> unpin;
  Call<Stream**, unsigned> create_stream;
  Call<Stream*> destroy_stream;
  Call<Stream*> wait_for_stream;
  Call<Graph**, unsigned> create_graph;
  // Node, graph, what it waits for and how many these are, parameters.
  Call<GraphNode**, Graph*, GraphNode* const*, size_t, const KernelNode*> add_kernel;
  Call<GraphNode**, Graph*, GraphNode* const*, size_t, const Copy3d*, Context*> add_copy;
  Call<GraphExec**, Graph*, unsigned long long> instantiate_graph;
  Call<GraphExec*, GraphNode*, const KernelNode*> set_kernel;
  Call<GraphExec*, GraphNode*, const Copy3d*, Context*> set_copy;
  Call<GraphExec*, Stream*> launch_graph;
  Call<GraphExec*> destroy_graph_exec;
  Call<Graph*> destroy_graph;
  Call<Event**, unsigned> create_event;
  Call<Event*> destroy_event;
  Call<Event*, Stream*> record_event;
  // Milliseconds, from, to.
  Call<float*, Event*, Event*> elapsed_time;
  // Function, blocks, threads, bytes of shared memory, stream, parameters, none.
  Call<Function*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream*,
       void**, void**>
      launch;
  Call<Code, const char**> error_name;
  Call<Code, const char**> error_words;
};

}  // namespace rlx::runtime::cuda
