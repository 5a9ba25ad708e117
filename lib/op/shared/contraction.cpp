#include "op/shared/contraction.h"

#include <algorithm>

namespace rlx {
namespace {

bool uses(const Vec<Dim>& index, const Dim& loop) {
  return std::find(index.begin(), index.end(), loop) != index.end();
}

}  // namespace

Vec<LoopId> loop_ids(const Vec<Dim>& loops) {
  Vec<LoopId> ids;
  for (const Dim& loop : loops) ids.push_back(loop.as_loop().value());
  return ids;
}

Ex contract(KernelBuilder& b, StageBuilder& s, const Vec<Dim>& grid, const Vec<Dim>& a_at,
            const Vec<Dim>& b_at) {
  Contract detail{.k = loop_ids(s.loops()), .acc = compute_type(b.in(0).dtype)};
  for (const Dim& loop : grid) {
    const bool in_a = uses(a_at, loop);
    const bool in_b = uses(b_at, loop);
    Vec<LoopId>& role = in_a && in_b ? detail.batch : in_b ? detail.n : detail.m;
    role.push_back(loop.as_loop().value());
  }
  detail.a = s.load(b.input(0), a_at).id;
  detail.b = s.load(b.input(1), b_at).id;
  s.stage().detail = std::move(detail);
  return s.acc();
}

Ex convolve(StageBuilder& s, const Vec<Dim>& grid, Ex x, Ex w) {
  const Vec<LoopId> outer = loop_ids(grid), inner = loop_ids(s.loops());
  s.stage().detail = Conv{.batch = outer[0],
                          .out_channel = outer[1],
                          .in_channel = inner[0],
                          .pixel = {outer.begin() + 2, outer.end()},
                          .window = {inner.begin() + 1, inner.end()},
                          .x = x.id,
                          .w = w.id,
                          .acc = x.type()};
  return s.acc();
}

}  // namespace rlx
