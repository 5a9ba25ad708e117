#include "driver/run_compare.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "driver/run_values.h"

namespace rlx::driver {
namespace {

// For both rtol and atol.
double default_tolerance(DType t) {
  switch (t) {
    case DType::kF16: return 1e-2;
    case DType::kBF16: return 2e-2;
    case DType::kF32: return 1e-4;
    case DType::kF64: return 1e-7;
    case DType::kBool:
    case DType::kI4:
    case DType::kI8:
    case DType::kI16:
    case DType::kI32:
    case DType::kI64:
    case DType::kU4:
    case DType::kU8:
    case DType::kU16:
    case DType::kU32:
    case DType::kU64:
    case DType::kString: return 0;
  }
  return 0;
}

Wide distance(Wide got, Wide want) {
  if (got == want || (std::isnan(got) && std::isnan(want))) return 0;
  // NaN where there is none, or an infinity too many or too few.
  if (!std::isfinite(got) || !std::isfinite(want)) return INFINITY;
  return std::abs(got - want);
}

// The largest finite |value|; 0 where there is none.
Wide largest_of(const HostTensor& t) {
  Wide largest = 0;
  each_element(t, [&](int64_t, Wide value) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  });
  return largest;
}

// To two digits, so that what is printed passes.
double rounded_up(Wide value) {
  if (value == 0 || std::isinf(value)) return static_cast<double>(value);
  const Wide unit = std::pow(Wide{10}, std::floor(std::log10(value)) - 1);
  // 7.5 stays 7.5, whatever 0.1 is in binary.
  return static_cast<double>(std::ceil(value / unit - Wide{1e-9}) * unit);
}

Vec<int64_t> coordinates(int64_t index, const Vec<int64_t>& shape) {
  Vec<int64_t> at(shape.size());
  for (size_t axis = shape.size(); axis-- > 0;) {
    at[axis] = index % shape[axis];
    index /= shape[axis];
  }
  return at;
}

Comparison another_type(const HostTensor& got, const HostTensor& want) {
  return {.problem = fmt::format("is {}, wanted {}", type_text(got), type_text(want)),
          .bad = got.elements(),
          .passes_at = INFINITY};
}

// Goes over the elements of both, of one type and shape.
class Comparer {
 public:
  Comparer(const HostTensor& got, const HostTensor& want, const Tolerance& t)
      : got_(got),
        rtol_(t.rtol.value_or(default_tolerance(want.dtype))),
        atol_(t.atol.value_or(default_tolerance(want.dtype))),
        by_largest_(t.by_largest),
        largest_(t.by_largest ? largest_of(want) : 0) {
    wanted_.reserve(want.elements());
    each_element(want, [&](int64_t, Wide value) { wanted_.push_back(value); });
  }

  Comparison compare() {
    each_element(got_, [&](int64_t i, Wide value) { look_at(i, value, wanted_[i]); });
    if (result_.bad != 0) result_.problem = problem();
    result_.max_abs = static_cast<double>(max_abs_);
    result_.max_rel = static_cast<double>(max_rel_);
    result_.passes_at = rounded_up(passes_at_);
    return std::move(result_);
  }

 private:
  void look_at(int64_t index, Wide got, Wide want) {
    const Wide d = distance(got, want);
    if (d == 0) return;
    const Wide scale = by_largest_ ? largest_ : std::abs(want);
    max_abs_ = std::max(max_abs_, d);
    if (want != 0) max_rel_ = std::max(max_rel_, std::isinf(d) ? d : d / std::abs(want));
    passes_at_ = std::max(passes_at_, std::isinf(d) ? d : d / (1 + scale));
    if (std::isfinite(d) && d <= atol_ + rtol_ * scale) return;
    if (result_.bad++ != 0) return;
    result_.first_bad = coordinates(index, got_.shape);
    first_got_ = got;
    first_want_ = want;
  }

  std::string problem() const {
    return fmt::format("differs in {} of {} elements, first at [{}]: {}, wanted {}", result_.bad,
                       wanted_.size(), fmt::join(result_.first_bad, ", "),
                       number_text(got_.dtype, first_got_), number_text(got_.dtype, first_want_));
  }

  const HostTensor& got_;
  const double rtol_, atol_;
  const bool by_largest_;
  const Wide largest_;
  Vec<Wide> wanted_;
  Comparison result_;
  Wide max_abs_ = 0, max_rel_ = 0, passes_at_ = 0;
  Wide first_got_ = 0, first_want_ = 0;
};

}  // namespace

Comparison compare(const HostTensor& got, const HostTensor& want, const Tolerance& tolerance) {
  if (got.dtype != want.dtype || got.shape != want.shape) return another_type(got, want);
  return Comparer(got, want, tolerance).compare();
}

}  // namespace rlx::driver
