#include "backend/cpu/isa.h"

#include <algorithm>

namespace rlx::backend::cpu {

namespace {

// Prefixes of what is left out.
constexpr std::string_view kByHandOnly[] = {"amx", "avx512bf16", "avx512fp16", "avx512vnni",
                                            "avxvnni"};

}  // namespace

Vec<std::string> code_features(const CpuTarget& target) {
  Vec<std::string> features;
  for (const std::string& f : target.features) {
    const bool by_hand = std::any_of(std::begin(kByHandOnly), std::end(kByHandOnly),
                                     [&](std::string_view p) { return f.starts_with(p); });
    if (!by_hand) features.push_back(f);
  }
  return features;
}

}  // namespace rlx::backend::cpu
