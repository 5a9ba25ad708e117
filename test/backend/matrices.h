// Products of numbers of 16 bits: what rows of a GPU's menu that are not exact are tried with. Their values are small whole numbers, whose
// sums are exact in every order.
#pragma once
#include "target/menu.h"
#include "test/backend/corpus.h"

namespace rlx::test {

// All of them are relaxed, and lie as these rows need.
Vec<Case> matrix_cases();

// These rows in all sizes that fit the kernel.
Vec<Choice> matrix_choices(const Kernel& k);

}  // namespace rlx::test
