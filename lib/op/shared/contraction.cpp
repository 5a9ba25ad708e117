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
  const Ex left = s.load(b.input(0), a_at);
  const Ex right = s.load(b.input(1), b_at);
  return contract(s, grid, a_at, b_at, left, right);
}

Ex contract(StageBuilder& s, const Vec<Dim>& grid, const Vec<Dim>& a_at, const Vec<Dim>& b_at, Ex a,
            Ex b) {
  Contract detail{.k = loop_ids(s.loops()), .a = a.id, .b = b.id, .acc = a.type()};
  for (const Dim& loop : grid) {
    const bool in_a = uses(a_at, loop);
    const bool in_b = uses(b_at, loop);
    Vec<LoopId>& role = in_a && in_b ? detail.batch : in_b ? detail.n : detail.m;
    role.push_back(loop.as_loop().value());
  }
  s.stage().detail = std::move(detail);
  return s.acc();
}

Status check_bias(InferCtx& c, int bias, DType type, const Dim& channels) {
  if (!c.has(bias)) return {};
  if (c.in(bias).rank() != 1 || c.in(bias).dtype != type) {
    return c.error(kBadInput, "the bias is no vector of the sums' element type");
  }
  return c.require_equal(c.in(bias).shape[0], channels);
}

BiasedOutput::BiasedOutput(KernelBuilder& b, const Vec<Dim>& at, int bias)
    : b_(b), at_(at), bias_(bias) {
  if (b.has(bias)) local_ = b.local(b.out().dtype);
}

void BiasedOutput::store(StageBuilder& s, Ex sum) const {
  if (local_) return s.store(*local_, {}, sum);
  s.store(b_.output(), at_, sum);
}

void BiasedOutput::finish() const {
  if (!local_) return;
  StageBuilder s = b_.map();
  const Ex sum = s.load(*local_, {});
  s.store(b_.output(), at_, sum + s.load(b_.input(bias_), {at_[1]}));
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
