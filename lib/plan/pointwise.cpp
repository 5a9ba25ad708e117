// A convolution with a window of one pixel is a product of matrices, each pixel a row. As a convolution it reads its
// image in memory; as a product it may sum over a row that another stage has just made: what a depthwise window
// leaves of a pixel's channels. Both add in the same order, so the bits stay.
#include <algorithm>

#include "plan/fuse.h"

namespace rlx {
namespace {

bool loads_along(const Stage& s, ExprId operand, const Vec<LoopId>& loops) {
  return std::ranges::any_of(loaded_reads(s, operand), [&](uint32_t r) {
    return std::ranges::any_of(s.reads[r].index,
                               [&](const AxisIndex& i) { return uses_any(i.dim, loops); });
  });
}

// All output channels have the same image, all pixels the same weights.
bool is_product_of_matrices(const Stage& s) {
  return !loads_along(s, s.conv().x, {s.conv().out_channel}) &&
         !loads_along(s, s.conv().w, s.conv().pixel);
}

bool is_pointwise(const Stage& s) {
  if (s.kind() != Kind::kConv || !is_product_of_matrices(s)) return false;
  return std::ranges::all_of(s.conv().window,
                             [&](LoopId id) { return find_loop(s.loops, id)->extent.is(1); });
}

void make_contract(Stage& s) {
  const Conv conv = s.conv();
  LoopMap start;
  for (const LoopId id : conv.window) start[id] = 0;
  substitute_loops(s, start);
  std::erase_if(s.loops, [&](const Loop& l) { return start.contains(l.id); });
  Contract c{.m = {conv.batch}, .n = {conv.out_channel}, .k = {conv.in_channel}};
  c.m.insert(c.m.end(), conv.pixel.begin(), conv.pixel.end());
  c.a = conv.x;
  c.b = conv.w;
  c.acc = conv.acc;
  s.detail = c;
}

}  // namespace

std::optional<Kernel> with_contracts(const Kernel& k) {
  if (std::ranges::none_of(k.stages, is_pointwise)) return std::nullopt;
  Kernel out = k;
  for (Stage& s : out.stages) {
    if (is_pointwise(s)) make_contract(s);
  }
  return out;
}

}  // namespace rlx
