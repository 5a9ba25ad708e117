// Products of numbers of 16 bits: what matrix units of a GPU are tried with. Their values are small whole numbers, whose
// sums are exact in every order.
#pragma once
#include "test/backend/corpus.h"

namespace rlx::test {

// All of them are relaxed, and lie as the row of the menu for matrix units needs.
Vec<Case> matrix_cases();

// The kernel with each size of tile that there is.
Vec<Choice> matrix_choices();

}  // namespace rlx::test
