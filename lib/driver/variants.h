// What rlx-spec does: the variants of a model, many at once.
#pragma once
#include "driver/cache_commands.h"
#include "driver/dim_lists.h"

namespace rlx::driver {

struct VariantsRequest {
  // What all variants share: the model or the key of an entry; as `dims` the elements of inputs (--set), as `shapes` those
  // that hold for all.
  BuildRequest build;
  // As written. A key has its own target.
  Vec<std::string> targets = {"host"};
  // Every combination.
  Vec<DimList> dims = {};
  // Files and folders with sets of inputs: what rlx-run would bind for each of them.
  Vec<std::string> inputs = {};
};

// One of them: what build() or build_for_inputs() makes.
struct Variant {
  BuildRequest build;
  // Of a set of inputs.
  InputShapes shapes;
};

// All that are asked for, targets outermost. Error 2021 where they are more than kMostVariants.
Result<Vec<Variant>> variants_of(const VariantsRequest& request);

// What went wrong with one of them: problems that say which it is, where there are several, and an item.
void add_problem(Answer& answer, const Variant& variant, const Error& e, bool is_one);

// Makes them; a line each, "KEY  hit|built  TARGET  MODEL  DIMS", of those that come to the same one. Ends with the first
// that cannot be made, as a problem.
Result<Answer> bind_variants(const VariantsRequest& request);

// Those in the cache, the template first: of all targets and switches where the model is given, else of that entry.
Result<Answer> list_variants(const VariantsRequest& request);

// "KEY  hit|built  TARGET  MODEL".
std::string line_of(const Built& built, const std::string& model);

}  // namespace rlx::driver
