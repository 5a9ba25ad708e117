// Kernels made at random from a seed, against the interpreter.
#include <catch2/catch.hpp>

#include "test/backend/program.h"
#include "test/backend/random_kernel.h"

namespace rlx::test {

TEST_CASE("random kernels") {
  for (unsigned seed = 0; seed < kernels_asked_for(120); ++seed) {
    RandomKernel random(seed);
    Kernel k = random.make();
    INFO("seed " << seed << "\n" << to_text(k));
    auto valid = verify(k);
    if (!valid) FAIL(to_text(valid.error()));
    check_same(k, random.symbols(), random_values(seed));
  }
}

}  // namespace rlx::test
