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

Status check_bias(InferCtx& c, const Dim& channels) {
  if (!c.has(2)) return {};
  if (c.in(2).rank() != 1 || c.in(2).dtype != c.in(0).dtype) {
    return c.error(kBadInput, "the bias is no vector of x's element type");
  }
  return c.require_equal(c.in(2).shape[0], channels);
}

BiasedOutput::BiasedOutput(KernelBuilder& b, const Vec<Dim>& at) : b_(b), at_(at) {
  if (b.has(2)) local_ = b.local(b.out().dtype);
}

void BiasedOutput::store(StageBuilder& s, Ex sum) const {
  if (local_) return s.store(*local_, {}, sum);
  s.store(b_.output(), at_, sum);
}

void BiasedOutput::finish() const {
  if (!local_) return;
  StageBuilder s = b_.map();
  const Ex sum = s.load(*local_, {});
  s.store(b_.output(), at_, sum + s.load(b_.input(2), {at_[1]}));
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
