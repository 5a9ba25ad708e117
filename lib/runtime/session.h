// Runs an image: buffers, constants, threads. Sees no LIR, no kernels, no LLVM.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "image/image.h"
#include "runtime/cpu/function_table.h"
#include "runtime/io/host_tensor.h"

namespace rlx::runtime {

// Bytes of a blob by digest, mapped or read; the keeper keeps them.
struct Blob {
  Bytes bytes;
  std::shared_ptr<const void> keeper;
};
using BlobSource = std::function<Result<Blob>(const Digest&)>;

struct SessionOptions {
  // 0: what cpu::default_threads() says.
  int threads = 1;
  // Every buffer ends at a PROT_NONE page, what has no stated fill is NaN-filled (design §9).
  bool check_memory = false;
  // Values of symbols that no input gives.
  Vec<std::pair<std::string, int64_t>> dims = {};
  // Tests only: run in place of the image's code.
  const cpu::FunctionTable* functions = nullptr;
};

// Where time went: filled by run() and run_bound() when asked, which then wait after every command.
struct Profile {
  struct Item {
    uint32_t command = 0;
    int64_t ns = 0;
  };
  Vec<Item> items;
};

class Session {
 public:
  // Checks the ISA against this machine (7xxx), reads the code into executable memory, maps constants.
  static Result<std::unique_ptr<Session>> load(image::Image image, const BlobSource& blobs,
                                               const SessionOptions& options);
  ~Session();

  const image::Image& image() const;
  // That run it.
  int threads() const;
  // The symbols' values that these inputs give; errors 5xxx name the input, axis, symbol and what is
  // wanted.
  Result<Vec<int64_t>> symbols_of(std::span<const HostTensor> inputs) const;
  // Checks names, dtypes, shapes and guards, places buffers for these dims (memoised), runs. `inputs` in
  // any order, matched by name; outputs in the image's order.
  Result<Vec<HostTensor>> run(std::span<const HostTensor> inputs, Profile* profile = nullptr);
  // For benchmarks: binds once, then run_bound() repeats without copying inputs or making outputs. The
  // inputs must stay where they are.
  Status bind(std::span<const HostTensor> inputs);
  Status run_bound(Profile* profile = nullptr);

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rlx::runtime
