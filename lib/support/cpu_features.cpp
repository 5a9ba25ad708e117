#include "support/cpu_features.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <cpuid.h>

namespace rlx {
namespace {

enum Register : uint8_t { kEax, kEbx, kEcx, kEdx };

// Bits of XCR0 that the system sets when it saves these registers.
enum SavedState : uint32_t { kNone = 0, kYmm = 0x6, kZmm = 0xe6, kTile = 0x60000 };

enum Leaf : uint8_t { k1, k7, k7Sub1, kExtended };

struct Feature {
  std::string_view name;
  Leaf leaf;
  Register in;
  uint8_t bit;
  SavedState state = kNone;
};

// Sorted by name.
constexpr Feature kFeatures[] = {
    {"amx-bf16", k7, kEdx, 22, kTile},
    {"amx-int8", k7, kEdx, 25, kTile},
    {"amx-tile", k7, kEdx, 24, kTile},
    {"avx", k1, kEcx, 28, kYmm},
    {"avx2", k7, kEbx, 5, kYmm},
    {"avx512bf16", k7Sub1, kEax, 5, kZmm},
    {"avx512bw", k7, kEbx, 30, kZmm},
    {"avx512cd", k7, kEbx, 28, kZmm},
    {"avx512dq", k7, kEbx, 17, kZmm},
    {"avx512f", k7, kEbx, 16, kZmm},
    {"avx512fp16", k7, kEdx, 23, kZmm},
    {"avx512vbmi", k7, kEcx, 1, kZmm},
    {"avx512vl", k7, kEbx, 31, kZmm},
    {"avx512vnni", k7, kEcx, 11, kZmm},
    {"avxvnni", k7Sub1, kEax, 4, kYmm},
    {"bmi", k7, kEbx, 3},
    {"bmi2", k7, kEbx, 8},
    {"cx16", k1, kEcx, 13},
    {"f16c", k1, kEcx, 29, kYmm},
    {"fma", k1, kEcx, 12, kYmm},
    {"lzcnt", kExtended, kEcx, 5},
    {"movbe", k1, kEcx, 22},
    {"popcnt", k1, kEcx, 23},
    {"sahf", kExtended, kEcx, 0},
    {"sse3", k1, kEcx, 0},
    {"sse4.1", k1, kEcx, 19},
    {"sse4.2", k1, kEcx, 20},
    {"ssse3", k1, kEcx, 9},
};
static_assert(std::ranges::is_sorted(kFeatures, {}, &Feature::name));

using Registers = std::array<uint32_t, 4>;

Registers registers_of(uint32_t leaf, uint32_t subleaf) {
  Registers r{};
  __get_cpuid_count(leaf, subleaf, &r[kEax], &r[kEbx], &r[kEcx], &r[kEdx]);
  return r;
}

// XCR0; 0 where the system does not use it.
uint32_t saved_state(const Registers& leaf1) {
  constexpr uint32_t kOsxsave = 1U << 27;
  if ((leaf1[kEcx] & kOsxsave) == 0) return 0;
  uint32_t low, high;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

struct Cpu {
  std::array<Registers, 4> leaves = {registers_of(1, 0), registers_of(7, 0), registers_of(7, 1),
                                     registers_of(0x80000001, 0)};
  uint32_t state = saved_state(leaves[k1]);

  bool has(const Feature& f) const {
    const bool saved = (state & f.state) == f.state;
    return saved && ((leaves[f.leaf][f.in] >> f.bit) & 1) != 0;
  }
};

// Read once: under a hypervisor each CPUID takes microseconds.
const Cpu& host() {
  static const Cpu cpu;
  return cpu;
}

const Feature* find_feature(std::string_view name) {
  const Feature* found = std::ranges::lower_bound(kFeatures, name, {}, &Feature::name);
  return found != std::end(kFeatures) && found->name == name ? found : nullptr;
}

}  // namespace

bool is_cpu_feature(std::string_view name) { return find_feature(name) != nullptr; }

bool host_has(std::string_view feature) {
  const Feature* known = find_feature(feature);
  return known != nullptr && host().has(*known);
}

Vec<std::string> host_features() {
  Vec<std::string> found;
  for (const Feature& f : kFeatures) {
    if (host().has(f)) found.emplace_back(f.name);
  }
  return found;
}

Vec<std::string> missing_on_host(const Vec<std::string>& wanted) {
  Vec<std::string> missing;
  std::ranges::copy_if(wanted, std::back_inserter(missing),
                       [](const std::string& name) { return !host_has(name); });
  return missing;
}

}  // namespace rlx
