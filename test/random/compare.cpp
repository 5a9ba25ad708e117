#include "test/random/compare.h"

#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "kernel/element.h"

namespace rlx::random {
namespace {

using test::Tensor;

double number_at(DType t, const char* at) {
  return with_type(t, [&]<class T>() {
    T v;
    std::memcpy(&v, at, sizeof v);
    return convert<double>(v);
  });
}

std::string place(size_t output, int64_t at, double got, double want) {
  return fmt::format("output {} element {} is {}, not {}", output, at, got, want);
}

double largest(const Tensor& t) {
  double most = 0;
  auto size = static_cast<size_t>(size_of(t.dtype));
  for (size_t i = 0; i < t.bytes.size(); i += size) {
    double v = std::abs(number_at(t.dtype, &t.bytes[i]));
    if (std::isfinite(v)) most = std::max(most, v);
  }
  return most;
}

// A float's own share: what no estimate of rounding goes below.
double least_tolerance(DType t) {
  switch (t) {
    case DType::kF16: return 4e-3;
    case DType::kBF16: return 3e-2;
    case DType::kF32: return 2e-5;
    case DType::kF64: return 1e-9;
    default: return 0;
  }
}

}  // namespace

std::string difference_in_bits(const Vec<Tensor>& got, const Vec<Tensor>& want) {
  if (got.size() != want.size()) return "another number of outputs";
  for (size_t o = 0; o < got.size(); ++o) {
    if (got[o].dtype != want[o].dtype || got[o].shape != want[o].shape) {
      return fmt::format("output {} has another type or shape", o);
    }
    auto size = static_cast<size_t>(size_of(got[o].dtype));
    for (size_t i = 0; i < got[o].bytes.size(); i += size) {
      if (std::memcmp(&got[o].bytes[i], &want[o].bytes[i], size) == 0) continue;
      double g = number_at(got[o].dtype, &got[o].bytes[i]);
      double w = number_at(want[o].dtype, &want[o].bytes[i]);
      if (std::isnan(g) && std::isnan(w)) continue;
      return place(o, static_cast<int64_t>(i / size), g, w);
    }
  }
  return {};
}

std::string difference(const Vec<Tensor>& got, const Vec<Tensor>& want,
                       const Vec<double>& tolerances) {
  if (got.size() != want.size()) return "another number of outputs";
  for (size_t o = 0; o < got.size(); ++o) {
    const Tensor &g = got[o], &w = want[o];
    if (g.dtype != w.dtype) return fmt::format("output {} has another type", o);
    if (g.shape != w.shape) return fmt::format("output {} has another shape", o);
    double scale = largest(w);
    double tolerance = least_tolerance(g.dtype) * (1 + scale);
    if (is_float(g.dtype)) {
      tolerance = tolerances.empty() ? 1e-3 * scale + 1e-4 : std::max(tolerance, tolerances[o]);
    }
    auto size = static_cast<size_t>(size_of(g.dtype));
    for (size_t i = 0; i < g.bytes.size(); i += size) {
      double a = number_at(g.dtype, &g.bytes[i]), b = number_at(w.dtype, &w.bytes[i]);
      bool same = a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= tolerance;
      if (!same) {
        return place(o, static_cast<int64_t>(i / size), a, b) +
               fmt::format(" +- {:.3g}", tolerance);
      }
    }
  }
  return {};
}

}  // namespace rlx::random
