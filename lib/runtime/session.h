// Runs an image on a device: what the caller gives and gets, in the words of the model. Sees no LIR, no
// kernels, no LLVM, and no memory of the device.
#pragma once
#include <memory>
#include <span>
#include <utility>

#include "runtime/device.h"
#include "runtime/feedback.h"

namespace rlx::runtime {

class Session {
 public:
  // Values of symbols that no input gives.
  using Dims = Vec<std::pair<std::string, int64_t>>;

  // Brings the image's code and constants to the device (device_for() makes the right one).
  static Result<std::unique_ptr<Session>> load(image::Image image, const BlobSource& blobs,
                                               std::unique_ptr<Device> device, Dims dims = {});
  ~Session();

  const image::Image& image() const;
  DeviceFacts device_facts() const;
  // The symbols' values that these inputs give; errors 5xxx name the input, axis, symbol and what is
  // wanted.
  Result<Vec<int64_t>> symbols_of(std::span<const HostTensor> inputs) const;
  // Checks names, dtypes, shapes and guards, places buffers for these dims (memoised), runs. `inputs` in
  // any order, matched by name; outputs in the image's order. A profile is of a run that waits after every
  // command.
  Result<Vec<HostTensor>> run(std::span<const HostTensor> inputs, Profile* profile = nullptr);
  // Begins a loop: each of these outputs is an input of the next step (runtime/feedback.h). Errors 5121 to 5123.
  Status feed(std::span<const Feed> feeds);
  // One step of it, and its outputs that are not fed. The first step takes all inputs, but for states that begin empty,
  // the others those that are not fed, in any order.
  Result<Vec<HostTensor>> step(std::span<const HostTensor> inputs, Profile* profile = nullptr);
  // Copies of those that are, as the last step has left them.
  Result<Vec<HostTensor>> fed_outputs() const;
  // What goes round, in the order of the feeds.
  Vec<Fed> fed() const;
  // Of the last run, step or bind(): the symbols' values.
  const Vec<int64_t>& symbols() const;
  // For benchmarks: binds once, then run_bound() repeats without matching inputs or making outputs. The
  // inputs must stay where they are until unbind(), or until something else is run.
  Status bind(std::span<const HostTensor> inputs);
  Status run_bound(Profile* profile = nullptr);
  void unbind();

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rlx::runtime
