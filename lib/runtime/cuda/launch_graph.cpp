#include "runtime/cuda/launch_graph.h"

#include <algorithm>

namespace rlx::runtime::cuda {

void LaunchGraph::clear() {
  const bool is_there = graph_ != nullptr && gpu_.enter().ok();
  if (is_there && exec_ != nullptr) gpu_.driver().destroy_graph_exec(exec_);
  if (is_there) gpu_.driver().destroy_graph(graph_);
  exec_ = nullptr;
  graph_ = nullptr;
  nodes_.clear();
  works_ = {};
}

Status LaunchGraph::set(Works works) {
  if (!has_form_of(works)) return make(std::move(works));
  // What the driver does not want to change it can still make.
  if (!update(works)) return make(std::move(works));
  works_ = std::move(works);
  return {};
}

// The same kernels and copies in the same order, of whatever memory and size.
bool LaunchGraph::has_form_of(const Works& works) const {
  return exec_ != nullptr &&
         std::ranges::equal(works.all, works_.all, {}, &Work::function, &Work::function);
}

Status LaunchGraph::make(Works works) {
  clear();
  const Driver& driver = gpu_.driver();
  RLX_TRY_VOID(driver.checked("cuGraphCreate", driver.create_graph(&graph_, 0)));
  for (const Work& work : works.all) RLX_TRY_VOID(add(works, work));
  RLX_TRY_VOID(driver.checked("cuGraphInstantiate", driver.instantiate_graph(&exec_, graph_, 0)));
  works_ = std::move(works);
  return {};
}

// Behind the one before.
Status LaunchGraph::add(const Works& works, const Work& work) {
  const Driver& driver = gpu_.driver();
  GraphNode* node = nullptr;
  GraphNode* const* before = nodes_.empty() ? nullptr : &nodes_.back();
  const size_t waits = nodes_.empty() ? 0 : 1;
  if (work.function == nullptr) {
    const Copy3d copy = copy_of(work);
    RLX_TRY_VOID(
        driver.checked("cuGraphAddMemcpyNode",
                       driver.add_copy(&node, graph_, before, waits, &copy, gpu_.context())));
  } else {
    Vec<void*> pointers;
    const KernelNode kernel = kernel_of(works, work, pointers);
    RLX_TRY_VOID(driver.checked("cuGraphAddKernelNode",
                                driver.add_kernel(&node, graph_, before, waits, &kernel)));
  }
  nodes_.push_back(node);
  return {};
}

Status LaunchGraph::update(const Works& works) {
  const Driver& driver = gpu_.driver();
  Vec<void*> pointers;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Work &now = works.all[i], &before = works_.all[i];
    const bool is_same =
        now == before && std::ranges::equal(works.values_of(now), works_.values_of(before));
    if (is_same) continue;
    if (now.function == nullptr) {
      const Copy3d copy = copy_of(now);
      RLX_TRY_VOID(driver.checked("cuGraphExecMemcpyNodeSetParams",
                                  driver.set_copy(exec_, nodes_[i], &copy, gpu_.context())));
      continue;
    }
    const KernelNode kernel = kernel_of(works, now, pointers);
    RLX_TRY_VOID(driver.checked("cuGraphExecKernelNodeSetParams",
                                driver.set_kernel(exec_, nodes_[i], &kernel)));
  }
  return {};
}

Copy3d LaunchGraph::copy_of(const Work& work) const {
  return {.from = {.device = work.from}, .to = {.device = work.to}, .width = work.bytes};
}

Status LaunchGraph::start() const {
  if (nodes_.empty()) return {};
  return gpu_.driver().checked("cuGraphLaunch", gpu_.driver().launch_graph(exec_, gpu_.stream()));
}

}  // namespace rlx::runtime::cuda
