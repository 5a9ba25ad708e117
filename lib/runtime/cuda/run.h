// One binding of an image on a GPU: its copies in, what it starts, its copies out.
#pragma once
#include "runtime/cuda/launch_graph.h"
#include "runtime/cuda/transfers.h"
#include "runtime/cuda/walk.h"

namespace rlx::runtime::cuda {

// What the runs of a module share. One of them is bound at a time: they use the same memory.
struct Loaded {
  Loaded(const Gpu& g, const image::Image& i) : gpu(g), image(i), told(i), graph(g), transfers(g) {}

  const Gpu& gpu;
  const image::Image& image;
  LoadedCode code = {};
  LoadedConstants constants = {};
  std::optional<Buffers> buffers = std::nullopt;
  DeviceMemory scratch = {}, traps = {};
  // Where these two are now.
  Spare spare = {};
  // Whether some kernel may find data wrong.
  bool checks = false;
  // As of DeviceOptions.
  bool check_kernels = false, check_memory = false;
  ToldSymbols told;
  LaunchGraph graph;
  Transfers transfers;
  // Whose placement `buffers` has entered.
  const Run* entered = nullptr;
};

std::unique_ptr<Run> make_run(Loaded& loaded, image::Placement placement, Program program);

}  // namespace rlx::runtime::cuda
