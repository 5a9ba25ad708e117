// The steps of a loop: what the model gives as present_K is what it takes as past_K in the next one.
#pragma once
#include "test/random/model.h"

namespace rlx::random {

// A value that is given and the one that is taken.
struct Round {
  int present = 0, past = 0;
};
Vec<Round> rounds_of(const Model& m);

// The extents of each step, from those of the first one. Those that grow are what the step before gives; now and then, open
// ones that do not go round are 1 in all steps but the first, as where a text is followed by one word at a time. Fewer steps
// where the model does not allow that many.
Vec<Binding> bindings_of_steps(const Model& m, const Binding& first);

// The name of what is taken, of what is given; empty where it does not go round.
std::string past_of(const std::string& present);

}  // namespace rlx::random
