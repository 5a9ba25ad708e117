// Kernels of every kind and element type: what a GPU is tried with, and ptxas.
#pragma once
#include "test/backend/data.h"

namespace rlx::test {

struct Case {
  std::string name;
  Kernel kernel;
  Symbols symbols = {};
  Fill fill = random_values(1);
};

// Written ones, and so many random kernels and nodes.
Vec<Case> corpus(unsigned random);

}  // namespace rlx::test
