// What a run starts as one graph of the driver's. It is made once: of a run with other dims or other memory the driver is
// told what is different, which takes a seventh of a microsecond a kernel, and making it anew fifty.
#pragma once
#include "runtime/cuda/work.h"

namespace rlx::runtime::cuda {

class LaunchGraph {
 public:
  explicit LaunchGraph(const Gpu& gpu) : gpu_(gpu) {}
  ~LaunchGraph() { clear(); }
  LaunchGraph(const LaunchGraph&) = delete;
  LaunchGraph& operator=(const LaunchGraph&) = delete;

  // From here on it starts these, one after the other.
  Status set(Works works);
  Status start() const;

 private:
  void clear();
  Status make(Works works);
  bool has_form_of(const Works& works) const;
  Status update(const Works& works);
  Status add(const Works& works, const Work& work);
  Copy3d copy_of(const Work& work) const;

  const Gpu& gpu_;
  // What it starts now.
  Works works_;
  Graph* graph_ = nullptr;
  // By work.
  Vec<GraphNode*> nodes_;
  GraphExec* exec_ = nullptr;
};

}  // namespace rlx::runtime::cuda
