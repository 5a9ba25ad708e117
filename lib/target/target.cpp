#include "target/target.h"

#include <algorithm>
#include <span>

#include "support/cpu_features.h"

namespace rlx {

namespace {

// What a baseline has; a feature that it lacks is added by name. Both sorted.
constexpr std::string_view kV3[] = {"avx",  "avx2", "bmi",    "bmi2",   "cx16",
                                    "f16c", "fma",  "lzcnt",  "movbe",  "popcnt",
                                    "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"};
constexpr std::string_view kV4[] = {"avx",     "avx2",     "avx512bw", "avx512cd", "avx512dq",
                                    "avx512f", "avx512vl", "bmi",      "bmi2",     "cx16",
                                    "f16c",    "fma",      "lzcnt",    "movbe",    "popcnt",
                                    "sahf",    "sse3",     "sse4.1",   "sse4.2",   "ssse3"};

struct Baseline {
  // LLVM's name for it.
  std::string_view cpu;
  std::span<const std::string_view> features;
};

// Best first.
constexpr Baseline kBaselines[] = {{"x86-64-v4", kV4}, {"x86-64-v3", kV3}};

constexpr std::string_view kKnown =
    "host, cpu:portable, cpu:x86-64-v3, cpu:x86-64-v4, then ,+FEATURE or ,-FEATURE; cuda:sm_80, "
    "cuda:sm_90, "
    "cuda:sm_100";

bool contains(const Vec<std::string>& sorted, std::string_view name) {
  return std::binary_search(sorted.begin(), sorted.end(), name);
}

bool has_all(const Vec<std::string>& features, const Baseline& b) {
  return std::all_of(b.features.begin(), b.features.end(),
                     [&](std::string_view f) { return contains(features, f); });
}

// The facts that follow from the features.
void set_registers(CpuTarget& t) {
  const bool wide = t.has("avx512f") && t.has("avx512vl") && t.has("avx512bw") && t.has("avx512dq");
  t.vector_bits = wide ? 512 : 256;
  t.vector_registers = wide ? 32 : 16;
  t.l2_bytes = wide ? 1 << 20 : 512 << 10;
}

// The one text of a target: what it has beyond its baseline, then what it lacks, by name.
std::string canonical_text(const Baseline& b, const Vec<std::string>& features) {
  std::string text = "cpu:" + std::string(b.cpu);
  auto in_baseline = [&](std::string_view f) {
    return std::binary_search(b.features.begin(), b.features.end(), f);
  };
  for (const std::string& f : features) {
    if (!in_baseline(f)) text += ",+" + f;
  }
  for (const std::string_view f : b.features) {
    if (!contains(features, f)) text += ",-" + std::string(f);
  }
  return text;
}

Target make_target(const Baseline& b, Vec<std::string> features) {
  CpuTarget t{.cpu = std::string(b.cpu), .features = std::move(features)};
  set_registers(t);
  return {canonical_text(b, t.features), std::move(t)};
}

Result<Target> host_target() {
  Vec<std::string> features = host_features();
  for (const Baseline& b : kBaselines) {
    if (has_all(features, b)) return make_target(b, std::move(features));
  }
  return Error(2030, "this machine's processor lacks avx2 or fma",
               "rlxc compiles for others: --target cpu:x86-64-v3");
}

Error unknown(std::string_view text) {
  return Error(2030, "unknown target '" + std::string(text) + "'", "known: " + std::string(kKnown));
}

// "+avx512vnni" or "-fma": adds or removes.
bool apply_feature(Vec<std::string>& features, std::string_view change) {
  if (change.size() < 2 || (change[0] != '+' && change[0] != '-')) return false;
  std::string name(change.substr(1));
  if (!is_cpu_feature(name)) return false;
  auto at = std::lower_bound(features.begin(), features.end(), name);
  const bool there = at != features.end() && *at == name;
  if (change[0] == '+' && !there) features.insert(at, std::move(name));
  if (change[0] == '-' && there) features.erase(at);
  return true;
}

const Baseline* find_baseline(std::string_view cpu) {
  if (cpu == "portable") cpu = "x86-64-v3";
  for (const Baseline& b : kBaselines) {
    if (b.cpu == cpu) return &b;
  }
  return nullptr;
}

// `rest` follows "cpu:".
Result<Target> parse_cpu(std::string_view text, std::string_view rest) {
  size_t comma = rest.find(',');
  const Baseline* b = find_baseline(rest.substr(0, comma));
  if (!b) return unknown(text);
  Vec<std::string> features(b->features.begin(), b->features.end());
  while (comma != std::string_view::npos) {
    rest.remove_prefix(comma + 1);
    comma = rest.find(',');
    if (!apply_feature(features, rest.substr(0, comma))) return unknown(text);
  }
  return make_target(*b, std::move(features));
}

// What an architecture is called, and the lowest PTX version that has it.
struct Architecture {
  std::string_view name;
  int ptx;
};

constexpr Architecture kArchitectures[] = {{"sm_80", 70}, {"sm_90", 78}, {"sm_100", 86}};

// `arch` follows "cuda:".
Result<Target> parse_cuda(std::string_view text, std::string_view arch) {
  if (arch == "sm_90a") arch = "sm_90";
  for (const Architecture& a : kArchitectures) {
    if (a.name != arch) continue;
    return Target{"cuda:" + std::string(arch), CudaTarget{.arch = std::string(arch), .ptx = a.ptx}};
  }
  return unknown(text);
}

}  // namespace

bool CpuTarget::has(std::string_view feature) const { return contains(features, feature); }

const CpuTarget& Target::cpu() const {
  const auto* facts_of_cpu = std::get_if<CpuTarget>(&facts);
  RLX_CHECK(facts_of_cpu != nullptr, text + " is no CPU");
  return *facts_of_cpu;
}

const CudaTarget& Target::cuda() const {
  const auto* facts_of_cuda = std::get_if<CudaTarget>(&facts);
  RLX_CHECK(facts_of_cuda != nullptr, text + " is no CUDA architecture");
  return *facts_of_cuda;
}

Result<Target> parse_target(std::string_view text) {
  if (text == "host" || text == "cpu:host" || text == "cpu") return host_target();
  if (text.starts_with("cpu:")) return parse_cpu(text, text.substr(4));
  if (text.starts_with("cuda:")) return parse_cuda(text, text.substr(5));
  return unknown(text);
}

Vec<std::string> split_targets(std::string_view list) {
  Vec<std::string> targets = {""};
  for (size_t at = 0; at < list.size(); ++at) {
    const bool is_feature = at + 1 < list.size() && (list[at + 1] == '+' || list[at + 1] == '-');
    if (list[at] == ',' && !is_feature) {
      targets.emplace_back();
    } else {
      targets.back() += list[at];
    }
  }
  return targets;
}

}  // namespace rlx
