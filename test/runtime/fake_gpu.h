// A GPU that is none: NVIDIA's driver as far as rlx calls it, over the host's memory and over functions of the test. It
// counts what it is asked, and fails where a test wants it to.
#pragma once
#include <map>
#include <set>

#include "runtime/cuda/driver.h"
#include "test/runtime/images.h"

namespace rlx::runtime {

// One at a time: the driver's functions have no argument for it.
class FakeGpu {
 public:
  FakeGpu();
  ~FakeGpu();
  FakeGpu(const FakeGpu&) = delete;
  FakeGpu& operator=(const FakeGpu&) = delete;

  const cuda::Driver& driver() const { return driver_; }
  // The image's kernels as code for this GPU, and a session on it.
  Result<std::unique_ptr<Session>> try_load(const ImageBuilder& builder,
                                            const DeviceOptions& options = {},
                                            const BlobSource& blobs = no_blobs);
  std::unique_ptr<Session> load(const ImageBuilder& builder, const DeviceOptions& options = {},
                                const BlobSource& blobs = no_blobs);
  Image image_of(const ImageBuilder& builder);

  // What was asked since the last time.
  struct Counts {
    // Bytes between the host and the device, and copies of them; of `up` and `down`, from or to memory that is pinned.
    size_t up = 0, down = 0, ups = 0, downs = 0, pinned_up = 0, pinned_down = 0;
    // Graphs made, nodes of them that were changed, graphs and kernels started.
    int graphs = 0, changes = 0, graph_starts = 0, launches = 0;
    // Modules of PTX and of machine code that were loaded, and links.
    int ptx = 0, cubins = 0, links = 0;
    // Pieces of device memory that were made.
    int allocations = 0;
  };
  Counts take() { return std::exchange(counts_, {}); }
  // Of the device, and pinned on the host: what was not freed.
  size_t allocations() const { return memory_.size(); }
  size_t pins() const { return pinned_.size(); }

  // This function of the driver's fails, with that code; "": none.
  std::string fails;
  cuda::Code fails_with = 999;
  // Machine code is taken where it begins with this.
  std::string machine = "ELF fake";
  // Of the driver: 12.4.
  int version = 12040;
  // Once true, all that is asked after a kernel fails: a sticky error. The kernel that does it.
  std::string faulty_kernel;

 private:
  struct Calls;
  friend struct Calls;

  // Where addresses of the device begin: nothing of the host's lies there.
  static constexpr cuda::Address kBase = cuda::Address{1} << 62;

  struct Kernel {
    std::string name;
    cpu::KernelFunction function = nullptr;
    size_t buffers = 0, symbols = 0;
  };
  struct Node {
    // Null: a copy.
    const Kernel* kernel = nullptr;
    int64_t blocks = 0;
    Vec<uint64_t> values;
    cuda::Copy3d copy;
  };

  cuda::Code code_of(const char* call) const;
  // The host's memory behind an address, of which so many bytes are there.
  std::byte* at(cuda::Address address, size_t bytes) const;
  bool is_pinned(const void* data, size_t bytes) const;
  cuda::Code run(const Node& node);
  static Node node_of(const cuda::KernelNode& params);

  cuda::Driver driver_;
  Counts counts_;
  std::map<cuda::Address, AlignedBytes> memory_;
  std::map<const std::byte*, size_t> pinned_;
  // By name.
  std::map<std::string, Kernel> kernels_;
  std::map<cuda::Graph*, Vec<std::unique_ptr<Node>>> graphs_;
  // Which graph's nodes.
  std::map<cuda::GraphExec*, cuda::Graph*> execs_;
  std::set<std::string> linked_;
  bool is_lost_ = false;
  uint64_t handles_ = 0;
};

}  // namespace rlx::runtime
