// Where two computations of the same outputs differ, for people; empty: nowhere.
#pragma once
#include <string>

#include "test/oracle/interpret.h"

namespace rlx::random {

// Any NaN is as good as another.
std::string difference_in_bits(const Vec<test::Tensor>& got, const Vec<test::Tensor>& want);
// By an absolute tolerance an output; none: a thousandth of the largest element.
std::string difference(const Vec<test::Tensor>& got, const Vec<test::Tensor>& want,
                       const Vec<double>& tolerances);

}  // namespace rlx::random
