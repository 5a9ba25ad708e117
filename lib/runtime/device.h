// What runs an image: the interface between a session and a kind of machine.
//
//   device_for(image) -> Device, load(image) -> Module, place(symbols) -> Run, bind(io), submit, finish
//
// Memory is the device's: code, constants, what lies between the kernels, scratch, and the copies from and to
// the host. A session knows symbols and HostTensors and no address of the device's. What makes a thing outlives
// it: the device its modules, a module its runs.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "image/image.h"
#include "runtime/io/host_tensor.h"

namespace rlx::runtime {

// Bytes of a blob by digest, mapped or read; the keeper keeps them.
struct Blob {
  Bytes bytes;
  std::shared_ptr<const void> keeper;
};
using BlobSource = std::function<Result<Blob>(const Digest&)>;

// Bytes that stay with a device from one run to the next one: what goes round in a loop. They begin as NaN, every byte
// 0xff. The device outlives them.
class Kept {
 public:
  // Rows of `bytes`, one every `step` bytes.
  struct Rows {
    size_t count = 0, bytes = 0, step = 0;
  };

  virtual ~Kept() = default;
  virtual size_t size() const = 0;
  // From and to its beginning. Nothing of the host's is touched afterwards.
  virtual Status write(Bytes from) = 0;
  virtual Status read(std::span<std::byte> to) const = 0;
  // The rows of another one of the same device, `to_step` apart.
  virtual Status take_rows(const Kept& from, const Rows& rows, size_t to_step) = 0;
};

// What a run reads and writes, in the image's order. Each tensor has the bytes of its buffer, but outputs whose extents
// the run tells: these get shape and bytes from it. An output may lie in the buffer of an input, a constant or an
// earlier output, and gets a copy then. Where the input and the output of a state are one tensor they are one memory:
// the run appends to it, and what copies the one to the other is left out.
struct Io {
  std::span<const HostTensor* const> inputs;
  std::span<HostTensor* const> outputs;
  // By input and by output, empty where there is none: where the bytes are that stay with the device, in place of the
  // tensor's own; null: they are the tensor's. Of a state that is one memory both are one.
  std::span<Kept* const> kept_inputs = {}, kept_outputs = {};

  Kept* kept_input(size_t i) const { return kept_inputs.empty() ? nullptr : kept_inputs[i]; }
  Kept* kept_output(size_t i) const { return kept_outputs.empty() ? nullptr : kept_outputs[i]; }
  bool is_in_place(const image::State& s) const { return inputs[s.input] == outputs[s.output]; }
};

// Where time went: a run that is timed waits after every command.
struct Profile {
  struct Item {
    uint32_t command = 0;
    int64_t ns = 0;
  };
  Vec<Item> items;
};

// What a kernel found wrong with the user's data.
struct Trapped {
  uint32_t command = 0;
  image::Trap trap;
};

// A block that control came to and that cannot run: its guard fails, or its extents have no value (no guard).
struct Stopped {
  uint32_t command = 0;
  std::optional<uint32_t> guard = std::nullopt;
};

struct Finished {
  // Of the first command in their order that met bad data: its last trap. The outputs mean nothing then.
  std::optional<Trapped> trapped;
  // Nor where the run has ended before its end.
  std::optional<Stopped> stopped;
  // Then those that it knew.
  Vec<int64_t> symbols;
  // Nor where data told an extent that cannot be, or one that there is no memory for.
  std::optional<Error> failed;
  // Of the commands that ran, in that order, but those that only choose what runs; empty unless it was timed.
  Profile times;
};

// A module placed for one set of dims.
class Run {
 public:
  virtual ~Run() = default;

  // For what is submitted from here on. Until that is over the tensors stay where they are, the inputs as
  // they are, and no other run of the module is bound. Errors 11xxx.
  virtual Status bind(const Io& io) = 0;
  // Nothing that was bound is looked at any more, and it may go; bind() comes next. Nothing is submitted.
  virtual void release() {}
  // Starts it, and may return before it is over. Once bound; one at a time.
  virtual void submit(bool timed) = 0;
  // Waits until it is over and the outputs are written. An error is the device's own failure.
  virtual Result<Finished> finish() = 0;
};

// An image on a device: its code and constants are there.
class Module {
 public:
  virtual ~Module() = default;

  // The symbols' values obey the image's guards. Errors: 5xxx where an extent has no value, 11xxx, 4xxx for
  // a command that the device does not run.
  virtual Result<std::unique_ptr<Run>> place(const Vec<int64_t>& symbols) = 0;
};

struct DeviceFacts {
  // Of the host's that run commands.
  int threads = 1;
  // Whether what goes round in a loop should stay with it: its memory is not the host's.
  bool keeps = false;
};

class Device {
 public:
  virtual ~Device() = default;

  virtual DeviceFacts facts() const = 0;
  // The image outlives the module. Errors: 7xxx where this machine lacks what the code uses, the source's own.
  virtual Result<std::unique_ptr<Module>> load(const image::Image& image,
                                               const BlobSource& blobs) = 0;
  // Of a device that keeps. Error 11102 says what `what` needs.
  virtual Result<std::unique_ptr<Kept>> keep(size_t bytes, std::string_view what) {
    (void)bytes, (void)what;
    return std::unique_ptr<Kept>();
  }
  // A run will be bound and submitted: whoever sleeps may get ready meanwhile.
  virtual void wake() = 0;
};

// Where code that a device's own compiler made outlives this process; without these functions nowhere. What is found is
// what was kept, or nothing.
struct CodeKeeper {
  std::function<std::optional<std::string>(const Digest& name)> find = {};
  std::function<void(const Digest& name, const std::string& code)> keep = {};
};

struct DeviceOptions {
  // 0: one a core that this process may use.
  int threads = 1;
  // Every buffer ends at a PROT_NONE page, on a GPU at guards that are looked at after each kernel; what has no stated fill
  // is NaN-filled (design §9).
  bool check_memory = false;
  // Of GPUs, which one.
  int gpu = 0;
  CodeKeeper made_code = {};
  // It waits after each kernel, so that an error 7107 names the one that failed. Of GPUs.
  bool check_kernels = false;
};

// A GPU of this machine.
struct GpuFacts {
  std::string name;
  // Of compute: 9, 0.
  int major = 0, minor = 0;
  size_t bytes = 0;
};
// In the order of their numbers; errors 7xxx where no driver is there.
Result<Vec<GpuFacts>> gpus();
// Error 7105: of so many there is none with that number.
Error no_such_gpu(int number, size_t count);

// The device that the image was made for; errors 7xxx and 4xxx where this rlx drives no such device.
Result<std::unique_ptr<Device>> device_for(const image::Image& image, const DeviceOptions& options);

}  // namespace rlx::runtime
