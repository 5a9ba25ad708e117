// Keys: what decides a result, hashed.
#pragma once
#include <map>

#include "ir/graph.h"
#include "target/target.h"

namespace rlx::driver {

using Dims = Vec<std::pair<std::string, int64_t>>;
using Options = Vec<std::pair<std::string, std::string>>;

struct Action {
  // "digits-<64 hex>", with "__<64 hex>" where dims are bound.
  std::string key;
  Digest digest;
  Digest fingerprint, structure;
  // What went into the digest, by name, so that a miss can say what differs: the value itself where it
  // is short, else its digest.
  std::map<std::string, std::string> inputs;
};

// Of the imported graph with all its constants, what is asked, and the compiler. `name` is the model's file
// name: it only makes the key readable. Dims in any order.
Action action_of(const Graph& imported, const std::string& name, const Target& target,
                 const Options& options, const std::string& salt);
// The variant of `base` with dims bound; `base` may be read back from its entry.
Action bound_action(const Action& base, const Dims& dims);
// The dims that are bound where these went into an action, by name; none of a template.
Dims dims_bound(const std::map<std::string, std::string>& inputs);

}  // namespace rlx::driver
