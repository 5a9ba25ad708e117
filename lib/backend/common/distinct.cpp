#include "backend/common/distinct.h"

#include <algorithm>
#include <unordered_map>

namespace rlx {
namespace {

// The kernel without what its code does not depend on: names, values, origins.
Kernel canonical(Kernel k) {
  k.name.clear();
  for (Arg& a : k.args) {
    a.name.clear();
    a.value = {};
    a.constant = false;
  }
  for (Stage& s : k.stages) {
    s.name.clear();
    s.origin.clear();
  }
  return k;
}

// Of the text: equal kernels have the same.
size_t hash_of(const PlannedKernel& p) {
  std::string text = to_text(p.kernel) + p.choice.algorithm;
  for (const int64_t extent : p.choice.tile) text += " " + std::to_string(extent);
  return std::hash<std::string>()(text);
}

bool is_same(const PlannedKernel& a, const PlannedKernel& b) {
  return a.choice == b.choice && a.kernel == b.kernel;
}

}  // namespace

Dedup deduplicated(const Vec<PlannedKernel>& kernels) {
  Dedup d;
  std::unordered_map<size_t, Vec<size_t>> by_hash;
  for (size_t i = 0; i < kernels.size(); ++i) {
    PlannedKernel plain{canonical(kernels[i].kernel), kernels[i].choice};
    Vec<size_t>& alike = by_hash[hash_of(plain)];
    auto same = std::find_if(alike.begin(), alike.end(),
                             [&](size_t f) { return is_same(d.functions[f].planned, plain); });
    if (same == alike.end()) {
      same = alike.insert(same, d.functions.size());
      d.functions.push_back({std::move(plain), i});
    }
    d.function_of.push_back(*same);
  }
  return d;
}

}  // namespace rlx
