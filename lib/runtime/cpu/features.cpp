#include "runtime/cpu/features.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <cpuid.h>

namespace rlx::runtime::cpu {
namespace {

enum Register : uint8_t { kEax, kEbx, kEcx, kEdx };

// Bits of XCR0 that the system sets when it saves these registers.
enum State : uint32_t { kNone = 0, kYmm = 0x6, kZmm = 0xe6, kTile = 0x60000 };

enum Leaf : uint8_t { k1, k7, k7Sub1, kExtended };

struct Feature {
  std::string_view name;
  Leaf leaf;
  Register in;
  uint8_t bit;
  State state = kNone;
};

constexpr Feature kFeatures[] = {
    {"64bit", kExtended, kEdx, 29},
    {"adx", k7, kEbx, 19},
    {"aes", k1, kEcx, 25},
    {"amx-bf16", k7, kEdx, 22, kTile},
    {"amx-fp16", k7Sub1, kEax, 21, kTile},
    {"amx-int8", k7, kEdx, 25, kTile},
    {"amx-tile", k7, kEdx, 24, kTile},
    {"avx", k1, kEcx, 28, kYmm},
    {"avx2", k7, kEbx, 5, kYmm},
    {"avx512bf16", k7Sub1, kEax, 5, kZmm},
    {"avx512bitalg", k7, kEcx, 12, kZmm},
    {"avx512bw", k7, kEbx, 30, kZmm},
    {"avx512cd", k7, kEbx, 28, kZmm},
    {"avx512dq", k7, kEbx, 17, kZmm},
    {"avx512f", k7, kEbx, 16, kZmm},
    {"avx512fp16", k7, kEdx, 23, kZmm},
    {"avx512ifma", k7, kEbx, 21, kZmm},
    {"avx512vbmi", k7, kEcx, 1, kZmm},
    {"avx512vbmi2", k7, kEcx, 6, kZmm},
    {"avx512vl", k7, kEbx, 31, kZmm},
    {"avx512vnni", k7, kEcx, 11, kZmm},
    {"avx512vpopcntdq", k7, kEcx, 14, kZmm},
    {"avxifma", k7Sub1, kEax, 23, kYmm},
    {"avxneconvert", k7Sub1, kEdx, 5, kYmm},
    {"avxvnni", k7Sub1, kEax, 4, kYmm},
    {"avxvnniint8", k7Sub1, kEdx, 4, kYmm},
    {"bmi", k7, kEbx, 3},
    {"bmi2", k7, kEbx, 8},
    {"cmov", k1, kEdx, 15},
    {"cx16", k1, kEcx, 13},
    {"cx8", k1, kEdx, 8},
    {"f16c", k1, kEcx, 29, kYmm},
    {"fma", k1, kEcx, 12, kYmm},
    {"fxsr", k1, kEdx, 24},
    {"gfni", k7, kEcx, 8},
    {"lzcnt", kExtended, kEcx, 5},
    {"mmx", k1, kEdx, 23},
    {"movbe", k1, kEcx, 22},
    {"pclmul", k1, kEcx, 1},
    {"popcnt", k1, kEcx, 23},
    {"prfchw", kExtended, kEcx, 8},
    {"sahf", kExtended, kEcx, 0},
    {"sha", k7, kEbx, 29},
    {"sse", k1, kEdx, 25},
    {"sse2", k1, kEdx, 26},
    {"sse3", k1, kEcx, 0},
    {"sse4.1", k1, kEcx, 19},
    {"sse4.2", k1, kEcx, 20},
    {"ssse3", k1, kEcx, 9},
    {"vaes", k7, kEcx, 9, kYmm},
    {"vpclmulqdq", k7, kEcx, 10, kYmm},
    {"xsave", k1, kEcx, 26},
};

using Registers = std::array<uint32_t, 4>;

Registers read(uint32_t leaf, uint32_t subleaf) {
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

// Read once: under a hypervisor each CPUID takes microseconds.
struct Cpu {
  std::array<Registers, 4> leaves = {read(1, 0), read(7, 0), read(7, 1), read(0x80000001, 0)};
  uint32_t state = saved_state(leaves[k1]);

  bool has(const Feature& f) const {
    bool saved = (state & f.state) == f.state;
    return saved && ((leaves[f.leaf][f.in] >> f.bit) & 1) != 0;
  }
};

}  // namespace

bool has_feature(std::string_view name) {
  static const Cpu cpu;
  const Feature* feature = std::ranges::find(kFeatures, name, &Feature::name);
  return feature != std::end(kFeatures) && cpu.has(*feature);
}

Vec<std::string> missing_features(const Vec<std::string>& wanted) {
  Vec<std::string> missing;
  std::ranges::copy_if(wanted, std::back_inserter(missing),
                       [](const std::string& name) { return !has_feature(name); });
  return missing;
}

}  // namespace rlx::runtime::cpu
