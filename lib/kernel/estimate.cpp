#include "kernel/estimate.h"

#include <algorithm>

namespace rlx {

int64_t estimate(const Dim& d) {
  auto guess = [](const Atom& a) -> std::optional<Dim> {
    if (a.kind == Atom::Kind::kSymbol) return Dim(128);
    if (a.kind == Atom::Kind::kLoop) return Dim(0);
    return std::nullopt;
  };
  return substitute(d, guess).constant().value_or(128);
}

double estimated_trips(const Vec<Loop>& loops) {
  double trips = 1;
  for (const Loop& l : loops) {
    trips *= static_cast<double>(std::max<int64_t>(1, estimate(l.extent)));
  }
  return trips;
}

double estimated_work(const Kernel& k, const Stage& s) {
  auto steps = static_cast<double>(s.body.size() + s.reads.size() + s.writes.size());
  return estimated_trips(k.grid) * estimated_trips(s.loops) * steps;
}

}  // namespace rlx
