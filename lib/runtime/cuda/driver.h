// NVIDIA's driver. Nothing of CUDA is needed to build rlx or to start it: libcuda.so.1 is opened when a GPU is first asked
// for, and its functions are looked up by the versioned query, as the plain names have other arguments in other versions.
//
// Errors: 7104 no driver, or one that is too old; 7106 the device failed; 11102 its memory is full.
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
struct GraphExec;

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
  Call<Context*> set_context;
  // Free, all.
  Call<size_t*, size_t*> memory_info;
  // Module, image, count, names and values of options.
  Call<Library**, const void*, unsigned, int*, void**> load_module;
  Call<Library*> unload_module;
  Call<Function**, Library*, const char*> function;
  // Function, attribute, value.
  Call<Function*, int, int> set_function;
  Call<Address*, size_t> allocate;
  Call<Address> free;
  Call<Address, unsigned char, size_t, Stream*> set_bytes;
  Call<Address, const void*, size_t, Stream*> copy_to_device;
  Call<void*, Address, size_t, Stream*> copy_to_host;
  Call<Address, Address, size_t, Stream*> copy_on_device;
  Call<Stream**, unsigned> create_stream;
  Call<Stream*> destroy_stream;
  Call<Stream*> wait_for_stream;
  Call<Stream*, int> begin_capture;
  Call<Stream*, Graph**> end_capture;
  Call<GraphExec**, Graph*, unsigned long long> instantiate_graph;
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
